import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { logFileName } from '../../../src/format/names.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { write } from '../../../src/format/log/records/fileops.ts';
import { contentsOf, describeNative, recoverNatively } from '../../support/native.ts';
import { rebuiltNatively } from '../../support/rebuilt.ts';
import { Session } from '../../support/session.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';

/** The library takes log files of hardly less. */
const small = ['--log-max', '40000'];

describeNative('a log that changes during a backup', () => {
  let directory: string;
  let home: string;
  let repository: string;

  beforeEach(() => {
    ({ directory, home, repository } = newPlace());
  });

  function begin(options: readonly string[] = []): Session {
    const application = new Session(home, [...small, ...options]);
    for (const name of ['a', 'b', 'c', 'd']) {
      application.do(`open ${name} auto ${name}.db - btree 512`, `put ${name} auto 0 60 100 first`);
    }
    application.do('checkpoint');
    return application;
  }

  /** Files that have something done each time a container of the set is begun. */
  function meanwhile(act: () => void): Files {
    return watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create' && /environment\/\w\.db$/.test(file)) act();
      },
    });
  }

  const hot = (files = nodeFiles): Promise<BackupSet> => takeBackup(files, 'hot', { home, repository });
  const incremental = (): Promise<BackupSet> => takeBackup(nodeFiles, 'incremental', { home, repository });

  async function recovered(name: string): Promise<Record<string, string>> {
    const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
    const target = path.join(directory, name);
    await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
    return contentsOf(target);
  }

  /** What native recovery makes of the environment as it is. */
  function recoveredNatively(): Record<string, string> {
    const target = path.join(directory, 'native');
    cpSync(home, target, { recursive: true });
    expect(recoverNatively(target)).toMatchObject({ ok: true });
    return contentsOf(target);
  }

  const logsOf = (): string[] => namesIn(home).filter((name) => name.startsWith('log.'));

  test('by many files is copied to its end', async () => {
    const application = begin();
    const { manifest } = await hot(meanwhile(() => application.do('begin t', 'put a t 0 600 100 more', 'commit t')));
    expect(manifest.log!.end.file - manifest.log!.firstFile).toBeGreaterThan(10);
    expect(await recovered('hot')).toEqual(rebuiltNatively(home, manifest.log!.end, path.join(directory, 'rebuilt')));
  });

  test.each([
    ['by the library (DB_LOG_AUTO_REMOVE)', ['--auto-remove'], 'checkpoint'],
    ['by the application (DB_ARCH_REMOVE)', [], 'remove-logs'],
  ])('file by file, removed behind itself %s, is followed', async (_who, options, command) => {
    const application = begin(options);
    const first = logsOf();
    const { manifest } = await hot(meanwhile(() => application.do('put a auto 0 150 100 more', 'checkpoint', command)));
    expect(logsOf()).not.toContain(first.at(-1));
    expect(manifest.log!.end.file - manifest.log!.firstFile).toBeGreaterThan(1);
    const contents = await recovered('hot');
    await application.leave();
    await incremental();
    expect(await recovered('incremental')).toEqual(recoveredNatively());
    expect(Object.keys(contents)).toHaveLength(4);
  });

  test('and whose files db5.3_archive -d removes all the time is followed', async () => {
    const application = begin(['--shared']);
    const { manifest } = await hot(
      meanwhile(() => {
        application.do('put a auto 0 150 100 more', 'checkpoint');
        execFileSync('db5.3_archive', ['-d', '-h', home]);
      }),
    );
    expect(manifest.leftOut).toContainEqual({ path: '__db.001', reason: 'region' });
    expect(manifest.log!.end.file - manifest.log!.firstFile).toBeGreaterThan(1);
    await application.leave();
    await incremental();
    expect(await recovered('incremental')).toEqual(recoveredNatively());
  });

  test('by files that are gone before they could be copied fails the backup', async () => {
    const application = begin(['--auto-remove']);
    const error = await expectFailure('log-missing', () =>
      hot(meanwhile(() => application.do('begin t', 'put a t 0 900 100 more', 'commit t', 'checkpoint'))),
    );
    expect(error.message).toMatch(/log\.\d{10} is gone before it could be copied/);
    expect(error.details.hint).toContain('faster than they are copied');
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('by files that are gone before the next incremental is a gap', async () => {
    const application = begin(['--auto-remove']);
    const full = await hot();
    application.do('begin t', 'put a t 0 900 100 more', 'commit t', 'checkpoint');
    const error = await expectFailure('chain-gap', incremental);
    expect(error.details.hint).toContain('figaro-backup hot');
    expect(namesIn(repository)).toEqual([full.id, 'repository.json']);
  });

  test('that had nothing to say for a while, and whose last file is gone, is no gap', async () => {
    const application = begin();
    await hot();
    // Two checkpoints with the next file begun in between: then the last file of the chain is not needed any more.
    application.do('put a auto 0 90 100 more');
    await incremental();
    application.do('begin t', 'put a t 0 900 100 more', 'commit t', 'checkpoint');
    await incremental();
    application.do('remove-logs', 'put a auto 0 20 100 last');
    await incremental();
    await application.die();
    expect(await recovered('incremental')).toEqual(recoveredNatively());
  });

  test('and that begins in the middle of the creation of a container is enough', async () => {
    const application = new Session(home, small);
    // The code of the first record behind the header: that of a write to the new file, which has no lasting name yet.
    const isInTheMiddle = (): boolean =>
      readFileSync(path.join(home, logsOf().at(-1)!)).readUInt32LE(40) === write.code;
    let n = 0;
    do {
      n++;
      application.do(`open a auto c${n}.db - btree 512`, 'put a auto 0 3 20 first', 'flush', 'close a');
    } while (!isInTheMiddle());
    application.do('checkpoint', 'remove-logs');
    const last = logsOf();
    expect(last).toHaveLength(1);
    const { manifest } = await hot();
    expect(manifest.log).toMatchObject({ firstFile: Number(last[0]!.slice(4)) });
    await application.die();
    expect(await recovered('hot')).toEqual(recoveredNatively());
  });

  const beginnings: readonly (readonly [string, (header: Buffer) => Buffer])[] = [
    ['is empty', (): Buffer => Buffer.alloc(0)],
    ['holds zeros', (): Buffer => Buffer.alloc(40_000)],
    ['holds half a header', (header: Buffer): Buffer => header.subarray(0, 13)],
    ['holds a header', (header: Buffer): Buffer => header],
    ['holds a header and zeros', (header: Buffer): Buffer => Buffer.concat([header, Buffer.alloc(40_000)])],
  ];

  test.each(beginnings)('and whose next file %s', async (_what, contents) => {
    const application = begin();
    await hot();
    application.do('put b auto 0 700 100 more', 'flush');
    await application.die();
    // A file that was begun in a crash: the header is the real one.
    const last = logsOf().at(-1)!;
    const number = Number(last.slice(4));
    const header = readFileSync(path.join(home, last)).subarray(0, 28);
    const begun = contents(header);
    writeFileSync(path.join(home, last), begun);
    const isBegun = begun.subarray(0, 28).equals(header);
    const { manifest } = await incremental();
    const { end } = manifest.log!;
    if (isBegun) expect(end).toEqual({ file: number, offset: 28 });
    else expect(end.file).toBe(number - 1);
    const native = rebuiltNatively(home, end, path.join(directory, 'rebuilt'));
    expect(await recovered('incremental')).toEqual(native);
    await hot();
    expect(await recovered('hot')).toEqual(native);
    expect(recoveredNatively()).toEqual(native);

    // The library goes on before that file, and writes it anew.
    const next = new Session(home, [...small, '--recover']);
    next.do('open a auto a.db - btree 512', 'put a auto 0 500 100 after');
    await next.leave();
    if (isBegun) {
      await expectFailure('chain-mismatch', incremental);
      await hot();
    } else {
      await incremental();
    }
    expect(await recovered('later')).toEqual(contentsOf(home));
  });

  test('and whose next file has a header that is torn is damaged, for the library as well', async () => {
    const application = begin();
    await hot();
    await application.die();
    const last = logsOf().at(-1)!;
    const next = path.join(home, logFileName(Number(last.slice(4)) + 1));
    const header = readFileSync(path.join(home, last)).subarray(0, 13);
    writeFileSync(next, Buffer.concat([header, Buffer.alloc(40_000)]));
    for (const take of [hot, incremental]) {
      const error = await expectFailure('log-corrupt', take);
      expect(error.details).toMatchObject({ path: next, hint: expect.stringContaining('damage') as string });
    }
    expect(recoverNatively(home).ok).toBe(false);
  });

  test('and whose files are reserved in advance ends where its records do', async () => {
    const application = begin();
    const { manifest } = await hot();
    const { file, offset } = manifest.log!.end;
    const reserved = readFileSync(path.join(home, logFileName(file)));
    expect(reserved.length).toBeGreaterThan(offset);
    expect(reserved.subarray(offset).every((byte) => byte === 0)).toBe(true);
    await application.die();
    // Old bytes behind the end, as a file that is used again has them.
    reserved.fill(0xab, offset + 100);
    writeFileSync(path.join(home, logFileName(file)), reserved);
    expect(await incremental()).toHaveProperty('nothingNew');
    truncateSync(path.join(home, logFileName(file)), offset);
    expect((await hot()).manifest.log!.end).toEqual({ file, offset });
    expect(readdirSync(home)).not.toContain('__db.001');
  });
});
