/** `last-look.json` of a set: when an incremental that was to follow it last found nothing new. A sign of life, no set. */

import path from 'node:path';
import { readableFields } from '../fields.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { readOwnIfThere } from '../files/read.ts';
import { orFailure, type OnFailure } from './note-failure.ts';
import { type BackupSet } from './backup-set.ts';

export const lastLookName = 'last-look.json';

/** In bytes. */
const limit = 1 << 12;

/** Notes that the source had nothing that a set has not at `time`. */
export function noteLook(files: Files, { directory }: Pick<BackupSet, 'directory'>, time: Date): void {
  writeDurably(files, path.join(directory, lastLookName), `${JSON.stringify({ time: time.toISOString() })}\n`);
}

/**
 * When the source was last found to have nothing new, ISO 8601, UTC; undefined when it was never looked at, and where that
 * cannot be read. Throws when the system cannot read it, unless `onFailure` takes it.
 */
export function readLook(
  files: Files,
  { directory }: Pick<BackupSet, 'directory'>,
  onFailure?: OnFailure,
): string | undefined {
  return orFailure(() => {
    const bytes = readOwnIfThere(files, path.join(directory, lastLookName), limit);
    return bytes && readableFields(bytes, (fields) => fields.time('time'));
  }, onFailure);
}
