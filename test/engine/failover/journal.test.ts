import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { makeDirectories } from '../../../src/engine/files/tree.ts';
import { applyJournal, JournalStorage } from '../../../src/engine/failover/journal.ts';
import { partsOf, signature, type StandbyState } from '../../../src/engine/failover/standby.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { openBelow } from '../../support/open-here.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const start = { file: 1, offset: 0 };
const place = { name: 'a.db', logName: 'a.db', dataDirectory: '', mode: 0o640, uid: 0, gid: 0 };
const state: StandbyState = {
  ...signature('test'),
  phase: 'following',
  home: '/primary',
  repo: undefined,
  host: 'here',
  end: start,
  lastRecord: undefined,
  neededFrom: start,
  lastCommit: undefined,
  rounds: 1,
  lastRound: { finished: '2026-11-27T09:00:00.000Z', durationMs: 1, logBytes: 0 },
  files: [{ kind: 'database', ...place, piece: '0' }],
  promoted: undefined,
};

test('a file that a round only cuts off is cut off', () => {
  const directory = temporaryDirectory();
  const { pieces } = partsOf(directory);
  makeDirectories(nodeFiles, pieces);
  const file = path.join(pieces, '0');
  writeFileSync(file, Buffer.alloc(8192, 7));
  const storage = new JournalStorage(nodeFiles, directory);
  const piece = storage.existing(file);
  expect(piece.isChanged).toBe(false);
  piece.shorten(4096);
  expect(piece.isChanged).toBe(true);
  storage.commit({ state, changed: [piece.toChanged('0')] });
  applyJournal(nodeFiles, directory);
  expect(readFileSync(file)).toEqual(Buffer.alloc(4096, 7));
});

test('a journal does not stay open where a piece cannot be closed', () => {
  const directory = temporaryDirectory();
  const { pieces } = partsOf(directory);
  makeDirectories(nodeFiles, pieces);
  const file = path.join(pieces, '0');
  writeFileSync(file, Buffer.alloc(8192, 7));
  const files = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (operation === 'close' && name === file) throw new Error('failed');
    },
  });
  const storage = new JournalStorage(files, directory);
  storage.existing(file).read(Buffer.alloc(4096), 0);
  expect(openBelow(directory)).toHaveLength(2);
  expect(() => storage.close()).toThrow('failed');
  expect(openBelow(directory)).toEqual([]);
});

test('what a round has written is read again, and not what was there', () => {
  const directory = temporaryDirectory();
  const { pieces } = partsOf(directory);
  makeDirectories(nodeFiles, pieces);
  const file = path.join(pieces, '0');
  writeFileSync(file, Buffer.alloc(8192, 7));
  const storage = new JournalStorage(nodeFiles, directory);
  const piece = storage.existing(file);
  piece.write(Buffer.alloc(4096, 8), 4096);
  piece.write(Buffer.alloc(4096, 9), 4096);
  piece.write(Buffer.alloc(4096, 10), 8192);
  const read = Buffer.alloc(4096);
  const valueAt = (position: number): number => {
    piece.read(read, position);
    expect(read.every((byte) => byte === read[0])).toBe(true);
    return read[0]!;
  };
  expect([0, 4096, 8192, 12_288].map(valueAt)).toEqual([7, 9, 10, 0]);
  piece.shorten(4096);
  expect([0, 4096, 8192].map(valueAt)).toEqual([7, 0, 0]);
  storage.close();
});
