/** Identity files, as `age-keygen` writes them, and as `age -p` encrypts them with a passphrase. */

import { armor } from 'age-encryption';
import { FigaroError } from '../../errors.ts';
import { firstLine, readHeader, type Damage } from './header.ts';
import { parseIdentity, type Identity } from './identities.ts';
import { passphraseKey } from './passphrase.ts';
import { openPayload } from './payload.ts';

/** More than this is another file, in bytes. */
export const longestIdentityFile = 64 << 10;

export interface IdentityFileOptions {
  /** Of the file, for messages. */
  readonly name: string;
  /** Asked once, and only for a file that is encrypted. */
  readonly askPassphrase: () => string | Promise<string>;
}

/** The identities of a file, one or more. Throws `password` for any other file; nothing secret is in its message. */
export async function readIdentities(bytes: Uint8Array, options: IdentityFileOptions): Promise<readonly Identity[]> {
  const { name } = options;
  if (bytes.length > longestIdentityFile) {
    throw unusable(name, `it is larger than the ${longestIdentityFile >> 10} KiB that an identity file may have`);
  }
  const text = textOf(await decrypted(bytes, options));
  if (text.includes('\0')) throw unusable(name, 'it is not text');
  const identities = text.split('\n').flatMap((line, i) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const identity = parseIdentity(trimmed);
    if (typeof identity === 'string') throw unusable(name, `line ${i + 1} ${identity}`);
    return [identity];
  });
  if (identities.length === 0) throw unusable(name, 'there is none in it');
  return identities;
}

async function decrypted(bytes: Uint8Array, { name, askPassphrase }: IdentityFileOptions): Promise<Uint8Array> {
  const text = textOf(bytes);
  if (text.trimStart().startsWith('-----BEGIN AGE ')) {
    return await decrypted(unarmored(text, name), { name, askPassphrase });
  }
  if (!text.startsWith(firstLine)) return bytes;
  const damage: Damage = (problem) => unusable(name, problem);
  let isAsked = false;
  const passphrase = passphraseKey(name, () => {
    isAsked = true;
    return askPassphrase();
  });
  const header = await readHeader(bytes, [passphrase], damage);
  if (header) return openPayload(header, bytes, damage);
  throw unusable(name, isAsked ? 'the passphrase is wrong' : 'it is encrypted, and not with a passphrase');
}

/** The bytes of an age file that is written as text. */
export function unarmored(text: string, name: string): Uint8Array {
  try {
    return armor.decode(text);
  } catch {
    throw unusable(name, 'it is damaged: not all of its text is as age writes it');
  }
}

/** Character by character: what counts in it is ASCII. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function unusable(name: string, problem: string): FigaroError {
  return new FigaroError('password', `no identity can be read from ${name}: ${problem}`, {
    path: name,
    hint: 'give a file that `age-keygen` wrote, or one of these encrypted with `age -p`.',
  });
}
