/** `checks.jsonl` of a set: what was checked, when, with what result. One line a check; never part of what is checked. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { FieldReader, parseJson } from '../fields.ts';
import { readOwnIfThere, type Files } from '../files.ts';
import { orFailure, type OnFailure } from './note-failure.ts';
import { type BackupSet } from './repository.ts';

export interface Check {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly program: string;
  /** How many things were wrong. */
  readonly findings: number;
  /** Recovery of its chain was gone through, too, and nothing was wrong with what came out. */
  readonly rehearsed: boolean;
}

export const checksName = 'checks.jsonl';

/** Adds a check to a set. */
export function appendCheck(files: Files, { directory }: BackupSet, check: Check): void {
  const file = path.join(directory, checksName);
  const opened = files.statIfThere(file) ? files.openToWrite(file) : files.create(file);
  try {
    const { size } = opened.stat();
    const last = new Uint8Array(1);
    // A line that a crash cut off must not swallow this one.
    const cut = size > 0 && opened.readAt(last, size - 1) === 1 && last[0] !== 0x0a;
    opened.writeAt(Buffer.from(`${cut ? '\n' : ''}${JSON.stringify(check)}\n`), size);
    opened.sync();
  } finally {
    opened.close();
  }
  files.syncDirectory(directory);
}

/**
 * The checks of a set in order of time. Those that are damaged are passed over: they count as not made. Throws when the
 * system can not read them, unless `onFailure` takes it.
 */
export function readChecks(files: Files, { directory }: BackupSet, onFailure?: OnFailure): readonly Check[] {
  const bytes = orFailure(() => readOwnIfThere(files, path.join(directory, checksName)), onFailure);
  if (!bytes) return [];
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  return lines.map(parseCheck).filter((check) => check !== undefined);
}

function parseCheck(line: string): Check | undefined {
  try {
    const fields = new FieldReader(parseJson(line), (text) => new FigaroError('manifest-corrupt', text));
    return {
      time: fields.time('time'),
      program: fields.string('program'),
      findings: fields.count('findings'),
      rehearsed: fields.boolean('rehearsed'),
    };
  } catch {
    return undefined;
  }
}
