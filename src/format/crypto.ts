/** Encryption of pages and log records (format document, section 5). */

import { createCipheriv, createDecipheriv, randomBytes, type Decipher } from 'node:crypto';
import { FigaroError } from '../errors.ts';

/** Bytes of a MAC, and of an initialization vector. */
export const macSize = 20;
export const ivSize = 16;

/** Encrypted data comes in blocks of this many bytes. */
const cipherBlockSize = 16;

const hashBlockSize = 64;

/** The words of the block being hashed, and those made of them. Reused, as the end of the message is. */
const words = new Int32Array(80);
const tail = new Uint8Array(2 * hashBlockSize);

function rotate(n: number, by: number): number {
  return (n << by) | (n >>> (32 - by));
}

function initialState(): Int32Array {
  return Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
}

/** Hashes one block into the state: SHA-1 but for a mistake in its first 16 steps (5.1). */
function hashBlock(state: Int32Array, bytes: Uint8Array, start: number): void {
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let t = 0; t < 16; t++) {
    const at = start + 4 * t;
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    words[t] = word;
    // The library's mistake: the sum that should be added is the condition of a choice.
    if (((b & (c ^ d)) ^ d) !== 0) {
      e = (e + word) | 0;
    } else {
      const reversed = (rotate(word, 8) & 0x00ff00ff) | (rotate(word, 24) & 0xff00ff00);
      words[t] = reversed;
      e = (e + reversed + 0x5a827999 + rotate(a, 5)) | 0;
    }
    const sum = e;
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = sum;
  }
  for (let t = 16; t < 80; t++) {
    const word = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
    words[t] = word;
    const mixed =
      t < 20
        ? ((b & (c ^ d)) ^ d) + 0x5a827999
        : t < 40
          ? (b ^ c ^ d) + 0x6ed9eba1
          : t < 60
            ? ((b & c) | (d & (b | c))) + 0x8f1bbcdc
            : (b ^ c ^ d) + 0xca62c1d6;
    const sum = (rotate(a, 5) + mixed + e + word) | 0;
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = sum;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
}

function storeBigEndian(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** Hashes `bytes[start, end)` and what ends every message. `hashedBefore` bytes are in the state already. */
function finishHash(
  state: Int32Array,
  bytes: Uint8Array,
  start: number,
  end: number,
  hashedBefore: number,
): Uint8Array {
  let at = start;
  for (; at + hashBlockSize <= end; at += hashBlockSize) hashBlock(state, bytes, at);
  const left = end - at;
  for (let i = 0; i < left; i++) tail[i] = bytes[at + i]!;
  tail[left] = 0x80;
  const tailSize = left + 9 > hashBlockSize ? 2 * hashBlockSize : hashBlockSize;
  tail.fill(0, left + 1, tailSize);
  const bits = 8 * (hashedBefore + end - start);
  storeBigEndian(tail, tailSize - 8, Math.floor(bits / 2 ** 32));
  storeBigEndian(tail, tailSize - 4, bits);
  for (let i = 0; i < tailSize; i += hashBlockSize) hashBlock(state, tail, i);
  const digest = new Uint8Array(macSize);
  for (let i = 0; i < 5; i++) storeBigEndian(digest, 4 * i, state[i]!);
  return digest;
}

/** The library's digest of some bytes (5.1). As it is on little-endian machines. */
export function libraryDigest(bytes: Uint8Array): Uint8Array {
  return finishHash(initialState(), bytes, 0, bytes.length, 0);
}

/** What keeps bytes from being a password, as the end of a sentence; undefined when nothing does. */
export function whyNoPassword(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'it is empty';
  return bytes.includes(0) ? 'it holds a byte of zero' : undefined;
}

/**
 * The keys that a password gives (5.3), and what is done with them. Whether they are those of an environment shows when it
 * is read.
 */
export class Cipher {
  readonly #key: Uint8Array;
  /** Decrypts single blocks; chaining them here is quicker than a new decipher for every record. */
  readonly #blocks: Decipher;
  /** States of the inner and the outer digest of the HMAC after its key. */
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;

  /** Throws `password` for one that is empty or holds a byte of zero. */
  constructor(password: Uint8Array) {
    const problem = whyNoPassword(password);
    if (problem !== undefined) throw new FigaroError('password', `this is not a password: ${problem}`);
    const p = Buffer.concat([password, Uint8Array.of(0)]);
    const derive = (purpose: string): Uint8Array => libraryDigest(Buffer.concat([p, Buffer.from(purpose), p]));
    const macKey = derive('mac derivation key magic value');
    this.#key = derive('encryption and decryption key value magic').slice(0, ivSize);
    this.#blocks = createDecipheriv('aes-128-ecb', this.#key, null).setAutoPadding(false);
    this.#inner = padded(macKey, 0x36);
    this.#outer = padded(macKey, 0x5c);
  }

  /** HMAC with the library's digest (5.2). */
  mac(bytes: Uint8Array): Uint8Array {
    const inner = finishHash(this.#inner.slice(), bytes, 0, bytes.length, hashBlockSize);
    return finishHash(this.#outer.slice(), inner, 0, inner.length, hashBlockSize);
  }

  /** Decrypts a whole number of blocks in place. */
  decrypt(bytes: Uint8Array, iv: Uint8Array): void {
    const blocks = this.#blocks.update(bytes);
    // From the end, so that the ciphertext of the block before is still there.
    for (let i = bytes.length - 1; i >= cipherBlockSize; i--) bytes[i] = blocks[i]! ^ bytes[i - cipherBlockSize]!;
    for (let i = 0; i < bytes.length && i < cipherBlockSize; i++) bytes[i] = blocks[i]! ^ iv[i]!;
  }

  /** Encrypts a whole number of blocks in place. */
  encrypt(bytes: Uint8Array, iv: Uint8Array): void {
    const cipher = createCipheriv('aes-128-cbc', this.#key, iv);
    cipher.setAutoPadding(false);
    bytes.set(cipher.update(bytes));
    cipher.final();
  }
}

function padded(key: Uint8Array, by: number): Int32Array {
  const state = initialState();
  hashBlock(
    state,
    Uint8Array.from({ length: hashBlockSize }, (_, i) => (key[i] ?? 0) ^ by),
    0,
  );
  return state;
}

/** A new initialisation vector; none of its four words is zero (5.3). */
export function newIv(): Uint8Array {
  for (;;) {
    const iv = randomBytes(ivSize);
    if ([0, 4, 8, 12].every((at) => iv.readUInt32LE(at) !== 0)) return Uint8Array.from(iv);
  }
}
