/** `pin.json` of a full set: its chain is kept whatever the rules of `expire` say. */

import path from 'node:path';
import { readableFields } from '../fields.ts';
import { readOwnIfThere } from '../files/read.ts';
import { writeDurably } from '../files/durable.ts';
import { type Files } from '../files/files.ts';
import { findChain } from './find-chain.ts';
import { orFailure, type OnFailure } from './note-failure.ts';
import { type BackupSet } from './backup-set.ts';
import { asWriter, readSets, type LockWait, type Repository } from './repository.ts';

/** Why a chain is kept whatever the rules say. */
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
  return pin === 'none' ? undefined : (pin ?? { note: `${pinName} cannot be read` });
}

export interface PinOptions extends LockWait {
  /** Any set of the chain. */
  readonly set: string;
}

/** Pins a chain; a pin it has already gets the new note. Throws `set-missing`, `chain-gap` and `busy`. */
export async function pinChain(
  files: Files,
  repository: Repository,
  { note = '', ...options }: PinOptions & { readonly note?: string },
): Promise<{ readonly chain: string; readonly pin: Pin }> {
  const pin = { time: new Date().toISOString(), note };
  const chain = await changePin(files, repository, options, (held, { directory }) =>
    writeDurably(held, path.join(directory, pinName), `${JSON.stringify(pin)}\n`),
  );
  return { chain, pin };
}

/** Lets a chain be expired again. Throws as `pinChain`. `wasPinned` is false when there was nothing to do. */
export async function unpinChain(
  files: Files,
  repository: Repository,
  options: PinOptions,
): Promise<{ readonly chain: string; readonly wasPinned: boolean }> {
  let wasPinned = false;
  const chain = await changePin(files, repository, options, (held, full) => {
    wasPinned = readPin(held, full) !== undefined;
    held.remove(path.join(full.directory, pinName));
    held.syncDirectory(full.directory);
  });
  return { chain, wasPinned };
}

/** Returns the id of the chain, after `change` of its full set. */
async function changePin(
  files: Files,
  repository: Repository,
  { set, ...wait }: PinOptions,
  change: (held: Files, full: BackupSet) => void,
): Promise<string> {
  const write = (held: Files): Promise<string> => {
    const { sets, broken } = readSets(held, repository);
    const chain = findChain(sets, { chain: set }, broken);
    change(held, chain.sets[0]!);
    return Promise.resolve(chain.id);
  };
  return await asWriter(files, repository, write, wait);
}
