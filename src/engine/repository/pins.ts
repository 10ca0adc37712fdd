/** `pin.json` of a full set: its chain is kept whatever the rules of `expire` say. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { FieldReader, parseJson } from '../fields.ts';
import { isShortage, readOwnIfThere, writeDurably, type Files } from '../files.ts';
import { type Chain } from './chain.ts';
import { type BackupSet } from './repository.ts';

export interface Pin {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Why, in the words of who pinned it; may be empty. */
  readonly note: string;
}

export const pinName = 'pin.json';

/** In bytes. */
const noteLimit = 1 << 20;

/** The pin of a full set; undefined when it has none. One that can not be read keeps the chain, too. */
export function readPin(files: Files, { directory }: BackupSet): Pin | undefined {
  try {
    const bytes = readOwnIfThere(files, path.join(directory, pinName), noteLimit);
    if (!bytes) return undefined;
    const fields = new FieldReader(
      parseJson(Buffer.from(bytes).toString('utf8')),
      (text) => new FigaroError('io', text),
    );
    return { time: fields.time('time'), note: fields.string('note') };
  } catch (error) {
    if (error instanceof FigaroError && isShortage(error)) throw error;
    // Told below.
  }
  return { time: '', note: `${pinName} can not be read` };
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
