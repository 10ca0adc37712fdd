import {
  appendFileSync,
  copyFileSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { type BackupOptions } from '../../../src/engine/backup/backup-options.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { Pace } from '../../../src/engine/pace.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { compareLsn } from '../../../src/format/lsn.ts';
import { metaAt } from '../../../src/format/page/meta.ts';
import { corpusCase } from '../../support/corpus.ts';
import { demoApplication, layDemoEnvironment } from '../../support/demo-environment.ts';
import { isLongRun } from '../../support/effort.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { longAtRest, watchedFiles, type Operation } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';
import { checkSums } from '../../support/sums.ts';
import { slashed } from '../../support/windows.ts';

const pageSize = 4096;

let home: string;
let repository: string;

beforeEach(() => {
  ({ home, repository } = newPlace());
});

function hot(files: Files = nodeFiles, options: Partial<BackupOptions> = {}): Promise<BackupSet> {
  return takeBackup(files, 'hot', { home, repository, ...options });
}

/** A file of the set. */
function copied({ directory: set }: BackupSet, name: string): Buffer {
  return readFileSync(path.join(set, 'environment', name));
}

function container(name = 'd.dbxml'): string {
  return path.join(home, name);
}

/** Files that give other bytes for a page of a container, by the number of the read. */
function readingPage(pgno: number, change: (page: Uint8Array, read: number) => void, name = 'd.dbxml'): Files {
  let reads = 0;
  return watchedFiles(nodeFiles, {
    afterRead(file, bytes, position) {
      const at = pgno * pageSize - position;
      if (file !== container(name) || at < 0 || at + pageSize > bytes.length) return;
      change(bytes.subarray(at, at + pageSize), ++reads);
    },
  });
}

describe('a hot set', () => {
  beforeEach(() => layDemoEnvironment(home));

  test('leaves no trace in the source', async () => {
    const before = fingerprint(home);
    await hot();
    expect(fingerprint(home)).toEqual(before);
  });

  test('only reads the source', async () => {
    const operations = new Set<string>();
    await hot(
      watchedFiles(nodeFiles, {
        before(operation, file) {
          if (file === home || file.startsWith(home + path.sep)) operations.add(operation);
        },
      }),
    );
    expect([...operations].sort()).toEqual([
      'close',
      'listIfThere',
      'openIfThere',
      'readAt',
      'realPath',
      'stat',
      'statIfThere',
      'statThrough',
    ]);
  });

  test('takes as long as its rate says for every read of a container', async () => {
    const clock = fakeClock();
    const began = clock.now();
    // Where times say nothing, everything is read twice.
    const files = watchedFiles(nodeFiles, { showsWrites: false });
    const { manifest } = await hot(files, { watch: { pace: new Pace(1_000_000, clock) } });
    const containers = manifest.files.filter(({ kind }) => kind === 'database');
    const bytes = containers.reduce((sum, { size }) => sum + size, 0);
    // Copied, and read again.
    expect(clock.now() - began).toBeGreaterThanOrEqual((2 * bytes) / 1000);
  });

  test('holds the containers and the log from the last checkpoint on', async () => {
    const set = await hot();
    expect(set.manifest.files.map(({ path: file }) => file)).toEqual([
      'd.dbxml',
      'e.dbxml',
      'log.0000000002',
      'log.0000000003',
      'log.0000000004',
      'log.0000000005',
      'log.0000000006',
    ]);
    expect(copied(set, 'd.dbxml')).toEqual(readFileSync(container()));
    expect(set.manifest).toMatchObject({
      kind: 'hot',
      parent: undefined,
      chain: set.id,
      source: home,
      log: { version: 16, end: { file: 6, offset: 5739 }, lastRecord: { file: 6, offset: 5699 } },
    });
    expect(set.manifest.proof!.changesRedone).toBeGreaterThan(0);
  });

  test('passes sha256sum -c', async () => {
    const { directory: set } = await hot();
    const { right, wrong } = checkSums(set);
    expect(right).toHaveLength(7);
    expect(wrong).toEqual([]);
  });

  test('leaves the repository without a lock', async () => {
    const { id } = await hot();
    expect(namesIn(repository)).toEqual([id, 'repository.json']);
  });

  test('is refused inside the environment', async () => {
    await expectFailure('usage', () => hot(nodeFiles, { repository: path.join(home, 'backup') }));
    expect(namesIn(path.join(home, 'backup'))).toEqual([]);
  });
});

test('of an environment whose log grows meanwhile the set ends somewhere on the way', async () => {
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  const set = await application.commitDuring(() => hot(), [5, 110_402]);
  const { end } = set.manifest.log!;
  expect(compareLsn(end, { file: 4, offset: 72_115 })).toBeGreaterThan(0);
  const log = copied(set, `log.000000000${end.file}`);
  expect(log).toHaveLength(end.offset);
  expect(log).toEqual(readFileSync(path.join(home, `log.000000000${end.file}`)).subarray(0, end.offset));
});

describe('a page', () => {
  beforeEach(() => layDemoEnvironment(home));

  test('that is torn at first is read again', async () => {
    const files = readingPage(3, (page, read) => {
      if (read === 1) page.fill(0, 100);
    });
    expect(copied(await hot(files), 'd.dbxml')).toEqual(readFileSync(container()));
  });

  test('that is torn and does not look it is found by reading it twice', async () => {
    const files = readingPage(3, (page, read) => {
      // Old bytes where nothing can be told from them: the free space between index and items.
      if (read === 1) page[1500] = page[1500]! ^ 0xff;
    });
    expect(copied(await hot(files), 'd.dbxml')).toEqual(readFileSync(container()));
  });

  test('that changes while it is read ends up as it was last, with the right SHA-256', async () => {
    const files = readingPage(3, (page, read) => {
      page[1500] = Math.min(read, 5);
    });
    const set = await hot(files);
    expect(copied(set, 'd.dbxml')[3 * pageSize + 1500]).toBe(5);
    expect(checkSums(set.directory).wrong).toEqual([]);
  });

  // It waits for seconds, as the one in `test/commands/exit-codes.test.ts` that is always run.
  test.runIf(isLongRun)('that never stands still fails the backup', async () => {
    const files = readingPage(3, (page, read) => {
      page[1500] = read;
    });
    const error = await expectFailure('page-unstable', () => hot(files));
    expect(error.details).toMatchObject({ pgno: 3, path: container() });
    expect(error.exitCode).toBe(9);
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('that is bad and stays the same is damage', async () => {
    const contents = readFileSync(container());
    contents[3 * pageSize + 25] = 99;
    writeFileSync(container(), contents);
    const error = await expectFailure('page-type', () => hot());
    expect(error.message).toBe(`${container()}: page 3 is damaged: it has type 99, which no btree file has`);
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('that is newer than the log fails the backup', async () => {
    const contents = readFileSync(container());
    contents.writeUInt32LE(77, 3 * pageSize);
    writeFileSync(container(), contents);
    const error = await expectFailure('not-recoverable', () => hot());
    expect(error.message).toContain('page 3 was last changed at [77]');
  });

  test('that is blank is fine where the log writes it', async () => {
    const files = watchedFiles(nodeFiles, {});
    const size = readFileSync(container()).length;
    const set = await hot(files);
    expect(copied(set, 'd.dbxml')).toHaveLength(size);
  });
});

describe('where the application is busy', () => {
  /** How often each page of a container is read when commits of a later second follow its copy. */
  async function countReads(now: string): Promise<number[]> {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const reads: number[] = [];
    let timer: NodeJS.Timeout | undefined;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        const isCopied = operation === 'sync' && slashed(file).endsWith('environment/e.dbxml');
        if (isCopied) timer ??= setTimeout(() => application.commitUpTo([6, 5737]), 100);
      },
      afterRead(file, bytes, position) {
        if (file !== container('e.dbxml') || bytes.length < pageSize) return;
        for (let at = 0; at + pageSize <= bytes.length; at += pageSize) {
          const pgno = (position + at) / pageSize;
          reads[pgno] = (reads[pgno] ?? 0) + 1;
        }
      },
    });
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(now) });
    try {
      await hot(files, { smallBytes: 0 });
    } finally {
      clearTimeout(timer);
      vi.useRealTimers();
    }
    return reads;
  }

  test('only the pages that the log names are read again', async () => {
    const reads = await countReads('2026-11-22T09:23:22.000Z');
    // The first page is named by everything.
    expect(reads[0]).toBeGreaterThanOrEqual(2);
    expect(Math.min(...reads)).toBe(1);
  });

  test('and its clock is not ours, all pages are', async () => {
    const reads = await countReads('2026-11-22T08:00:00.000Z');
    expect(Math.min(...reads)).toBe(2);
  });
});

