import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';

const cases = path.join(import.meta.dirname, '../fixtures/cases');

/** The first page of a sound file with the magic number and version of another. */
function ofVersion(magic: number, version: number): Buffer {
  const bytes = fs.readFileSync(path.join(cases, 'heap.db'));
  bytes.writeUInt32LE(magic, 12);
  bytes.writeUInt32LE(version, 16);
  bytes[25] = { 0x53162: 9, 0x61561: 8, 0x42253: 10 }[magic] ?? bytes[25]!;
  return bytes;
}

const btree = 0x53162;
const hash = 0x61561;
const queue = 0x42253;
const heap = 0x74582;

test.each([
  ['btree 6', ofVersion(btree, 6)],
  ['btree 7', ofVersion(btree, 7)],
  ['btree 11', ofVersion(btree, 11)],
  ['hash 5', ofVersion(hash, 5)],
  ['hash 6', ofVersion(hash, 6)],
  ['hash 11', ofVersion(hash, 11)],
  ['queue 1', ofVersion(queue, 1)],
  ['queue 2', ofVersion(queue, 2)],
  ['queue 5', ofVersion(queue, 5)],
  ['heap 3', ofVersion(heap, 3)],
  ['btree 1.85', fs.readFileSync(path.join(cases, 'bdb185-btree.db'))],
  ['hash 1.85, big-endian', fs.readFileSync(path.join(cases, 'bdb185-hash-be.db'))],
])('a file of %s is told to be of another version of Berkeley DB, and not to be damaged', async (_format, bytes) => {
  const directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  fs.mkdirSync(home);
  const file = path.join(home, 'old.db');
  fs.writeFileSync(file, bytes);
  const commands = [
    ['dump', file],
    ['inspect', 'container', file],
    ['offline', '--home', home, '--repo', path.join(directory, 'repo')],
  ];
  for (const command of commands) {
    const { exitCode, stderr } = await figaro(command, { directory });
    expect([command[0], exitCode, stderr]).toEqual([
      command[0],
      3,
      expect.stringMatching(/^error \[format-unsupported\]: .*Berkeley DB/),
    ]);
  }
  expect(fs.existsSync(path.join(directory, 'repo'))).toBe(false);
});
