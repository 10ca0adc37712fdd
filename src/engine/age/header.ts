/** Headers of age files: the file key, encrypted for each recipient. The library makes and reads them. */

import { Decrypter, Encrypter } from 'age-encryption';
import { FigaroError } from '../../errors.ts';
import { type Key } from './identities.ts';
import { type Recipient } from './recipients.ts';

export const firstLine = 'age-encryption.org/v1\n';

/** What follows the header of a file with nothing in it, in bytes: a nonce, and the tag of an empty chunk. */
const emptyPayloadLength = 32;

export interface Header {
  readonly fileKey: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A header with a new file key. */
export async function newHeader(recipients: readonly Recipient[]): Promise<Header> {
  const encrypter = new Encrypter();
  let fileKey: Uint8Array | undefined;
  // The library tells the file key to recipients alone. This one listens, and is not in the header.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = key;
      return [];
    },
  });
  for (const { wrapping } of recipients) encrypter.addRecipient(wrapping);
  // A stream, since what the library makes of bytes comes through `Response`, which takes long to load.
  const nothing = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  const pieces: Uint8Array[] = [];
  for await (const piece of await encrypter.encrypt(nothing)) pieces.push(piece);
  return { fileKey: fileKey!, bytes: Buffer.concat(pieces).subarray(0, -emptyPayloadLength) };
}

/** How an object is not what was sealed, as an error about it. */
export type Damage = (problem: string) => FigaroError;

/**
 * Reads the header of an object. Throws what `damage` makes of a header that is damaged.
 *
 * @returns undefined where none of the keys fits
 */
export async function readHeader(
  object: Uint8Array,
  keys: readonly Key[],
  damage: Damage,
): Promise<Header | undefined> {
  const bytes = object.subarray(0, headerLength(object, damage));
  const decrypter = new Decrypter();
  let isUnderstood = false;
  let fits = true;
  // Keys are asked one after the other until one fits: whether the first and the last of all are asked tells how it went.
  decrypter.addIdentity({
    unwrapFileKey() {
      isUnderstood = true;
      return null;
    },
  });
  for (const key of keys) key.addTo(decrypter);
  decrypter.addIdentity({
    unwrapFileKey() {
      fits = false;
      return null;
    },
  });
  try {
    return { fileKey: await decrypter.decryptHeader(bytes), bytes };
  } catch (error) {
    if (error instanceof FigaroError) throw error;
    if (!fits) return undefined;
    throw damage(isUnderstood ? 'its header is not what was sealed' : 'its header cannot be read');
  }
}

/** In bytes. */
function headerLength(object: Uint8Array, damage: Damage): number {
  const view = Buffer.from(object.buffer, object.byteOffset, object.byteLength);
  if (!view.subarray(0, firstLine.length).equals(Buffer.from(firstLine).subarray(0, view.length))) {
    throw damage('it does not begin as an age file does');
  }
  const lastLine = view.indexOf('\n---');
  const end = lastLine < 0 ? -1 : view.indexOf('\n', lastLine + 1);
  if (end < 0) throw damage('it is cut short or changed in its header');
  return end + 1;
}
