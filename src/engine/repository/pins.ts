/** `pin.json` of a full set: its chain is kept whatever the rules of `expire` say. */

import path from 'node:path';
import { readableFields } from '../fields.ts';
import { readOwnIfThere } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { type Chain } from './chain.ts';
import { orFailure, type OnFailure } from './note-failure.ts';
import { type BackupSet } from './backup-set.ts';

export interface Pin {
  /** ISO 8601, UTC; undefined where the pin cannot be read. */
  readonly time?: string;
  /** Why, in the words of who pinned it; may be empty. */
  readonly note: string;
}

export const pinName = 'pin.json';

/** In bytes. */
const noteLimit = 1 << 20;

/**
 * The pin of a full set; undefined when it has none. One that is damaged keeps the chain, too. Throws when the system can
 * not read it, unless `onFailure` takes it.
 */
export function readPin(files: Files, { directory }: BackupSet, onFailure?: OnFailure): Pin | undefined {
  const pin = orFailure(() => {
    const bytes = readOwnIfThere(files, path.join(directory, pinName), noteLimit);
    if (!bytes) return 'none';
    return readableFields(bytes, (fields) => ({ time: fields.time('time'), note: fields.string('note') }));
  }, onFailure);
  return pin === 'none' ? undefined : (pin ?? { note: `${pinName} can not be read` });
}

/** Pins a chain; a pin it has already gets the new note. */
export function pinChain(files: Files, { sets }: Chain, note: string, now: Date): Pin {
  const pin = { time: now.toISOString(), note };
  writeDurably(files, path.join(sets[0]!.directory, pinName), `${JSON.stringify(pin)}\n`);
  return pin;
}

/** False when the chain was not pinned. */
export function unpinChain(files: Files, { sets }: Chain): boolean {
  const { directory } = sets[0]!;
  const wasPinned = readPin(files, sets[0]!) !== undefined;
  files.remove(path.join(directory, pinName));
  files.syncDirectory(directory);
  return wasPinned;
}
