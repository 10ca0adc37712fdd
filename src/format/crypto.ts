/** Encryption of pages and log records (format document, section 5). */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Bytes of a message authentication code, and of the digests below. */
export const macSize = 20;

export const ivSize = 16;

const blockSize = 64;

/**
 * The library's digest: SHA-1 but for its first sixteen steps, which have a mistake that everything depends on (5.1). As it
 * is on little-endian machines.
 */
export function libraryDigest(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = new Digest();
  for (const part of parts) digest.update(part);
  return digest.finish();
}

const rounds = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6] as const;

function rotate(n: number, by: number): number {
  return (n << by) | (n >>> (32 - by));
}

class Digest {
  readonly #state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  readonly #block = new Uint8Array(blockSize);
  readonly #view = new DataView(this.#block.buffer);
  readonly #words = new Int32Array(80);
  #filled = 0;
  #length = 0;

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const taken = Math.min(blockSize - this.#filled, bytes.length - at);
      this.#block.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === blockSize) this.#mix();
    }
  }

  finish(): Uint8Array {
    const bits = this.#length * 8;
    this.update(Uint8Array.of(0x80));
    if (this.#filled > blockSize - 8) {
      this.#block.fill(0, this.#filled);
      this.#mix();
    }
    this.#block.fill(0, this.#filled);
    this.#view.setUint32(blockSize - 8, Math.floor(bits / 2 ** 32), false);
    this.#view.setUint32(blockSize - 4, bits >>> 0, false);
    this.#mix();
    const result = new Uint8Array(macSize);
    const view = new DataView(result.buffer);
    this.#state.forEach((word, i) => view.setInt32(4 * i, word, false));
    return result;
  }

  #mix(): void {
    const state = this.#state;
    const w = this.#words;
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
    for (let t = 0; t < 80; t++) {
      let sum: number;
      if (t < 16) {
        w[t] = this.#view.getInt32(4 * t, true);
        // The mistake: what should be added decides, instead, whether anything is.
        if (((b & (c ^ d)) ^ d) !== 0) {
          sum = e + w[t]!;
        } else {
          w[t] = this.#view.getInt32(4 * t, false);
          sum = e + w[t]! + rounds[0] + rotate(a, 5);
        }
      } else {
        w[t] = rotate(w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!, 1);
        const choice = t < 20 ? (b & (c ^ d)) ^ d : t >= 40 && t < 60 ? (b & c) | (d & (b | c)) : b ^ c ^ d;
        sum = e + w[t]! + rounds[Math.floor(t / 20)]! + rotate(a, 5) + choice;
      }
      e = d;
      d = c;
      c = rotate(b, 30);
      b = a;
      a = sum | 0;
    }
    state[0]! += a;
    state[1]! += b;
    state[2]! += c;
    state[3]! += d;
    state[4]! += e;
    this.#filled = 0;
  }
}

const text = new TextEncoder();

/** The keys that a password gives (5.3), and what is done with them. */
export class Cipher {
  readonly #inner: Uint8Array;
  readonly #outer: Uint8Array;
  readonly #key: Uint8Array;

  constructor(password: Uint8Array) {
    const p = new Uint8Array(password.length + 1);
    p.set(password);
    const macKey = libraryDigest(p, text.encode('mac derivation key magic value'), p);
    this.#key = libraryDigest(p, text.encode('encryption and decryption key value magic'), p).slice(0, ivSize);
    const padded = (by: number): Uint8Array => Uint8Array.from({ length: blockSize }, (_, i) => (macKey[i] ?? 0) ^ by);
    this.#inner = padded(0x36);
    this.#outer = padded(0x5c);
  }

  /** HMAC with the library's digest (5.2). */
  mac(...parts: readonly Uint8Array[]): Uint8Array {
    return libraryDigest(this.#outer, libraryDigest(this.#inner, ...parts));
  }

  /** Decrypts a whole number of blocks in place. */
  decrypt(bytes: Uint8Array, iv: Uint8Array): void {
    const cipher = createDecipheriv('aes-128-cbc', this.#key, iv);
    cipher.setAutoPadding(false);
    bytes.set(cipher.update(bytes));
    cipher.final();
  }

  /** Encrypts a whole number of blocks in place. */
  encrypt(bytes: Uint8Array, iv: Uint8Array): void {
    const cipher = createCipheriv('aes-128-cbc', this.#key, iv);
    cipher.setAutoPadding(false);
    bytes.set(cipher.update(bytes));
    cipher.final();
  }
}

/** A new initialisation vector; none of its four words is zero (5.3). */
export function newIv(): Uint8Array {
  for (;;) {
    const iv = randomBytes(ivSize);
    if ([0, 4, 8, 12].every((at) => iv.readUInt32LE(at) !== 0)) return Uint8Array.from(iv);
  }
}
