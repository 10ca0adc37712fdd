import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { writeNew } from '../../../src/engine/files/durable.ts';
import { SyncsBeside } from '../../../src/engine/files/syncs-beside.ts';
import { syncTree } from '../../../src/engine/files/sync-tree.ts';
import { isRecentLinux, syncFileSystem } from '../../../src/engine/files/whole-sync.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { VolatileDisk } from '../../support/power-loss.ts';
import { expectFailure } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { slashed } from '../../support/windows.ts';

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
  const syncs = new SyncsBeside(watched, { directory: '.' });
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
  const syncs = new SyncsBeside(
    {
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
    },
    { directory: '.' },
  );
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
  const syncs = new SyncsBeside(watched, { directory: '.' });
  const error = await expectFailure('io', async () => {
    writeAll(syncs.files, temporaryDirectory());
    await syncs.finish();
  });
  await syncs.stop();
  expect(error.message).toMatch(/^cannot sync .*3$/);
  expect(open).toBe(0);
});

/** What of a disk in memory is there when the power has gone. */
function lastingIn(disk: VolatileDisk): string[] {
  const { files } = disk.restarted('none', () => 0);
  return (files.listIfThere(disk.root) ?? []).filter((name) => files.statIfThere(path.join(disk.root, name))!.size > 0);
}

test('of many small files all but the first are synced together, and last once that is finished', async () => {
  const disk = new VolatileDisk('/disk', nodeFiles);
  const done: string[] = [];
  const watched = watchedFiles(disk.files, {
    before: (operation, file) =>
      void (operation.startsWith('sync') && done.push(`${operation} ${path.basename(file)}`)),
  });
  const syncs = new SyncsBeside(watched, { directory: '/disk', few: 3 });
  writeAll(syncs.files, '/disk');
  disk.files.syncDirectory('/disk');
  syncs.begin();
  await syncs.finish();
  // The first time shows whether the disk can do it.
  expect(done).toEqual(['sync 0', 'sync 1', 'sync 2', 'syncAll disk', 'syncAll disk']);
  expect(lastingIn(disk)).toHaveLength(count);
});

test('what is written after all was synced together is synced once more', async () => {
  const disk = new VolatileDisk('/disk', nodeFiles);
  const syncs = new SyncsBeside(disk.files, { directory: '/disk', few: 0 });
  writeNew(syncs.files, '/disk/a', 'a');
  syncs.begin();
  writeNew(syncs.files, '/disk/b', 'b');
  writeNew(syncs.files, '/disk/c', 'c');
  await syncs.finish();
  expect(lastingIn(disk)).toEqual(['a', 'b', 'c']);
});

test('a large file is synced by itself among many small ones, and each where the system does not sync them together', async () => {
  const done: string[] = [];
  const watched = watchedFiles(new VolatileDisk('/disk', nodeFiles).files, {
    before: (operation, file) => void (operation.startsWith('sync') && done.push(path.basename(file))),
  });
  const syncs = new SyncsBeside(watched, { directory: '/disk', few: 0 });
  writeNew(syncs.files, '/disk/small', 'a');
  writeNew(syncs.files, '/disk/large', new Uint8Array(2 << 20));
  await syncs.finish();
  expect(done.toSorted()).toEqual(['disk', 'disk', 'large']);

  done.length = 0;
  const alone = new SyncsBeside({ ...watched, syncAll: () => undefined }, { directory: '/disk', few: 0 });
  for (const name of ['1', '2', '3']) writeNew(alone.files, `/disk/${name}`, name);
  await alone.finish();
  expect(done.toSorted()).toEqual(['1', '2', '3']);
});

