/**
 * Keys of encrypted repositories. Recipients can read all of it, with their identities. The machine that backs up has a key of its own, which opens what is
 * known of sets and not what is in them; what pages are equal, and that nobody added a recipient, it knows by that key, too.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { parseIdentity, recipientOf, type Identity } from '../age/identities.ts';
import { openWith } from '../age/open.ts';
import { parseRecipient } from '../age/recipients.ts';
import { sealFor } from '../age/seal.ts';
import { type Head, type HeadKeys } from '../repository/head.ts';
import { type Store } from '../store/store.ts';
import { companionsOf, keyName } from './companions.ts';
import { type GivenKeys, type RepositoryRole } from './opening.ts';
import { encrypted, type Encryption } from './sealing.ts';
import { type PackedKeys } from './packed-store.ts';

/** More is no such file, in bytes. */
const keyLimit = 64 << 10;

/**
 * Throws `password` for a key that is none of this repository, and `manifest-corrupt` where somebody else changed for whom it is encrypted.
 *
 * @param place what people know the repository by
 */
export async function keysOf(keys: HeadKeys, head: Head, given: GivenKeys, place: string): Promise<PackedKeys> {
  const identities = given.identities.map(identityOf);
  const machine = given.machine === undefined ? undefined : identityOf(given.machine);
  if (machine) await requireOurs(machine, keys, head.id, place);
  const recipients = keys.recipients.map(parseRecipient);
  const contents: Encryption = {
    seal: sealFor(recipients),
    ...opening(identities.length > 0 ? await openingContents(identities, keys) : undefined, () => noIdentity(place)),
  };
  const earlier = machine ? (given.earlier ?? []).map(identityOf) : [];
  const all = machine ? [...identities, machine, ...earlier] : identities;
  const notes: Encryption = {
    seal: sealFor([...recipients, parseRecipient(keys.machine)]),
    ...opening(all.length > 0 ? await openingNotes(all, keys) : undefined, () => noKey(place)),
  };
  return {
    sealing: encrypted({ contents, notes }),
    hashKey: machine && derived(machine, 'hashes of pages'),
    companions: async () => {
      const lines = [machine, ...earlier].flatMap((each) => each?.line() ?? []);
      const key = machine && (await sealedKey(keys.recipients, lines));
      return new Map([...companionsOf(head), ...(key ? [key] : [])]);
    },
  };
}

/** @param open undefined where there is no key */
function opening(
  open: Encryption['open'] | undefined,
  missing: () => FigaroError,
): Pick<Encryption, 'open' | 'requireKey'> {
  if (open) return { open, requireKey: () => {} };
  return {
    open: () => Promise.reject(missing()),
    requireKey: () => {
      throw missing();
    },
  };
}

/** With a key that opens all of them, one that does not open is damaged: that of one set is nothing to the others. */
async function openingNotes(all: readonly Identity[], keys: HeadKeys): Promise<Encryption['open']> {
  const opensAll = (await recipientsAmong(all, [...keys.recipients, keys.machine])) > 0;
  return orDamaged(openWith(all), () => opensAll);
}

/** As long as nobody has come or gone, a recipient opens all packs; otherwise all that one run wrote, of which it has opened some. */
async function openingContents(identities: readonly Identity[], keys: HeadKeys): Promise<Encryption['open']> {
  const opensAll = keys.epoch === 0 && (await recipientsAmong(identities, keys.recipients)) > 0;
  const runOf = (name: string): string => name.slice(0, name.lastIndexOf('/'));
  const opened = new Set<string>();
  const open = openWith(identities);
  const noting: Encryption['open'] = async (bytes, name) => {
    const contents = await open(bytes, name);
    opened.add(runOf(name));
    return contents;
  };
  return orDamaged(noting, (name) => opensAll || opened.has(runOf(name)));
}

async function recipientsAmong(identities: readonly Identity[], recipients: readonly string[]): Promise<number> {
  return (await Promise.all(identities.map(recipientOf))).filter((own) => recipients.includes(own)).length;
}

/** @param isKnown whether a key opens an object as it was written */
function orDamaged(open: Encryption['open'], isKnown: (name: string) => boolean): Encryption['open'] {
  return async (bytes, name) => {
    try {
      return await open(bytes, name);
    } catch (error) {
      if (!(error instanceof FigaroError) || error.code !== 'password' || !isKnown(name)) throw error;
      throw new FigaroError(
        'file-checksum',
        `${name} is damaged, or sealed for others: no key that was given opens it`,
        {
          path: name,
          hint: 'bring it back from a copy of the repository.',
          cause: error,
        },
      );
    }
  };
}

/**
 * What was given, with the key of the machine where an identity opens that in `key.age`: for whom the repository is encrypted is
 * believed by those only who know that it is as the key has it. The key of another repository's machine is none here, where this one is only read.
 */
export async function withMachineKey(
  keys: HeadKeys,
  { id }: Pick<Head, 'id'>,
  given: GivenKeys,
  store: Store,
  role: RepositoryRole,
): Promise<GivenKeys> {
  const { identities, machine } = given;
  const isOthers =
    machine !== undefined && role === 'read' && identities.length > 0 && !(await isMachine(machine, keys));
  if (machine !== undefined && !isOthers) return given;
  const sealed = identities.length > 0 ? await store.read(keyName, { start: 0, length: keyLimit }) : undefined;
  const [line, ...earlier] = (sealed && (await linesIn(sealed, identities.map(identityOf)))) ?? [];
  if (line === undefined || !(await isMachine(line, keys))) return { identities };
  return isSealed(identityOf(line), keys, id) ? { identities, machine: line, earlier } : { identities };
}