describe('the log', () => {
  beforeEach(() => layDemoEnvironment(home));

  test('missing altogether, the hint is to go offline', async () => {
    for (const name of namesIn(home)) if (name.startsWith('log.')) unlinkSync(path.join(home, name));
    const error = await expectFailure('log-missing', () => hot());
    expect(error.details.hint).toContain('figaro-backup offline');
    expect(namesIn(repository)).toEqual([]);
  });

  test('removed before it could be copied fails the backup', async () => {
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create' && file.endsWith('log.0000000002')) unlinkSync(path.join(home, 'log.0000000003'));
      },
    });
    const error = await expectFailure('log-missing', () => hot(files));
    expect(error.message).toContain('log.0000000003 is gone before it could be copied');
  });

  test('removed after it was copied is of no matter', async () => {
    const log = path.join(home, 'log.0000000002');
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create' && file.endsWith('d.dbxml')) rmSync(log, { force: true });
      },
    });
    expect(copied(await hot(files), 'log.0000000002').length).toBeGreaterThan(0);
  });

  test('damaged with good records behind is damage and not the end', async () => {
    const log = path.join(home, 'log.0000000006');
    const contents = readFileSync(log);
    contents[3000] = contents[3000]! ^ 1;
    writeFileSync(log, contents);
    const error = await expectFailure('log-corrupt', () => hot());
    expect(error.message).toContain('log.0000000006 is damaged at [6]');
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('torn at the end ends with the last whole record', async () => {
    const log = path.join(home, 'log.0000000006');
    const contents = readFileSync(log);
    contents.fill(0, 5720);
    writeFileSync(log, contents);
    expect((await hot()).manifest.log!.end).toEqual({ file: 6, offset: 5699 });
  });
});

