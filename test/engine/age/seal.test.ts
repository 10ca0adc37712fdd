import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { Decrypter, Encrypter } from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import { openWith } from '../../../src/engine/age/open.ts';
import { sealFor } from '../../../src/engine/age/seal.ts';
import { FigaroError } from '../../../src/errors.ts';
import { newKey, newPostQuantumKey, type AgeKey } from '../../support/age-keys.ts';

/** Around the chunks of 64 KiB, in bytes. */
const sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 1 << 20];

let mine: AgeKey;
let others: AgeKey;
let postQuantum: AgeKey;

beforeAll(async () => {
  mine = await newKey();
  others = await newKey();
  postQuantum = await newPostQuantumKey();
});

async function failure(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    if (error instanceof FigaroError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'opened';
}

describe('an object that is sealed', () => {
  test.each(sizes)('opens to the %i bytes that were sealed', async (size) => {
    const bytes = randomBytes(size);
    for (const { recipient, identity } of [mine, postQuantum]) {
      const sealed = await sealFor([recipient])(bytes);
      expect(bytes.equals(await openWith([identity])(sealed, 'object'))).toBe(true);
    }
  });

  test.each(sizes)('is a file that the library opens, and the other way round: %i bytes', async (size) => {
    const bytes = randomBytes(size);
    for (const { recipient, identity, secret } of [mine, postQuantum]) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(secret);
      expect(bytes.equals(await decrypter.decrypt(await sealFor([recipient])(bytes)))).toBe(true);
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient.text);
      expect(bytes.equals(await openWith([identity])(await encrypter.encrypt(bytes), 'object'))).toBe(true);
    }
  });

  test('opens with the identity of any of its recipients, and with any of several identities', async () => {
    const bytes = randomBytes(100);
    const third = await newKey();
    const sealed = await sealFor([others.recipient, mine.recipient])(bytes);
    for (const identities of [[mine.identity], [others.identity], [third.identity, mine.identity]]) {
      expect(bytes.equals(await openWith(identities)(sealed, 'object'))).toBe(true);
    }
  });

  test('has a key of its own, also where many are sealed at once', async () => {
    const bytes = Buffer.alloc(100);
    const seal = sealFor([mine.recipient]);
    const open = openWith([mine.identity]);
    const sealed = await Promise.all(Array.from({ length: 20 }, () => seal(bytes)));
    expect(new Set(sealed.map((each) => Buffer.from(each.subarray(-116)).toString('hex'))).size).toBe(20);
    const opened = await Promise.all(sealed.map((each) => open(each, 'object')));
    expect(opened.every((each) => bytes.equals(each))).toBe(true);
  });

  test('is left as it is, and so is what was sealed, when the other is changed', async () => {
    const bytes = randomBytes(70_000);
    const before = Buffer.from(bytes);
    const sealed = await sealFor([mine.recipient])(bytes);
    const copy = Buffer.from(sealed);
    const opened = await openWith([mine.identity])(sealed, 'object');
    opened.fill(0);
    expect(before.equals(bytes)).toBe(true);
    expect(copy.equals(sealed)).toBe(true);
  });

  test('does not open for others, who are told how to go on', async () => {
    const sealed = await sealFor([mine.recipient])(randomBytes(100));
    await expect(openWith([others.identity])(sealed, 'packs/7f')).rejects.toMatchObject({
      code: 'password',
      exitCode: 10,
      message: 'packs/7f is encrypted, and the identity does not open it',
      details: { path: 'packs/7f', hint: expect.stringContaining('identity file') as string },
    });
    expect(await failure(openWith([others.identity, postQuantum.identity])(sealed, 'packs/7f'))).toBe(
      'password: packs/7f is encrypted, and none of the 2 identities opens it',
    );
    expect(await failure(openWith([])(sealed, 'packs/7f'))).toMatch(/^password: /);
  });

  test('is not sealed for nobody, nor for recipients of whom one makes the others unsafe', () => {
    expect(() => sealFor([])).toThrow('there is no recipient to seal for');
    expect(() => sealFor([mine.recipient, postQuantum.recipient])).toThrow(
      'recipients age1pq1… and others cannot be used together',
    );
  });

  test('shows no secret of its identity where that is printed', () => {
    for (const { identity, secret } of [mine, postQuantum]) {
      const printed = `${inspect(identity, { depth: 9, showHidden: true })} ${JSON.stringify(identity)}`;
      expect(printed).not.toContain(secret.slice(-20));
    }
  });
});

