/** Opens objects that are sealed, with identities. */

import { FigaroError } from '../../errors.ts';
import { readHeader, type Damage } from './header.ts';
import { type Key } from './identities.ts';
import { openPayload } from './payload.ts';

/** What an object that is damaged is to those who open it. */
export type DamageCode = 'file-checksum' | 'manifest-corrupt';

/**
 * Opens one object. Throws `password` where no identity fits, and the code of damage for what is not a sealed object, is not what was
 * sealed or is cut short. Nothing is returned before all of it has proven to be what was sealed.
 *
 * @param name of the object, for messages
 */
export type Opening = (bytes: Uint8Array, name: string, code?: DamageCode) => Promise<Uint8Array>;

export function openWith(identities: readonly Key[]): Opening {
  return async (bytes, name, code = 'file-checksum') => {
    const damage = damageOf(name, code);
    const header = await readHeader(bytes, identities, damage);
    if (!header) throw noneFits(name, identities.length);
    return openPayload(header, bytes, damage);
  };
}

/**
 * Whether identities open an object, of which the beginning will do: its header says so. Throws as the opening of `openWith` for a header that is damaged.
 *
 * @param name of the object, for messages
 */
export async function doOpen(identities: readonly Key[], beginning: Uint8Array, name: string): Promise<boolean> {
  return (await readHeader(beginning, identities, damageOf(name, 'file-checksum'))) !== undefined;
}

function damageOf(name: string, code: DamageCode): Damage {
  return (problem) =>
    new FigaroError(code, `${name} is damaged: ${problem}`, {
      path: name,
      hint: 'bring it back from a copy of the repository.',
    });
}

function noneFits(name: string, count: number): FigaroError {
  const opens = count === 1 ? 'the identity does not open it' : `none of the ${count} identities opens it`;
  return new FigaroError('password', `${name} is encrypted, and ${opens}`, {
    path: name,
    hint: 'it was sealed for others: recipients that were added later cannot open what is from before. Give the identity file of one who was a recipient then.',
  });
}
