/** The room that a set takes is looked at before anything of it is copied. */

import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { type Room } from '../../../src/engine/backup/room.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type BackupKind } from '../../../src/engine/backup/backup-options.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { figaro } from '../../support/run-cli.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { prepared } from '../../support/prepared.ts';
import { lacks } from '../../support/windows.ts';

let home: string;
let repository: string;

const laid = prepared(async (place) => {
  const application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  await takeBackup(nodeFiles, 'hot', place);
  application.commitUpTo([6, 5737]);
});
beforeEach(() => {
  ({ home, repository } = laid());
});

const kinds: readonly BackupKind[] = ['hot', 'offline', 'incremental'];

test.each(kinds)(
  '%s tells what it will take within a tenth, though a log file has its full size from the start',
  async (kind) => {
    let told: Room | undefined;
    const { manifest } = await takeBackup(nodeFiles, kind, { home, repository, onRoom: (room) => void (told = room) });
    const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
    expect(told!.bytesNeeded).toBeGreaterThan(bytes * 0.9);
    expect(told!.bytesNeeded).toBeLessThan(bytes * 1.1);
  },
);

test.each(kinds)('%s copies nothing where there is no room for it, and says how much it needs', async (kind) => {
  const created: string[] = [];
  const before = namesIn(repository);
  const files = filesWith(nodeFiles, {
    freeSpace: () => 300_000,
    create(file, mode) {
      created.push(path.relative(repository, file));
      return nodeFiles.create(file, mode);
    },
  });
  const error = await expectFailure('no-space', () => takeBackup(files, kind, { home, repository }));
  expect(error.message).toMatch(/ has 293\.0 KiB free, and this set needs about \d+\.\d [KM]iB$/);
  expect(error.details.path).toBe(repository);
  expect(created.filter((name) => name.includes('environment'))).toEqual([]);
  expect(namesIn(repository)).toEqual(before);
});

test('with --verbose the room is told', async () => {
  const { stderr } = await figaro(['hot', '-v', '--home', home, '--repo', repository]);
  expect(stderr).toMatch(/^needs about [\d.]+ \w+ at \S+[\\/]repo, where [\d.]+ \w+ are free\n/);
});

test.skipIf(lacks.proc)('a file system that tells no sizes is not taken for a full one', () => {
  // As some of /proc are.
  expect(nodeFiles.freeSpace('/proc')).toBeGreaterThan(2 ** 50);
});
