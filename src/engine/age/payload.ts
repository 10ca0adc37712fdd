/** Payloads of age files: chunks of 64 KiB, each encrypted with its number and with whether it is the last. */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { freeMemory } from '../free-memory.ts';
import { type Damage, type Header } from './header.ts';

const cipher = 'chacha20-poly1305';
// In bytes.
const nonceLength = 16;
const chunkLength = 64 << 10;
const tagLength = 16;
const sealedLength = chunkLength + tagLength;

/** The header, and all bytes after it. */
export function sealPayload({ fileKey, bytes: header }: Header, bytes: Uint8Array): Uint8Array {
  const chunks = Math.max(1, Math.ceil(bytes.length / chunkLength));
  const sealed = Buffer.allocUnsafe(header.length + nonceLength + bytes.length + chunks * tagLength);
  const nonce = randomBytes(nonceLength);
  const key = payloadKey(fileKey, nonce);
  sealed.set(header);
  sealed.set(nonce, header.length);
  let at = header.length + nonceLength;
  for (let i = 0; i < chunks; i++) {
    const encrypting = createCipheriv(cipher, key, chunkNonce(i, i === chunks - 1), { authTagLength: tagLength });
    const chunk = encrypting.update(bytes.subarray(i * chunkLength, (i + 1) * chunkLength));
    encrypting.final();
    sealed.set(chunk, at);
    sealed.set(encrypting.getAuthTag(), at + chunk.length);
    at += chunk.length + tagLength;
  }
  return sealed;
}

/** What was sealed, once all of it has proven to be that. Throws what `damage` makes of it else. */
export function openPayload({ fileKey, bytes: header }: Header, object: Uint8Array, damage: Damage): Uint8Array {
  const payload = object.subarray(header.length + nonceLength);
  if (payload.length < tagLength) throw damage('it is cut short behind its header');
  const key = payloadKey(fileKey, object.subarray(header.length, header.length + nonceLength));
  const chunks = Math.ceil(payload.length / sealedLength);
  const opened = Buffer.allocUnsafe(payload.length);
  let length = 0;
  for (let i = 0; i < chunks; i++) {
    const isLast = i === chunks - 1;
    const sealed = payload.subarray(i * sealedLength, (i + 1) * sealedLength);
    const chunk = openChunk(key, i, isLast, sealed);
    if (!chunk) throw damage(whatIsWrong(key, i, isLast, sealed));
    // So that no two files have the same contents.
    if (chunk.length === 0 && i > 0) throw damage('it ends with nothing in its last chunk');
    opened.set(chunk, length);
    length += chunk.length;
    freeMemory(chunk);
  }
  return opened.subarray(0, length);
}

/** Why a chunk does not open. */
function whatIsWrong(key: Uint8Array, i: number, isLast: boolean, sealed: Uint8Array): string {
  if (openChunk(key, i, !isLast, sealed)) {
    return isLast ? `it is cut short: what follows chunk ${i + 1} is missing` : `more was written behind its end`;
  }
  return `chunk ${i + 1} is not what was sealed${isLast ? ', or it is cut short' : ''}`;
}

/** Undefined for a chunk that is not what was sealed. */
function openChunk(key: Uint8Array, i: number, isLast: boolean, sealed: Uint8Array): Uint8Array | undefined {
  const end = sealed.length - tagLength;
  if (end < 0) return undefined;
  const decrypting = createDecipheriv(cipher, key, chunkNonce(i, isLast), { authTagLength: tagLength });
  decrypting.setAuthTag(sealed.subarray(end));
  const chunk = decrypting.update(sealed.subarray(0, end));
  try {
    decrypting.final();
    return chunk;
  } catch {
    return undefined;
  }
}

function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** The number of the chunk in eleven bytes, and one byte for the last. */
function chunkNonce(i: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(i, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}
