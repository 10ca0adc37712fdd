/** Streams of sets that somebody made to do harm: nothing comes of them, and nothing outside of the stage is touched. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pack, type Header } from 'tar-stream';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { createRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { receiveSets } from '../../../src/engine/transfer/receive-sets.ts';
import { readTar } from '../../../src/engine/transfer/tar-source.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { streaming } from '../../support/run-cli.ts';
import { failureOf, namesIn } from '../../support/trees.ts';

type Entry = Partial<Omit<Header, 'size'>> & { readonly name: string; readonly body?: Uint8Array };

/** The entries of a sound set. */
let sound: Entry[] = [];
let id = '';

beforeAll(async () => {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  layDemoEnvironment(home);
  const { bytes, exitCode } = await streaming(['hot', '--home', home, '--to-stdout']);
  fs.rmSync(home, { recursive: true });
  expect(exitCode).toBe(0);
  for await (const entry of readTar(oneChunk(bytes))) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.bytes) chunks.push(chunk);
    sound.push({ name: entry.name, type: entry.kind, mode: entry.mode, body: Buffer.concat(chunks) });
  }
  id = sound[1]!.name;
});

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { body = new Uint8Array(0), ...entry } of entries) {
    if (entry.type === 'file') tar.entry(entry, Buffer.from(body));
    else tar.entry(entry);
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** What a stream comes to, with the sets that are there afterwards. */
async function outcomeOf(bytes: Uint8Array): Promise<string> {
  const repository = createRepository(nodeFiles, path.join(directory, 'received')).repository;
  const { code, message } = await failureOf(() => receiveSets(nodeFiles, repository, oneChunk(bytes), {}));
  expect(readSets(nodeFiles, repository).sets).toEqual([]);
  expect(namesIn(directory)).toEqual(['received']);
  expect(namesIn(path.join(directory, 'received'))).toEqual(['repository.json']);
  return `${code}: ${message.replaceAll(id, 'SET')}`;
}

const file = (name: string, more: Partial<Entry> = {}): Entry => ({
  name,
  type: 'file',
  body: Buffer.from('x'),
  ...more,
});
const inSet = (name: string): string => `${id}/environment/${name}`;
const before = (last: string, ...entries: Entry[]): Entry[] => {
  const at = sound.findIndex(({ name }) => name === `${id}/${last}`);
  return [...sound.slice(0, at), ...entries, ...sound.slice(at)];
};

test('a sound stream becomes the set that it was', async () => {
  const { repository } = createRepository(nodeFiles, path.join(directory, 'received'));
  expect(await receiveSets(nodeFiles, repository, oneChunk(await tarOf(sound)), {})).toEqual([id]);
  expect(readSets(nodeFiles, repository).sets.map((set) => set.id)).toEqual([id]);
});

test.each<[string, () => Entry[], RegExp]>([
  ['an absolute path', () => [file('/etc/passwd'), ...sound], /^manifest-corrupt: .*"\/etc\/passwd" leads out/],
  ['a path with ..', () => before('SHA256SUMS', file(inSet('../../../x'))), /^manifest-corrupt: .* leads out of where/],
  ['a path that begins with ..', () => [file('../x')], /^manifest-corrupt: .*"\.\.\/x" leads out/],
  [
    'a link',
    () => before('SHA256SUMS', file(inSet('l'), { type: 'symlink', linkname: '/etc' })),
    /neither a file nor a directory/,
  ],
  [
    'a second name',
    () => before('SHA256SUMS', file(inSet('l'), { type: 'link', linkname: 'x' })),
    /neither a file nor a directory/,
  ],
  [
    'a device',
    () => before('SHA256SUMS', file(inSet('d'), { type: 'block-device', devmajor: 8 })),
    /neither a file nor a directory/,
  ],
  ['a pipe', () => before('SHA256SUMS', file(inSet('p'), { type: 'fifo' })), /neither a file nor a directory/],
  ['a file twice', () => before('SHA256SUMS', file(inSet('d.dbxml'))), /^manifest-corrupt: .* comes twice/],
  ['a file below a file', () => before('SHA256SUMS', file(inSet('d.dbxml/x'))), /is a file and a directory/],
  [
    'more directories inside each other than there can be',
    () => before('SHA256SUMS', file(inSet(`${'a/'.repeat(50_000)}x`))),
    /^manifest-corrupt: .*is longer than any path can be/,
  ],
  ['a file in place of the environment', () => [...sound.slice(0, 2), file(`${id}/environment`)], /comes twice/],
  [
    'a file that is in no manifest',
    () => before('SHA256SUMS', file(inSet('more'))),
    /^file-checksum: .*more is not in the manifest/,
  ],
  [
    'a file too few',
    () => sound.filter(({ name }) => name !== inSet('d.dbxml')),
    /^set-incomplete: .*d\.dbxml is missing/,
  ],
  [
    'other bytes',
    () =>
      sound.map((entry) =>
        entry.name === inSet('d.dbxml') ? { ...entry, body: entry.body!.map((byte) => byte ^ 1) } : entry,
      ),
    /^file-checksum: .*SHA-256/,
  ],
  [
    'fewer bytes',
    () => sound.map((entry) => (entry.name === inSet('d.dbxml') ? file(entry.name) : entry)),
    /^file-checksum: .* has 1 bytes, not /,
  ],
  ['something beside the sets', () => [file('readme'), ...sound], /"readme" is not part of a set/],
  [
    'something beside the environment',
    () => before('SHA256SUMS', file(`${id}/run.sh`)),
    /run\.sh" is not part of a set/,
  ],
  [
    'a directory for a manifest',
    () => [...sound.slice(0, 3), { name: `${id}/manifest.json/`, type: 'directory' }],
    /is not part of a set/,
  ],
  [
    'a manifest that was changed',
    () =>
      sound.map((entry) =>
        entry.name.endsWith('manifest.json')
          ? { ...entry, body: Buffer.from(Buffer.from(entry.body!).toString().replace('"host"', '"hose"')) }
          : entry,
      ),
    /^manifest-corrupt: .*does not match its own checksum/,
  ],
  [
    'the manifest of another set',
    () =>
      sound.map((entry) => ({
        ...entry,
        name: entry.name.replace(id, `${id.slice(0, -1)}z`.replace(/z$/, id.endsWith('0') ? '1' : '0')),
      })),
    /^manifest-corrupt: .* is the manifest of /,
  ],
  ['no manifest', () => sound.slice(0, -1), /^set-incomplete: SET came without its manifest/],
  [
    'a set that begins before the last one ended',
    () => [...sound.slice(0, -1), { name: '20200101T000000Z-hot-000000/', type: 'directory' }],
    /^set-incomplete: SET came without its manifest/,
  ],
  ['nothing', () => [], /^set-missing: the stream holds no set/],
  ['only the beginning of a repository', () => sound.slice(0, 1), /^set-missing: the stream holds no set/],
  [
    'holes',
    () => before('SHA256SUMS', file(inSet('s'), { pax: { 'GNU.sparse.major': '1' } })),
    /^manifest-corrupt: .* has holes/,
  ],
  [
    'a name with a zero',
    () => before('SHA256SUMS', file(inSet('s'), { pax: { path: `${inSet('a')}\0b` } })),
    /^manifest-corrupt: .* leads out/,
  ],
  [
    'a link by a path of an extended header',
    () => before('SHA256SUMS', file(inSet('s'), { pax: { path: '../../x' } })),
    /^manifest-corrupt: .* leads out/,
  ],
])('with %s nothing comes of a stream', async (_what, entries, expected) => {
  const tar = await tarOf(entries());
  expect(await outcomeOf(tar)).toMatch(expected);
});

test('what goes on after its manifest, or comes twice, is refused', async () => {
  const { repository } = createRepository(nodeFiles, path.join(directory, 'received'));
  const tar = await tarOf([...sound, ...sound]);
  const failure = await failureOf(() => receiveSets(nodeFiles, repository, oneChunk(tar), {}));
  expect(failure.message).toContain(`${id} goes on after its manifest, or comes twice`);
});

/** A header of its own, of 512 bytes. */
function header(name: string, size: string, type = '0'): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(size, 124, 'latin1');
  block.write('00000000000\0', 136);
  block.write(type, 156);
  block.write('ustar\x0000', 257, 'latin1');
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const endOfTar = Buffer.alloc(1024);

test.each<[string, () => Buffer, RegExp]>([
  [
    'a size beyond all numbers',
    () => header(inSet('x'), `\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff`),
    /^manifest-corrupt|^file-checksum|^set-missing/,
  ],
  [
    'a size below nothing',
    () => header(inSet('x'), `\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0`),
    /^file-checksum|^set-missing/,
  ],
  [
    'a size that is larger than the disk',
    () => header(inSet('x'), `\x80\0\0\0\0\x0f\xff\xff\xff\xff\xff\xff`),
    /^no-space: .* has /,
  ],
  [
    'an extended header of gigabytes',
    () => Buffer.concat([header('PaxHeader', '37777777777\0', 'x'), Buffer.alloc(8 << 20)]),
    /^set-missing|^file-checksum/,
  ],
  [
    'a long name of gigabytes',
    () => Buffer.concat([header('././@LongLink', '37777777777\0', 'L'), Buffer.alloc(8 << 20)]),
    /^set-missing|^file-checksum/,
  ],
  ['a type that nobody knows', () => header(inSet('x'), '00000000000\0', 'S'), /neither a file nor a directory/],
  ['a volume that goes on', () => header(inSet('x'), '00000000000\0', 'M'), /neither a file nor a directory/],
  [
    'a manifest of gigabytes',
    () => Buffer.concat([header(`${id}/`, '00000000000\0', '5'), header(`${id}/manifest.json`, '37777777777\0')]),
    /^manifest-corrupt: .* more than the /,
  ],
])('of %s nothing is kept, in memory or on disk', async (_what, bytes, expected) => {
  const before = process.memoryUsage().rss;
  const [repository] = sound;
  const beginning = (await tarOf([repository!])).subarray(0, -1024);
  expect(await outcomeOf(Buffer.concat([beginning, bytes(), endOfTar]))).toMatch(expected);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 << 20);
});