describe('an object that is damaged', () => {
  const size = 2 * 65_536 + 100;
  let sealed: Buffer;
  /** Where the payload begins, in bytes: behind the header. */
  let payload: number;

  beforeAll(async () => {
    sealed = Buffer.from(await sealFor([others.recipient, mine.recipient])(randomBytes(size)));
    payload = sealed.indexOf('\n', sealed.indexOf('\n---') + 1) + 1;
  });

  const opened = (object: Uint8Array): Promise<string> => failure(openWith([mine.identity])(object, 'object'));

  test('is refused whichever byte of its header is another one', async () => {
    const results = new Set<string>();
    for (let at = 0; at < payload; at++) {
      for (const bit of [1, 128]) {
        const flipped = Buffer.from(sealed);
        flipped[at]! ^= bit;
        results.add(await opened(flipped));
      }
    }
    // A stanza with another type or key looks like that of somebody else.
    expect([...results].sort()).toEqual([
      'file-checksum: object is damaged: it does not begin as an age file does',
      'file-checksum: object is damaged: it is cut short or changed in its header',
      'file-checksum: object is damaged: its header cannot be read',
      'file-checksum: object is damaged: its header is not what was sealed',
      'password: object is encrypted, and the identity does not open it',
    ]);
  });

  test.each([
    ['the nonce', 0, 'chunk 1 is not what was sealed'],
    ['the first byte of the first chunk', 16, 'chunk 1 is not what was sealed'],
    ['the tag of the first chunk', 16 + 65_536 + 15, 'chunk 1 is not what was sealed'],
    ['the second chunk', 16 + 65_536 + 16, 'chunk 2 is not what was sealed'],
    ['the last chunk', 16 + 2 * (65_536 + 16), 'chunk 3 is not what was sealed, or it is cut short'],
    ['the last byte', 16 + size + 3 * 16 - 1, 'chunk 3 is not what was sealed, or it is cut short'],
  ])('is refused for a change of %s', async (_, at, problem) => {
    const flipped = Buffer.from(sealed);
    flipped[payload + at]! ^= 1;
    expect(await opened(flipped)).toBe(`file-checksum: object is damaged: ${problem}`);
  });

  test('is refused wherever it is cut short', async () => {
    const chunkEnds = [1, 2].map((chunks) => payload + 16 + chunks * (65_536 + 16));
    const around = [payload, payload + 16, payload + 32, sealed.length, ...chunkEnds];
    const lengths = new Set(around.flatMap((at) => [at - 17, at - 16, at - 1, at, at + 1]));
    for (let length = 0; length < payload; length += 7) lengths.add(length);
    for (const length of [...lengths].filter((each) => each < sealed.length)) {
      expect(await opened(sealed.subarray(0, length))).toMatch(/^file-checksum: object is damaged: .*cut short/);
    }
    for (const [i, at] of chunkEnds.entries()) {
      expect(await opened(sealed.subarray(0, at))).toContain(`it is cut short: what follows chunk ${i + 1} is missing`);
    }
  });

  test('is refused with more behind its end, and with chunks in another order', async () => {
    expect(await opened(Buffer.concat([sealed, Buffer.from('x')]))).toMatch(/^file-checksum: .*chunk 3/);
    const whole = Buffer.from(await sealFor([mine.recipient])(randomBytes(65_536)));
    expect(await opened(Buffer.concat([whole, Buffer.alloc(20)]))).toBe(
      'file-checksum: object is damaged: more was written behind its end',
    );
    const [first, second] = [16, 16 + 65_552].map((at) => sealed.subarray(payload + at, payload + at + 65_552));
    const swapped = Buffer.concat([
      sealed.subarray(0, payload + 16),
      second!,
      first!,
      sealed.subarray(payload + 131_120),
    ]);
    expect(swapped.length).toBe(sealed.length);
    expect(await opened(swapped)).toBe('file-checksum: object is damaged: chunk 1 is not what was sealed');
  });

  test.each([
    ['nothing', ''],
    ['text', 'age-encryption.org/v2\n-> X25519 a\n'],
    ['a file that is sealed and written as text', '-----BEGIN AGE ENCRYPTED FILE-----\n'],
  ])('is refused where it is %s', async (_, contents) => {
    expect(await opened(Buffer.from(contents))).toMatch(
      /^file-checksum: object is damaged: it (does not begin|is cut short)/,
    );
  });

  test('has the code that whoever reads it asks for, and says what to do', async () => {
    const opening = openWith([mine.identity])(sealed.subarray(1), 'index/3c', 'manifest-corrupt');
    await expect(opening).rejects.toMatchObject({
      code: 'manifest-corrupt',
      message: 'index/3c is damaged: it does not begin as an age file does',
      details: { path: 'index/3c', hint: 'bring it back from a copy of the repository.' },
    });
  });
});
