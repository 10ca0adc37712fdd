import path from 'node:path';
import { expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { writeNew } from '../../../src/engine/files/durable.ts';
import { SyncsBeside } from '../../../src/engine/files/syncs-beside.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const count = 50;

/** Writes so many files, as copies are written. */
function writeAll(files: Files, directory: string): void {
  for (let i = 0; i < count; i++) {
    const opened = files.create(path.join(directory, `${i}`));
    opened.writeAt(new Uint8Array(10), 0);
    opened.sync();
    opened.close();
  }
}

test('what was written is synced by what wrote it once it is finished, and few are open at a time', async () => {
  const done: string[] = [];
  let open = 0;
  let mostOpen = 0;
  const watched = watchedFiles(nodeFiles, {
    before(operation, file) {
      if (operation === 'create') mostOpen = Math.max(mostOpen, ++open);
      if (operation === 'close') open -= 1;
      if (operation !== 'writeAt') done.push(`${operation} ${path.basename(file)}`);
    },
  });
  const syncs = new SyncsBeside(watched);
  writeAll(syncs.files, temporaryDirectory());
  await syncs.finish();
  const expected = Array.from({ length: count }, (_, i) => [`create ${i}`, `sync ${i}`, `close ${i}`]).flat();
  expect(done.toSorted()).toEqual(expected.toSorted());
  expect(open).toBe(0);
  // Those that wait, and the one that is written.
  expect(mostOpen).toBeLessThanOrEqual(17);
});

test('who waits for room syncs nothing by itself, and none waits for ever', async () => {
  let by = { caller: 0, beside: 0 };
  const syncs = new SyncsBeside({
    ...nodeFiles,
    create(file) {
      const opened = nodeFiles.create(file);
      return {
        path: file,
        stat: () => opened.stat(),
        readAt: () => 0,
        writeAt: (source, position) => opened.writeAt(source, position),
        truncate: () => {},
        sync: () => void (by = { ...by, caller: by.caller + 1 }),
        async syncBeside() {
          by = { ...by, beside: by.beside + 1 };
          await opened.syncBeside();
        },
        close: () => opened.close(),
      };
    },
  });
  const directory = temporaryDirectory();
  for (let i = 0; i < count; i++) {
    await syncs.room();
    writeNew(syncs.files, path.join(directory, `${i}`), 'a');
  }
  await syncs.finish();
  expect(syncs.room()).toBeUndefined();
  // On Windows none is synced beside.
  expect(by).toEqual(process.platform === 'win32' ? { caller: count, beside: 0 } : { caller: 0, beside: count });
});

test('what could not be synced is told, and all the same everything is closed', async () => {
  let open = 0;
  const watched = watchedFiles(nodeFiles, {
    before(operation, file) {
      if (operation === 'create') open += 1;
      if (operation === 'close') open -= 1;
      if (operation === 'sync' && file.endsWith('3')) throw new FigaroError('io', `cannot sync ${file}`);
    },
  });
  const syncs = new SyncsBeside(watched);
  const error = await expectFailure('io', async () => {
    writeAll(syncs.files, temporaryDirectory());
    await syncs.finish();
  });
  await syncs.stop();
  expect(error.message).toMatch(/^cannot sync .*3$/);
  expect(open).toBe(0);
});
