/** `checks.jsonl` of a set: what was checked, when, with what result. One line a check; never part of what is checked. */

import path from 'node:path';
import { readableFields } from '../fields.ts';
import { readEndIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { orFailure, type OnFailure } from './note-failure.ts';
import { type BackupSet } from './backup-set.ts';

export interface Check {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly program: string;
  /** How many things were wrong. */
  readonly findings: number;
  /** Recovery of its chain was gone through, too, and nothing was wrong with what came out. */
  readonly rehearsed: boolean;
}

/** What `checks.jsonl` tells. */
interface Checks {
  /** In order of time. */
  readonly made: readonly Check[];
  /** The newest cannot be read: what it found is not known. */
  readonly isDamaged: boolean;
}

export const checksName = 'checks.jsonl';

/** Some thousand checks: of a file that grew for years the last ones are read. In bytes. */
const mostRead = 1 << 20;

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
 * What was checked of a set. Lines that are damaged are passed over, and one that a crash cut off counts as not made. Throws
 * when the system cannot read the file, unless `onFailure` takes it.
 */
export function readChecks(files: Files, { directory }: BackupSet, onFailure?: OnFailure): Checks {
  const file = path.join(directory, checksName);
  return (
    orFailure(() => decodeChecks(readEndIfThere(files, file, mostRead)), onFailure) ?? { made: [], isDamaged: true }
  );
}

/** The newest check found something, or nobody knows what it found. */
export function isDoubted({ made, isDamaged }: Checks): boolean {
  return isDamaged || (made.at(-1)?.findings ?? 0) > 0;
}

/** The newest check that went through the recovery of the chain, and found nothing. */
export function lastRehearsalOf({ made }: Checks): Check | undefined {
  return made.findLast(({ rehearsed, findings }) => rehearsed && findings === 0);
}

/** What the bytes of `checks.jsonl` tell; undefined stands for none. */
export function decodeChecks(bytes: Uint8Array | undefined): Checks {
  if (!bytes) return { made: [], isDamaged: false };
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  const cutOff = lines.pop()!;
  const made = [...lines, cutOff].map(parseCheck).filter((check) => check !== undefined);
  const hasNewest = parseCheck(cutOff) !== undefined || (lines.length > 0 && parseCheck(lines.at(-1)!) !== undefined);
  return { made, isDamaged: !hasNewest && (lines.length > 0 || bytes.length === mostRead) };
}

function parseCheck(line: string): Check | undefined {
  return readableFields(line, (fields) => ({
    time: fields.time('time'),
    program: fields.string('program'),
    findings: fields.count('findings'),
    rehearsed: fields.boolean('rehearsed'),
  }));
}
