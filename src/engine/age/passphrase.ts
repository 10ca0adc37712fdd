/** Files that are encrypted with a passphrase. */

import { scrypt } from 'node:crypto';
import { base64nopad } from '@scure/base';
import { type Stanza } from 'age-encryption';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { unwrapFileKey } from './file-key.ts';
import { type Key } from './identities.ts';

const stanzaType = 'scrypt';
const label = 'age-encryption.org/v1/scrypt';
const saltLength = 16;
const blockSize = 8;

/** As a power of two: what age goes up to. It takes 4 GiB, and half a minute; age itself writes 18. */
const mostWork = 22;

/**
 * Opens what a passphrase opens.
 *
 * @param name of the file, for messages
 * @param ask for the passphrase; not asked for a file without
 */
export function passphraseKey(name: string, ask: () => string | Promise<string>): Key {
  return {
    addTo: (decrypter) =>
      decrypter.addIdentity({
        async unwrapFileKey(stanzas: Stanza[]) {
          const stanza = stanzas.find(({ args }) => args[0] === stanzaType);
          if (!stanza) return null;
          // Who knows the passphrase is the only one who made it.
          if (stanzas.length > 1) throw new Error('a passphrase with other recipients beside it');
          const { salt, work } = argumentsOf(stanza);
          if (work > mostWork) throw tooMuchWork(name, work);
          const key = await stretched(name, await ask(), salt, work);
          return unwrapFileKey(stanza.body, key) ?? null;
        },
      }),
  };
}

function argumentsOf({ args }: Stanza): { readonly salt: Uint8Array; readonly work: number } {
  const [, salt, work, ...more] = args;
  if (salt === undefined || work === undefined || more.length > 0)
    throw new Error('a stanza of scrypt with other arguments');
  const bytes = base64nopad.decode(salt);
  if (bytes.length !== saltLength || !/^[1-9][0-9]*$/.test(work))
    throw new Error('a stanza of scrypt with other values');
  return { salt: bytes, work: Number(work) };
}

function stretched(name: string, passphrase: string, salt: Uint8Array, work: number): Promise<Uint8Array> {
  const options = { N: 2 ** work, r: blockSize, p: 1, maxmem: memoryFor(work) * 2 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.concat([Buffer.from(label), salt]), 32, options, (error, key) => {
      if (error) reject(noMemory(name, work));
      else resolve(key);
    });
  });
}

/** In bytes. */
function memoryFor(work: number): number {
  return 128 * blockSize * 2 ** work;
}

function noMemory(name: string, work: number): FigaroError {
  const memory = formatBytes(memoryFor(work));
  return new FigaroError('password', `${name} takes ${memory} of memory to open, and there is less`, {
    path: name,
    hint: 'encrypt it again with a smaller work factor, as age does by itself.',
  });
}

function tooMuchWork(name: string, work: number): FigaroError {
  return new FigaroError('password', `${name} has a work factor of ${work}, above the ${mostWork} of age`, {
    path: name,
    hint: 'opening it would take too long. Encrypt it again with `age -p`.',
  });
}
