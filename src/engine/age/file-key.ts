/** File keys in stanzas: each file has a key of its own, which is encrypted for each of those who may open it. */

import { createCipheriv, createDecipheriv } from 'node:crypto';

export const fileKeyLength = 16;
const tagLength = 16;
/** Keys that wrap are used once. */
const zeroNonce = new Uint8Array(12);

/** The body of a stanza. */
export function wrapFileKey(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagLength });
  return Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
}

/** The file key; undefined where it was wrapped with another key. Throws for what has not the length of one. */
export function unwrapFileKey(body: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  if (body.length !== fileKeyLength + tagLength) throw new Error('a stanza whose body is no file key');
  const decipher = createDecipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagLength });
  decipher.setAuthTag(body.subarray(fileKeyLength));
  const fileKey = decipher.update(body.subarray(0, fileKeyLength));
  try {
    decipher.final();
    return fileKey;
  } catch {
    return undefined;
  }
}