test('that files could not be synced together is told, when it begins and when it ends', async () => {
  const failing = new FigaroError('io', 'the disk is gone');
  const reject = async (): Promise<void> => await Promise.reject(failing);
  const fail = (): never => {
    throw failing;
  };
  for (const syncAll of [reject, fail]) {
    let calls = 0;
    const { files } = new VolatileDisk('/disk', nodeFiles);
    const tried = { ...files, syncAll: () => (calls++ === 0 ? files.syncAll!('/disk') : syncAll()) };
    const syncs = new SyncsBeside(tried, { directory: '/disk', few: 0 });
    writeNew(syncs.files, '/disk/a', 'a');
    await expect(syncs.finish()).rejects.toBe(failing);
    await syncs.stop();
    expect(calls).toBe(2);
  }
});

test('a file system is synced by the program of the system, whose failure is one of the disk', async () => {
  if (process.platform !== 'linux') return;
  const directory = temporaryDirectory();
  fs.mkdirSync(directory, { recursive: true });
  await syncFileSystem(directory);
  const error = await expectFailure('io', async () => await syncFileSystem(path.join(directory, 'missing')));
  expect(error.message).toMatch(/missing: cannot sync its file system: sync: .*No such file or directory/);
  expect(error.details.hint).toContain('errors of the disk');
});

test('a process that can open nothing more is told that its file system could not be synced, and goes on', () => {
  if (process.platform !== 'linux') return;
  const module = new URL('../../../src/engine/files/whole-sync.ts', import.meta.url).pathname;
  const script = `
    import fs from 'node:fs';
    import { syncFileSystem } from ${JSON.stringify(module)};
    const opened = [];
    try { for (;;) opened.push(fs.openSync('/dev/null')); } catch {}
    const code = await syncFileSystem('/').then(() => 'none', (error) => error.code);
    await new Promise(setImmediate);
    for (const descriptor of opened) fs.closeSync(descriptor);
    console.log(code);`;
  const run = [process.execPath, '--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout, stderr } = spawnSync('bash', ['-c', 'ulimit -n 100 && exec "$@"', 'bash', ...run], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toBe('io\n');
});

test('a Linux that would not tell of errors is not asked', () => {
  expect(['4.19.0-27-amd64', '5.7.19', '5.8.0', '5.10.0-28-amd64', '6.18.44', 'strange'].map(isRecentLinux)).toEqual([
    false,
    false,
    true,
    true,
    true,
    false,
  ]);
});

test('a tree of many files is synced in one go, one of few files file by file', async () => {
  const disk = new VolatileDisk('/disk', nodeFiles);
  const done: string[] = [];
  const watched = watchedFiles(disk.files, {
    before: (operation, file) => void (operation.startsWith('sync') && done.push(`${operation} ${slashed(file)}`)),
  });
  disk.files.makeDirectory('/disk/inside');
  for (let i = 0; i < 200; i++) writeNew(disk.files, `/disk/inside/${i}`, 'a');
  await syncTree(watched, '/disk');
  expect(done.filter((what) => what.startsWith('sync /disk/inside/'))).toHaveLength(200);
  writeNew(disk.files, '/disk/one-more', 'a');
  done.length = 0;
  await syncTree(watched, '/disk');
  expect(done).toEqual(['syncAll /disk', 'syncDirectory /disk/inside', 'syncDirectory /disk']);
  expect(lastingIn(disk)).toEqual(['one-more']);
});

test('a tree that reaches into another file system is synced file by file', async () => {
  const { files } = new VolatileDisk('/disk', nodeFiles);
  const done: string[] = [];
  const mounted = watchedFiles(
    filesWith(files, {
      statIfThere(file) {
        const stat = files.statIfThere(file);
        return stat && slashed(file).startsWith('/disk/mounted') ? { ...stat, device: stat.device + 1 } : stat;
      },
    }),
    {
      before: (operation, file) =>
        void (operation.startsWith('sync') && done.push(`${operation} ${path.basename(file)}`)),
    },
  );
  files.makeDirectory('/disk/mounted');
  for (let i = 0; i < 201; i++) writeNew(files, `/disk/mounted/${i}`, 'a');
  await syncTree(mounted, '/disk');
  expect(done).toHaveLength(203);
  expect(done).toContain('sync 200');
  expect(done).not.toContain('syncAll disk');
});
