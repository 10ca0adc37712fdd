import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import { onPlatform } from '../../support/platform.ts';
import { expectFailure } from '../../support/trees.ts';

const id = '20261122T081500Z-hot-7f3a9c';

const manifest: Manifest = {
  format: 1,
  program: 'figaro-backup 0.1.0',
  id,
  kind: 'hot',
  parent: undefined,
  chain: id,
  source: '/srv/env',
  host: 'alto',
  started: '2026-11-22T08:15:00.000Z',
  finished: '2026-11-22T08:15:04.000Z',
  dataDirectories: ['data'],
  logDirectory: 'logs',
  files: [
    {
      path: 'data/a.dbxml',
      kind: 'database',
      size: 8192,
      sha256: 'a'.repeat(64),
      mode: 0o640,
      modifiedMs: 1.5,
      pageSize: 4096,
    },
    { path: 'logs/log.0000000012', kind: 'log', size: 99, sha256: 'b'.repeat(64), mode: 0o640, modifiedMs: 2 },
    { path: 'x.db', kind: 'database', size: 0, sha256: 'c'.repeat(64), mode: 0, modifiedMs: 3, unlogged: true },
  ],
  leftOut: [{ path: '__db.001', reason: 'region' }],
  log: {
    version: 16,
    firstFile: 12,
    lastFile: 12,
    end: { file: 12, offset: 99 },
    lastRecord: { file: 12, offset: 28 },
    checkpoint: { file: 12, offset: 28 },
    redoFrom: undefined,
    firstCommit: { lsn: { file: 12, offset: 40 }, time: 1_795_339_391 },
    lastCommit: undefined,
    recoveryRequired: true,
  },
  proof: { records: 1, transactionsCommitted: 2, transactionsUndone: 3, changesRedone: 4, changesUndone: 5 },
  warnings: ['mind the gap'],
};

/** A manifest with a right checksum and whatever in it. */
function seal(value: unknown): string {
  const plain = JSON.stringify(value, undefined, 2);
  const sha256 = createHash('sha256').update(plain).digest('hex');
  return `${plain.slice(0, -2)},\n  "sha256": "${sha256}"\n}\n`;
}

function asJson(): Record<string, unknown> {
  const { sha256: _sha256, ...fields } = JSON.parse(encodeManifest(manifest)) as Record<string, unknown>;
  return fields;
}

test('a manifest is read as it was written', () => {
  expect(decodeManifest(encodeManifest(manifest), 'manifest.json')).toEqual(manifest);
});

test('a manifest ends with the SHA-256 of the JSON without it', () => {
  expect(encodeManifest(manifest)).toBe(seal(asJson()));
});

test('a manifest with any byte changed is corrupt', async () => {
  const text = encodeManifest(manifest);
  for (let at = 0; at < text.length; at += 7) {
    const other = text[at] === 'x' ? 'y' : 'x';
    const changed = text.slice(0, at) + other + text.slice(at + 1);
    await expectFailure('manifest-corrupt', () => decodeManifest(changed, 'manifest.json'));
  }
  for (const length of [0, 1, text.length >> 1, text.length - 1]) {
    await expectFailure('manifest-corrupt', () => decodeManifest(text.slice(0, length), 'manifest.json'));
  }
});

test('a manifest of a newer program is refused by the number of its format', async () => {
  const newer = seal({ ...asJson(), format: 7, kind: 'telepathic' });
  const error = await expectFailure('format-unsupported', () => decodeManifest(newer, 'manifest.json'));
  expect(error.message).toBe('manifest.json has manifest format 7, newer than 3');
});

const file = { path: 'a', kind: 'log', size: 1, sha256: 'a'.repeat(64), mode: 0, modifiedMs: 0 };