describe('what grows faster than it is read', () => {
  beforeEach(() => layDemoEnvironment(home));

  /** Files that become longer each time they are read. */
  function growing(name: string, bytes: number): Files {
    let most = 100;
    return watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation !== 'readAt' || file !== container(name)) return;
        if (most-- === 0) throw new Error('it is read for ever');
        appendFileSync(file, Buffer.alloc(bytes));
      },
    });
  }

  test('is copied as long as it was: a container, whose log has the rest', async () => {
    const { size } = statSync(container());
    const set = await hot(growing('d.dbxml', pageSize));
    const found = copied(set, 'd.dbxml').length;
    expect(found).toBeGreaterThanOrEqual(size);
    expect(found).toBeLessThan(statSync(container()).size);
  });

  test("fails the backup: a file of the application's own, of which nobody could say when it was so", async () => {
    writeFileSync(container('notes'), 'begun');
    const error = await expectFailure('page-unstable', () => hot(growing('notes', 1), { include: ['notes'] }));
    expect(error.message).toContain('notes was different each of 8 times it was read');
    expect(namesIn(repository)).toEqual(['repository.json']);
  });
});

describe('files that come and go', () => {
  beforeEach(() => layDemoEnvironment(home));

  /** Runs something when the copy of a container begins. */
  function whenCopying(name: string, act: () => void): Files {
    let done = false;
    return watchedFiles(nodeFiles, {
      before(operation, file) {
        if (done || operation !== 'create' || !slashed(file).endsWith(`environment/${name}`)) return;
        done = true;
        act();
      },
    });
  }

  test('a file renamed while it is copied is followed', async () => {
    const set = await hot(whenCopying('e.dbxml', () => renameSync(container(), container('f.dbxml'))));
    expect(set.manifest.files.map(({ path: file }) => file)).toContain('d.dbxml');
    expect(copied(set, 'd.dbxml')).toEqual(readFileSync(container('f.dbxml')));
  });

  test('a file with a passing name gets its lasting one', async () => {
    renameSync(container(), container('__db.80000001.1'));
    const rename = (): void => renameSync(container('__db.80000001.1'), container());
    const set = await hot(whenCopying('e.dbxml', rename));
    expect(set.manifest.files.map(({ path: file }) => file)).toContain('d.dbxml');
  });

  test('a file that has another name each time it is looked for fails the backup, which does not go on for ever', async () => {
    let name = 'd.dbxml';
    let renamings = 0;
    let copying = false;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create' && slashed(file).endsWith('environment/e.dbxml')) copying = true;
        if (!copying || operation !== 'openIfThere' || file !== container(name) || renamings++ % 2 === 0) return;
        renameSync(file, container((name = `moved${renamings}.dbxml`)));
      },
    });
    const error = await expectFailure('page-unstable', () => hot(files));
    expect(error.message).toMatch(/moved\d+\.dbxml comes and goes, or gets other names, faster than it is read$/);
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('a file removed by hand while it is copied fails the proof', async () => {
    const error = await expectFailure('container-missing', () =>
      hot(whenCopying('e.dbxml', () => unlinkSync(container()))),
    );
    expect(error.message).toContain('d.dbxml is missing');
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('a copy of a container is kept as it is, whichever of the two names comes first', async () => {
    for (const copy of ['copy.dbxml', 'zcopy.dbxml']) {
      copyFileSync(container(), container(copy));
      const { manifest } = await hot();
      expect(manifest.files.find(({ path: name }) => name === copy)).toMatchObject({ kind: 'plain' });
      expect(manifest.files.find(({ path: name }) => name === 'd.dbxml')).toMatchObject({ kind: 'database' });
      expect(manifest.warnings.join('\n')).toContain(`${copy} is a copy of d.dbxml`);
      rmSync(container(copy));
    }
  });

  test('copies of which the log knows none by name are refused', async () => {
    copyFileSync(container(), container('copy.dbxml'));
    renameSync(container(), container('other.dbxml'));
    const error = await expectFailure('not-recoverable', () => hot());
    expect(error.message).toContain('carry the same unique id, and the log knows it as d.dbxml');
    expect(error.details.hint).toContain('move the copies out of the environment');
  });

  test('a database whose first page is damaged fails the backup', async () => {
    const contents = readFileSync(container());
    contents[16] = 200;
    writeFileSync(container(), contents);
    const error = await expectFailure('page-type', () => hot());
    expect(error.message).toContain('d.dbxml is a damaged database');
  });

  test('regions and strangers are left out, and named', async () => {
    writeFileSync(container('__db.001'), Buffer.alloc(4096));
    writeFileSync(container('notes.txt'), 'do not forget');
    const { manifest } = await hot();
    expect(manifest.leftOut).toEqual([
      { path: '__db.001', reason: 'region' },
      { path: 'notes.txt', reason: 'other' },
    ]);
  });
});

describe('a run that does not get to its end', () => {
  beforeEach(() => layDemoEnvironment(home));

  test('because it was told to stop removes its set and its lock', async () => {
    const controller = new AbortController();
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create' && file.endsWith('d.dbxml')) controller.abort('SIGINT');
      },
    });
    await expectFailure('interrupted', () => hot(files, { watch: { signal: controller.signal } }));
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('because the disk is full removes its set and its lock', async () => {
    const { FigaroError } = await import('../../../src/errors.ts');
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'writeAt' && file.endsWith('e.dbxml')) throw new FigaroError('no-space', `${file}: full`);
      },
    });
    await expectFailure('no-space', () => hot(files));
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('is swept by the next', async () => {
    let isDead = false;
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        isDead ||= operation === 'writeAt' && file.endsWith('e.dbxml');
        if (isDead && operation !== 'close') throw new Error('killed');
      },
    });
    await expect(hot(files)).rejects.toThrow('killed');
    expect(namesIn(repository)).toEqual([expect.stringContaining('-hot-'), 'lock', 'lock.phase', 'repository.json']);
    // The lock is of this process, which lives.
    unlinkSync(path.join(repository, 'lock'));
    const { id } = await hot();
    expect(namesIn(repository)).toEqual([id, 'repository.json']);
  });
});

