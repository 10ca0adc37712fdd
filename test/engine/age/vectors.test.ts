/** The test vectors that age publishes for those who implement it (C2SP/CCTV), all of them. */

import { createHash } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import * as cctv from 'cctv-age';
import { describe, expect, test } from 'vitest';
import { parseIdentity, type Key } from '../../../src/engine/age/identities.ts';
import { unarmored } from '../../../src/engine/age/identity-file.ts';
import { openWith } from '../../../src/engine/age/open.ts';
import { passphraseKey } from '../../../src/engine/age/passphrase.ts';
import { FigaroError } from '../../../src/errors.ts';

interface Vector {
  readonly name: string;
  /** What comes of opening it. */
  readonly expected: string;
  readonly keys: readonly Key[];
  /** SHA-256. */
  readonly payload: string | undefined;
  readonly isArmored: boolean;
  readonly file: Buffer;
}

function vectorOf(name: string, bytes: Uint8Array): Vector {
  const contents = Buffer.from(bytes);
  const end = contents.indexOf('\n\n');
  const fields = contents
    .toString('latin1', 0, end)
    .split('\n')
    .map((line) => /^([^:]+): (.*)$/.exec(line)!.slice(1));
  const known = new Set([
    'expect',
    'payload',
    'file key',
    'identity',
    'passphrase',
    'armored',
    'compressed',
    'comment',
  ]);
  expect(fields.filter(([field]) => !known.has(field!))).toEqual([]);
  const all = (field: string): readonly string[] =>
    fields.filter(([each]) => each === field).map(([, value]) => value!);
  const [compression] = all('compressed');
  const file = contents.subarray(end + 2);
  return {
    name,
    expected: all('expect')[0]!,
    keys: [...all('identity').map(identity), ...all('passphrase').map((each) => passphraseKey(name, () => each))],
    payload: all('payload')[0],
    isArmored: all('armored')[0] === 'yes',
    file: compression === 'zlib' ? inflateSync(file) : file,
  };
}

function identity(text: string): Key {
  const parsed = parseIdentity(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

const vectors = Object.entries(cctv)
  .filter(([, bytes]) => bytes instanceof Uint8Array)
  .map(([name, bytes]) => vectorOf(name, bytes));

/** What each kind of failure is told as: its code, and its message without the name. */
const failures: Readonly<Record<string, RegExp>> = {
  'no match': /^password: NAME is encrypted, and (the identity does not open it|none of the \d identities opens it)$/,
  'HMAC failure': /^file-checksum: NAME is damaged: its header is not what was sealed$/,
  'header failure':
    /^file-checksum: NAME is damaged: (it does not begin as an age file does|it is cut short (or changed in|behind) its header|its header (cannot be read|is not what was sealed))$/,
  'payload failure':
    /^file-checksum: NAME is damaged: (it is cut short behind its header|it is cut short: what follows chunk \d is missing|more was written behind its end|it ends with nothing in its last chunk|chunk \d is not what was sealed(, or it is cut short)?)$/,
  'armor failure':
    /^password: no identity can be read from NAME: it is damaged: not all of its text is as age writes it$/,
};

async function opened({ name, keys, isArmored, file }: Vector): Promise<string> {
  try {
    const object = isArmored ? unarmored(file.toString('latin1'), name) : file;
    return createHash('sha256')
      .update(await openWith(keys)(object, name))
      .digest('hex');
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    return `${error.code}: ${error.message.replace(name, 'NAME')}`;
  }
}

describe('a test vector of age', () => {
  test('is there for each kind of result', () => {
    expect(vectors.length).toBeGreaterThan(140);
    expect(new Set(vectors.map(({ expected }) => expected))).toEqual(new Set(['success', ...Object.keys(failures)]));
  });

  test.each(vectors.filter(({ expected }) => expected === 'success'))('opens: $name', async (vector) => {
    expect(vector.payload).toMatch(/^[0-9a-f]{64}$/);
    expect(await opened(vector)).toBe(vector.payload);
  });

  const tooMuchWork = /^scrypt_work_factor_(23|overflow)$/;
  const failing = vectors.filter(({ expected, name }) => expected !== 'success' && !tooMuchWork.test(name));
  test.each(failing)('is refused for its $expected: $name', async (vector) => {
    expect(await opened(vector)).toMatch(failures[vector.expected]!);
  });

  const hanging = vectors.filter(({ name }) => tooMuchWork.test(name));
  test.each(hanging)('is refused before a passphrase is asked for that would take too long: $name', async (vector) => {
    const ask = (): never => {
      throw new Error('asked');
    };
    expect(await opened({ ...vector, keys: [passphraseKey(vector.name, ask)] })).toMatch(
      /^password: NAME has a work factor of \d+, above the 22 of age$/,
    );
  });
});