test.each<[string, Record<string, unknown>]>([
  ['a path that climbs out', { files: [{ ...file, path: '../a' }] }],
  ['a path that climbs out later', { files: [{ ...file, path: 'a/../../b' }] }],
  ['an absolute path', { files: [{ ...file, path: '/etc/passwd' }] }],
  ['an empty path', { files: [{ ...file, path: '' }] }],
  ['a path with a dot', { files: [{ ...file, path: './a' }] }],
  ['a path with a NUL', { files: [{ ...file, path: 'a\0b' }] }],
  ['a file twice', { files: [file, file] }],
  ['a file that is a list', { files: [[]] }],
  ['a file of no known kind', { files: [{ ...file, kind: 'secret' }] }],
  ['a negative size', { files: [{ ...file, size: -1 }] }],
  ['a size that is no number', { files: [{ ...file, size: '1' }] }],
  ['a hash of wrong length', { files: [{ ...file, sha256: 'abc' }] }],
  ['files that are no list', { files: {} }],
  ['no files', { files: null }],
  ['an LSN that is none', { log: { ...(asJson()['log'] as object), end: '[1]' } }],
  ['a log that is a text', { log: 'yes' }],
  ['a parent for a full set', { parent: 'x' }],
  ['a full set in another chain', { chain: 'x' }],
  ['an incremental without parent', { kind: 'incremental', chain: 'x' }],
  ['an unknown kind', { kind: 'partial' }],
  ['warnings that are no texts', { warnings: [1] }],
  ['a format that is no number', { format: 'one' }],
  ['format 0', { format: 0 }],
])('a sealed manifest with %s is corrupt', async (_what, changes) => {
  await expectFailure('manifest-corrupt', () => decodeManifest(seal({ ...asJson(), ...changes }), 'manifest.json'));
});

describe('on Windows a manifest', () => {
  const [database] = asJson()['files'] as Record<string, unknown>[];
  const withPaths = (...paths: readonly string[]): string =>
    seal({ ...asJson(), files: paths.map((path) => ({ ...database, path })) });
  const decodeThere = (text: string): Manifest => onPlatform('win32', () => decodeManifest(text, 'm'));
  const decodeElsewhere = (text: string): Manifest => onPlatform('linux', () => decodeManifest(text, 'm'));

  test.each([
    'C:/evil.db',
    'C:evil.db',
    'a.db:evil',
    String.raw`..\..\evil.db`,
    String.raw`\\server\share\evil.db`,
    String.raw`\\?\C:\evil.db`,
    '.. /evil.db',
    'con',
    'nul.db',
    'a.db.',
  ])('that names %j is refused, before anything of that name is opened', async (path) => {
    const error = await expectFailure('format-unsupported', () => decodeThere(withPaths(path)));
    expect(error.message).toContain(`m: the path ${JSON.stringify(path)} cannot be that of a file on Windows: it `);
    expect(decodeElsewhere(withPaths(path)).files[0]!.path).toBe(path);
  });

  test.each(['../evil.db', '/evil.db', 'a//b', 'a/../../evil.db'])(
    'that names %j is refused as everywhere',
    async (path) => {
      await expectFailure('manifest-corrupt', () => decodeThere(withPaths(path)));
    },
  );

  test('is refused where any other of its paths leads elsewhere', async () => {
    const directory = { path: 'data:x', mode: 0o750, uid: 0, gid: 0 };
    await expectFailure('format-unsupported', () => decodeThere(seal({ ...asJson(), directories: [directory] })));
    const outside = { directory: '/elsewhere', path: String.raw`..\x` };
    await expectFailure('format-unsupported', () => decodeThere(seal({ ...asJson(), outside: [outside] })));
  });

  test('cannot name two files that differ in small letters and capitals only', async () => {
    const error = await expectFailure('manifest-corrupt', () => decodeThere(withPaths('data/a.dbxml', 'Data/A.dbxml')));
    expect(error.message).toBe('m: it names a file twice');
    expect(decodeElsewhere(withPaths('a.dbxml', 'A.dbxml')).files).toHaveLength(2);
  });

  test('of plain names is read as everywhere', () => {
    expect(decodeThere(encodeManifest(manifest))).toEqual(decodeManifest(encodeManifest(manifest), 'm'));
  });
});
