import { describe, expect, test } from 'vitest';
import { Cipher, libraryDigest, newIv } from '../../src/format/crypto.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');

describe('the digest of the library', () => {
  // Format document, 5.1.
  test.each([
    ['nothing', new Uint8Array(0), 'a646ef710952b006be9498e2111045162233ef67'],
    ['a', bytes('a'), '8b429b32bee2417ead14c973b22cb066fa84c3a0'],
    ['abc', bytes('abc'), 'c8afef5423a485a54f7ecba8bc778ce33e553f53'],
    ['a sentence', bytes('The quick brown fox jumps over the lazy dog'), '71231c2a003024b0da5319d989e615be8ca11f3d'],
    ['64 zeros', new Uint8Array(64), 'f9070063d6a8bfe75f808fe10316cff32bf47e91'],
    ['100 bytes', Uint8Array.from({ length: 100 }, (_, i) => i), '000421116cb190ae715923c3aa05516a6eb31ec4'],
  ])('of %s', (_, input, digest) => {
    expect(hex(libraryDigest(input))).toBe(digest);
  });
});

describe('a password', () => {
  const cipher = new Cipher(bytes('s3cret pass'));

  test('gives a key for message authentication codes', () => {
    expect(hex(cipher.mac(new Uint8Array(0)))).toBe('e7ef29fff90abeee8d38a65bfb9dd48e2ef172d9');
    expect(hex(cipher.mac(bytes('abc')))).toBe('f74ed5b3d5b158e98176751172db1c7763a57aa3');
  });

  test('gives a key that decrypts what it encrypted', () => {
    const plain = Uint8Array.from({ length: 64 }, (_, i) => i);
    const iv = newIv();
    const changed = plain.slice();
    cipher.encrypt(changed, iv);
    expect(changed).not.toEqual(plain);
    cipher.decrypt(changed, iv);
    expect(changed).toEqual(plain);
  });

  test('decrypts the header of a log file that Berkeley DB 5.3 wrote', () => {
    // Format document, 5.4.
    const body = Uint8Array.from(Buffer.from('52aba0d62752ed543ec5ddaa2ab7196b', 'hex'));
    cipher.decrypt(body, Uint8Array.from(Buffer.from('303a54045c167faa5c0721fe1713703d', 'hex')));
    expect(hex(body)).toBe('88090400130000000000100000000000');
  });

  test('does not get into documents', () => {
    expect(JSON.stringify(cipher)).toBe('{}');
  });
});