test('what is no tar is said to be none', async () => {
  expect(await outcomeOf(Buffer.from('\x1f\x8b\x08 compressed'.padEnd(2000, 'x')))).toBe(
    'set-missing: the stream does not begin as a tar does',
  );
});

test('a file is not begun for which there is no room', async () => {
  const { repository } = createRepository(nodeFiles, path.join(directory, 'received'));
  const full = filesWith(nodeFiles, { freeSpace: () => 1000 });
  const failure = await failureOf(async () => receiveSets(full, repository, oneChunk(await tarOf(sound)), {}));
  expect(failure.code).toBe('no-space');
  expect(namesIn(repository.directory)).toEqual(['repository.json']);
});

test('what a stream says of owners is not believed, and special permissions are left out', async () => {
  const { repository } = createRepository(nodeFiles, path.join(directory, 'received'));
  const entries = sound.map((entry) => ({ ...entry, uid: 12_345, gid: 12_345, mode: (entry.mode ?? 0) | 0o6000 }));
  await receiveSets(nodeFiles, repository, oneChunk(await tarOf(entries)), {});
  const { uid, mode } = fs.statSync(path.join(repository.directory, inSet('d.dbxml')));
  expect({ uid, special: mode & 0o7000 }).toEqual({ uid: process.getuid?.() ?? 0, special: 0 });
});
