/** For whom an encrypted repository is: told, and changed. What is there already stays as it is, and for whom it was sealed. */

import { FigaroError } from '../../errors.ts';
import { type Watch } from '../pause.ts';
import { repositoryName } from '../places.ts';
import { lockStore } from '../remote/store-lock.ts';
import { decodeHead, encodeHead, type Head, type HeadKeys } from '../repository/head.ts';
import { bytesAsSource } from '../store/object-source.ts';
import { type OpenedStore } from '../store/stores.ts';
import { type Store } from '../store/store.ts';
import { parseRecipient } from '../age/recipients.ts';
import { type GivenKeys } from './opening.ts';
import { headKeys, isMachine, requireMachineKey, sealedKey, withMachineKey } from './keys.ts';

/** More is no head, in bytes. */
const headLimit = 1 << 20;

export interface Recipients {
  readonly recipients: readonly string[];
  /** The machine that backs up. */
  readonly machine: string;
  /** True where it is known that nobody without the key of the machine has changed them; false where there was no key to tell by. */
  readonly isProven: boolean;
}

/**
 * Throws `usage` for a repository that is not encrypted, `repository-missing` where there is none, `password` for a key that is another's, and
 * `manifest-corrupt` where somebody else has changed the recipients.
 */
export async function readRecipients({ store }: OpenedStore, given: GivenKeys): Promise<Recipients> {
  const { head, keys } = await readHead(store);
  return { ...named(keys), isProven: (await machineKeys(store, head, keys, given)) !== undefined };
}

function named({ recipients, machine }: HeadKeys): Omit<Recipients, 'isProven'> {
  return { recipients, machine };
}

/** Where a new key of the machine is kept. */
export interface NewKey {
  /** What an earlier run made, and perhaps did not finish: the key, and those before. */
  readonly pending: readonly string[] | undefined;
  /** Makes one, which is kept beside those before. Returns all of them. */
  make(before: readonly string[], isPostQuantum: boolean): Promise<readonly string[]>;
  /** It is that of the repository now. */
  take(): void;
}

export interface RecipientChanges {
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Has the machine get another key. */
  readonly newKey?: NewKey | undefined;
  readonly lockWaitMs?: number;
  readonly watch?: Watch;
}

/** What was changed, and how it is now. */
export interface ChangedRecipients extends Recipients {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly hasNewKey: boolean;
}

/**
 * Adds and removes recipients, and gives the machine another key, as the only one who writes. Throws as `readRecipients`, `usage` for what is no recipient,
 * for one to be removed that is none of them, and for the last one, and `busy`.
 */
export async function changeRecipients(
  { store, ending }: OpenedStore,
  given: GivenKeys,
  { add, remove, newKey, lockWaitMs = 0, watch = {} }: RecipientChanges,
): Promise<ChangedRecipients> {
  const wanted = [...new Set(add.map((text) => parseRecipient(text).text))];
  // Before anybody is waited for.
  await readHead(store);
  const lock = await lockStore(store, { lockWaitMs, watch, ending });
  try {
    const { head, keys } = await readHead(store);
    const pending = newKey?.pending;
    const isTold = pending !== undefined && (await isMachine(pending[0]!, keys));
    const own = isTold ? pending : await machineKeys(store, head, keys, given);
    if (!own) throw noKey(store);
    if (isTold) await requireMachineKey(own[0]!, keys, head.id, store.place);
    const stranger = remove.find((text) => !keys.recipients.includes(text));
    if (stranger !== undefined) throw noneOfThem(store, stranger);
    const added = wanted.filter((text) => !keys.recipients.includes(text));
    const removed = [...new Set(remove)].filter((text) => !wanted.includes(text));
    const recipients = [...keys.recipients.filter((text) => !removed.includes(text)), ...added];
    if (recipients.length === 0) throw lastOne(store);
    const changes = { added, removed, hasNewKey: newKey !== undefined };
    if (added.length === 0 && removed.length === 0 && (!newKey || isTold)) {
      newKey?.take();
      return { ...named(keys), isProven: true, ...changes };
    }
    const isOfKind = parseRecipient(recipients[0]!).isPostQuantum;
    const lines = newKey && !isTold ? (pending ?? (await newKey.make(own, isOfKind))) : own;
    const epoch = keys.epoch + (added.length > 0 ? 1 : 0);
    const next = await headKeys(head.id, recipients, lines[0]!, epoch);
    const [keyName, key] = await sealedKey(recipients, lines);
    // What makes them recipients is written last: where it is not, the same command does all of it again.
    await lock.confirm();
    await store.write(keyName, bytesAsSource(key));
    await lock.confirm();
    const text = encodeHead({ ...head, packed: { ...head.packed!, keys: next } });
    await store.write(repositoryName, bytesAsSource(Buffer.from(text)));
    newKey?.take();
    return { ...named(next), isProven: true, ...changes };
  } finally {
    await lock.release();
  }
}

async function readHead(store: Store): Promise<{ readonly head: Head; readonly keys: HeadKeys }> {
  const bytes = await store.read(repositoryName, { start: 0, length: headLimit });
  if (!bytes) {
    throw new FigaroError('repository-missing', `${store.place}: there is no repository here`, {
      path: store.place,
      hint: 'name the right place with --repo.',
    });
  }
  const head = decodeHead(bytes, store.place, repositoryName);
  const keys = head.packed?.keys;
  if (keys) return { head, keys };
  throw new FigaroError('usage', `${store.place} is not encrypted: it has no recipients`, {
    path: store.place,
    hint: 'a repository is encrypted from its beginning: `init --recipient` makes one, and `copy` brings sets into it.',
  });
}

/** Those of the machine, given or from `key.age`, the one in use first; undefined where neither is to be had. */
async function machineKeys(
  store: Store,
  head: Head,
  keys: HeadKeys,
  given: GivenKeys,
): Promise<readonly string[] | undefined> {
  const { machine, earlier = [] } = await withMachineKey(keys, head, given, store, 'written');
  if (machine === undefined) return undefined;
  await requireMachineKey(machine, keys, head.id, store.place);
  return [machine, ...earlier];
}

function noKey({ place }: Store): FigaroError {
  return new FigaroError('password', `who can read ${place} is changed with the key of the machine that backs up`, {
    hint: 'name its key file with --key-file or $FIGARO_BACKUP_KEY_FILE, or the file of an identity that opens key.age with --identity.',
  });
}

function noneOfThem({ place }: Store, text: string): FigaroError {
  return new FigaroError('usage', `${text} is not a recipient of ${place}`, {
    hint: 'without --add and --remove, `figaro-backup recipients` lists them.',
  });
}

function lastOne({ place }: Store): FigaroError {
  return new FigaroError('usage', `nobody could read ${place} any more: its last recipient cannot be removed`, {
    hint: 'add another one in the same command, with --add.',
  });
}