async function linesIn(sealed: Uint8Array, identities: readonly Identity[]): Promise<readonly string[] | undefined> {
  try {
    const text = Buffer.from(await openWith(identities)(sealed, keyName)).toString();
    return text.trim().split('\n');
  } catch (error) {
    // It is there for convenience.
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}

/** True for the key that a repository is sealed with. */
export async function isMachine(line: string, keys: HeadKeys): Promise<boolean> {
  const identity = parseIdentity(line);
  return typeof identity !== 'string' && (await recipientOf(identity)) === keys.machine;
}

/**
 * What the head of a new repository, or one with other recipients, says of them. Throws `usage` for recipients that cannot be used together, and for one
 * that is the machine's: it is not to read what is in sets.
 */
export async function headKeys(
  id: string,
  recipients: readonly string[],
  machine: string,
  epoch = 0,
): Promise<HeadKeys> {
  const identity = identityOf(machine);
  const keys = { recipients, machine: await recipientOf(identity), epoch };
  requireApart(keys);
  // Both have to open the same objects.
  sealFor([...recipients, keys.machine].map(parseRecipient));
  return { ...keys, seal: sealOf(identity, keys, id).toString('hex') };
}

/** The key of the machine, and those before it, for those who have an identity: what the companion of a repository is called, and holds. */
export async function sealedKey(
  recipients: readonly string[],
  machine: readonly string[],
): Promise<readonly [name: string, bytes: Uint8Array]> {
  return [keyName, await sealFor(recipients.map(parseRecipient))(Buffer.from(`${machine.join('\n')}\n`))];
}

function requireApart({ recipients, machine }: Omit<HeadKeys, 'seal'>): void {
  if (recipients.includes(machine)) {
    throw new FigaroError('usage', `${machine} is the key of the machine that backs up, and cannot be a recipient`, {
      hint: 'that machine could read all sets with it. Give the public key of another identity, which is kept elsewhere: `age-keygen -o FILE` makes one.',
    });
  }
  const [own, ...others] = [machine, ...recipients].map(parseRecipient);
  sealFor(others);
  if (others[0]!.isPostQuantum === own!.isPostQuantum) return;
  const [kind, other] = own!.isPostQuantum ? ['age1pq1…', 'age1…'] : ['age1…', 'age1pq1…'];
  throw new FigaroError(
    'usage',
    `the key of the machine is of the kind ${kind}, and cannot be used with recipients ${other}`,
    {
      hint: 'make another repository, with a key file of its own, and bring the sets over with `copy`.',
    },
  );
}

/** Throws as `keysOf`. */
export async function requireMachineKey(machine: string, keys: HeadKeys, id: string, place: string): Promise<void> {
  await requireOurs(identityOf(machine), keys, id, place);
}

async function requireOurs(machine: Identity, keys: HeadKeys, id: string, place: string): Promise<void> {
  if ((await recipientOf(machine)) !== keys.machine) {
    throw new FigaroError('password', `the key file is not that of ${place}`, {
      hint: 'each repository has a key file of its own, which `init` made. Whoever has an identity gets it back: `age -d -i IDENTITY key.age`. Where `recipients --new-key` was interrupted, the same command finishes it. Otherwise somebody may have put back an earlier repository.json.',
    });
  }
  if (isSealed(machine, keys, id)) return;
  throw new FigaroError('manifest-corrupt', `somebody has changed for whom ${place} is encrypted, without its key`, {
    path: place,
    hint: 'nothing is written to it. Bring repository.json back from a copy, and find out who can write there.',
  });
}

function isSealed(machine: Identity, keys: HeadKeys, id: string): boolean {
  return timingSafeEqual(sealOf(machine, keys, id), Buffer.from(keys.seal, 'hex'));
}

function sealOf(machine: Identity, { recipients, machine: own, epoch }: Omit<HeadKeys, 'seal'>, id: string): Buffer {
  return createHmac('sha256', derived(machine, 'recipients'))
    .update(JSON.stringify([id, own, recipients, epoch]))
    .digest();
}

function derived(machine: Identity, purpose: string): Uint8Array {
  return createHmac('sha256', machine.line()).update(purpose).digest();
}

function identityOf(line: string): Identity {
  const identity = parseIdentity(line);
  if (typeof identity !== 'string') return identity;
  throw new FigaroError('password', `a line of the key file ${identity}`, {
    hint: 'give the key file that `init` made.',
  });
}

function noIdentity(place: string): FigaroError {
  return new FigaroError(
    'password',
    `${place} is encrypted, and what is in its sets cannot be read without an identity`,
    {
      hint: 'name the file of an identity with --identity or $FIGARO_BACKUP_IDENTITY.',
    },
  );
}

function noKey(place: string): FigaroError {
  return new FigaroError('password', `${place} is encrypted, and there is no key to it`, {
    hint: 'name the file of an identity with --identity or $FIGARO_BACKUP_IDENTITY, or on the machine that backs up its key file with --key-file or $FIGARO_BACKUP_KEY_FILE.',
  });
}
