/** The last thing that went wrong with a standby, for `status`. A note, no more: it need not last. */

import path from 'node:path';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { readableFields } from '../fields.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { standbyName } from '../places.ts';
import { partsOf } from './standby.ts';

export interface Trouble {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly code: string;
  readonly message: string;
}

export function noteTrouble(files: Files, directory: string, error: unknown): void {
  if (!(error instanceof FigaroError) || isOfTheRun(error)) return;
  if (!files.statIfThere(path.join(directory, standbyName))) return;
  const trouble: Trouble = { time: new Date().toISOString(), code: error.code, message: error.message };
  try {
    clearTrouble(files, directory);
    const file = files.create(partsOf(directory).trouble);
    try {
      file.writeAt(Buffer.from(`${JSON.stringify(trouble)}\n`), 0);
    } finally {
      file.close();
    }
  } catch {
    // What went wrong is told anyway.
  }
}

export function clearTrouble(files: Files, directory: string): void {
  files.remove(path.resolve(partsOf(directory).trouble));
}

export function readTrouble(files: Files, directory: string): Trouble | undefined {
  try {
    const bytes = readOwnIfThere(files, partsOf(directory).trouble);
    return (
      bytes &&
      readableFields(bytes, (fields) => ({
        time: fields.time('time'),
        code: fields.string('code'),
        message: fields.string('message'),
      }))
    );
  } catch {
    return undefined;
  }
}