describe('an environment that has been at rest for long', () => {
  /** Makes a database with an id of its own. */
  function addDatabase(name: string, id: number): void {
    const bytes = readFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'));
    bytes.writeUInt32LE(id, metaAt.uid);
    writeFileSync(container(name), bytes);
  }

  /** A set of it; something happens when the first operation of a kind is done on a file. */
  async function namesAfter(operation: Operation, at: RegExp, act: () => void): Promise<(string | undefined)[]> {
    layDemoEnvironment(home);
    addDatabase('wallet', 1);
    let isDone = false;
    let looks = 0;
    const files = watchedFiles(nodeFiles, {
      ...longAtRest(home),
      before(done, file) {
        if (done === 'statThrough' && file === container('wallet')) looks += 1;
        if (isDone || done !== operation || !at.test(slashed(file))) return;
        isDone = true;
        act();
      },
    });
    const { manifest } = await hot(files);
    expect(isDone).toBe(true);
    return [
      ...manifest.files.filter(({ kind }) => kind !== 'log').map(({ path: name }) => name),
      `looked at ${looks} times`,
    ];
  }

  test('is looked through once', async () => {
    const names = await namesAfter('create', /environment\/wallet$/, () => {});
    expect(names).toEqual(['d.dbxml', 'e.dbxml', 'wallet', 'looked at 1 times']);
  });

  test.each([
    ['while the log is copied', 'create', /environment\/log\.\d+$/],
    ['while containers are copied', 'create', /environment\/d\.dbxml$/],
    ['when all containers are copied', 'sync', /environment\/wallet$/],
  ] as const)('is listed again where a database came %s', async (_, operation, at) => {
    const names = await namesAfter(operation, at, () => addDatabase('another', 2));
    expect(names.slice(0, -1)).toEqual(['another', 'd.dbxml', 'e.dbxml', 'wallet']);
  });

  test('is listed again where another run of the same process has seen a database come', async () => {
    const names = await namesAfter('create', /environment\/log\.\d+$/, () => {
      addDatabase('another', 2);
      discoverEnvironment(watchedFiles(nodeFiles, longAtRest(home)), home);
    });
    expect(names.slice(0, -1)).toEqual(['another', 'd.dbxml', 'e.dbxml', 'wallet']);
  });

  test('is listed again where a database is another one when it is copied', async () => {
    const names = await namesAfter('create', /environment\/d\.dbxml$/, () => addDatabase('wallet', 3));
    expect(names.slice(0, -1)).toEqual(['d.dbxml', 'e.dbxml', 'wallet']);
  });
});

test('a run that is stopped while its files are synced together makes no set', async () => {
  layDemoEnvironment(home);
  for (let i = 0; i < 210; i++) writeFileSync(path.join(home, `${i}.txt`), 'an invoice');
  const stop = new AbortController();
  let calls = 0;
  // The first one only shows that there is a way.
  const syncAll = async (): Promise<void> => {
    if (calls++ === 0) return;
    await sleep(300);
    stop.abort();
  };
  const options = { include: ['*.txt'], watch: { signal: stop.signal } };
  await expectFailure('interrupted', async () => await hot({ ...nodeFiles, syncAll }, options));
  expect(namesIn(repository).filter((name) => name.includes('-hot-'))).toEqual([]);
});
