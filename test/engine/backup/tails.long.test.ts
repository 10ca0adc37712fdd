/** Chains whose log files grew from set to set: random logs of Berkeley DB 5.3, restored by it from plain copies. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { RecordedApplication, type LogPosition } from '../../../demo/application.ts';
import { type Room } from '../../../src/engine/backup/room.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { pruneLog } from '../../../src/engine/history/prune.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { recoverFrom } from '../../../src/engine/recovery/recover-from.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type Lsn } from '../../../src/format/lsn.ts';
import { logTailName } from '../../../src/format/names.ts';
import { verifySets } from '../../../src/engine/verify/verify-sets.ts';
import { appendTails, copyOver } from '../../support/by-hand.ts';
import { flipBit } from '../../support/damage.ts';
import { effort } from '../../support/effort.ts';
import { contentsOf, describeNative, recoverNatively, runWorkload, verifyNatively } from '../../support/native.ts';
import { newPlace } from '../../support/place.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { Session } from '../../support/session.ts';
import { namesIn } from '../../support/trees.ts';
import { unlocked } from '../../support/unlocked.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const seeds = effort('SEEDS', 30);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
const incrementals = 4;

/** Without compaction: where one is aborted, Berkeley DB 5.3 itself leaves a damaged database (moved-root.long.test.ts). */
const variants: readonly {
  readonly options: readonly string[];
  readonly password?: string;
  readonly copies?: Files;
}[] = [
  { options: ['--log-max', '200000'] },
  { options: ['--hash', '--checksum'], password: 'figaro-test', copies: unlocked('figaro-test') },
  { options: ['--log-max', '100000', '--hash'], password: 'figaro-test', copies: nodeFiles },
  { options: ['--big-endian', '--log-max', '60000'] },
];

/** The log that a random workload leaves, to be written again bit by bit; and where it ends. */
function recordWorkload(made: string, recording: string, seed: number, options: readonly string[]): LogPosition {
  expect(runWorkload({ home: made, seed, operations: 160, options: ['--no-compact', ...options] })).toBe(true);
  fs.mkdirSync(recording);
  const logs = namesIn(made).filter((name) => name.startsWith('log.'));
  for (const name of logs) {
    fs.writeFileSync(path.join(recording, `${name}.gz`), gzipSync(fs.readFileSync(path.join(made, name))));
  }
  const last = logs.at(-1)!;
  return [Number(last.slice(4)), fs.statSync(path.join(made, last)).size];
}

describeNative('a chain whose log files grew from set to set', () => {
  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i comes out the same by hand, by this program of copies and sets, and of the whole log',
    async (seed) => {
      const { directory, home, repository, target } = newPlace();
      const { options, password, copies = nodeFiles } = variants[seed % variants.length]!;
      const files = password === undefined ? nodeFiles : unlocked(password);
      const made = path.join(directory, 'made');
      const recording = path.join(directory, 'recording');
      const secret = password === undefined ? [] : ['--password', password];
      const [lastFile, size] = recordWorkload(made, recording, seed, [...options, ...secret]);
      const starts = recordsIn(files, made);
      const random = randomNumbers(seed);
      // Without the password nobody can tell that a record is torn: it was written by now.
      const tear = copies === files ? (): number => random(20) : (): number => 0;
      const places = Array.from({ length: incrementals }, () => random(starts.length)).sort((x, y) => x - y);

      const application = new RecordedApplication(recording, home);
      // There are no containers: the full set has to begin with the first log file.
      const begun = Math.floor(starts.findLastIndex(({ file }) => file === 1) / 2);
      const later = places.filter((i) => i > begun);
      const commitUpTo = (i: number): void => application.commitUpTo([starts[i]!.file, starts[i]!.offset + tear()]);
      commitUpTo(begun);
      await takeBackup(copies, 'hot', { home, repository });
      for (const place of later) {
        commitUpTo(place);
        await takeBackup(copies, 'incremental', { home, repository });
      }
      application.commitUpTo([lastFile, size]);
      await takeBackup(copies, 'incremental', { home, repository });

      const opened = openRepository(files, repository);
      const { sets } = readSets(files, opened);
      expect((await verifySets(files, opened, { rehearse: true })).findings).toEqual([]);
      const plain = path.join(directory, 'plain');
      copyOver(sets, plain);
      expect(namesIn(plain).filter((name) => name.includes('.from-')).length).toBeGreaterThan(0);

      await recoverFrom(files, { repository: opened }, { target });
      const ours = contentsOf(target, [], files);
      await recoverFrom(files, { copies: [plain] }, { target: `${target}.copies` });
      expect(contentsOf(`${target}.copies`, [], files)).toEqual(ours);

      // All of the log at once comes to the same, here and there: what the two make of renamings differs.
      for (const name of namesIn(made)) if (!name.startsWith('log.')) fs.rmSync(path.join(made, name));
      await recoverFrom(files, { copies: [made] }, { target: `${target}.whole` });
      expect(contentsOf(`${target}.whole`, [], files)).toEqual(ours);
      appendTails(plain);
      for (const copy of [plain, made]) {
        expect(recoverNatively(copy, ['-c'], password)).toMatchObject({ ok: true });
        expect(verifyNatively(copy, password)).toEqual([]);
      }
      expect(contentsOf(plain, [], files)).toEqual(contentsOf(made, [], files));
    },
    120_000,
  );

  test('has names for its tails that Berkeley DB passes over', async () => {
    const { home } = newPlace();
    const application = new Session(home);
    application.do('open db auto a.db - btree', 'put db auto 1 20 500 first', 'flush');
    await application.die();
    const name = path.join(home, logTailName(9, 100));
    fs.writeFileSync(name, 'no log');
    const { stdout } = spawnSync('db5.3_archive', ['-l', '-h', home], { encoding: 'utf8' });
    expect(stdout).toBe('log.0000000001\n');
    expect(recoverNatively(home)).toMatchObject({ ok: true });
    expect(Object.keys(contentsOf(home))).toEqual(['a.db ']);
    expect(fs.readFileSync(name, 'utf8')).toBe('no log');
  });

  test('lets a log file of the source go that it holds in parts, unless one of them is not what it was', async () => {
    const { home, repository } = newPlace();
    const application = new Session(home, ['--log-max', '100000']);
    application.do('open db auto a.db - btree', 'put db auto 1 20 500 first', 'checkpoint');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    for (const more of ['put db auto 21 20 500 second', 'put db auto 41 20 500 third', 'put db auto 61 600 500 rest']) {
      application.do(more, 'checkpoint', 'checkpoint');
      await takeBackup(nodeFiles, 'incremental', { home, repository });
    }
    await application.die();
    const opened = openRepository(nodeFiles, repository);
    const tails = readSets(nodeFiles, opened).sets.flatMap(({ id, directory, manifest }) =>
      manifest.files.filter(({ tailOf }) => tailOf).map((file) => ({ ...file, id, directory })),
    );
    expect(tails.map(({ tailOf }) => tailOf!.path)).toEqual(Array.from({ length: 3 }, () => 'log.0000000001'));
    const whyFirstStays = async (): Promise<string | undefined> =>
      (await pruneLog(nodeFiles, opened, { home })).files.find(({ number }) => number === 1)!.stays;
    expect(await whyFirstStays()).toBeUndefined();
    const { id, directory, path: name, tailOf } = tails[1]!;
    flipBit(path.join(home, 'log.0000000001'), tailOf!.from + 20);
    expect(await whyFirstStays()).toBe(`the copy in ${id} holds other records: this log has another history`);
    flipBit(path.join(directory, 'environment', name), 20);
    expect(await whyFirstStays()).toBe(`the copy in ${id} is damaged: verify the repository`);
    flipBit(path.join(home, 'log.0000000001'), tailOf!.from + 20);
    flipBit(path.join(directory, 'environment', name), 20);
    expect((await pruneLog(nodeFiles, opened, { home, confirm: true })).removed).toBe(true);
    expect(fs.existsSync(path.join(home, 'log.0000000001'))).toBe(false);
  });

  test('stores what its log has, however often it is taken, and reads what is new', async () => {
    const { home, repository } = newPlace();
    const application = new Session(home, ['--log-max', '10485760']);
    application.do('open db auto a.db - btree', 'put db auto 1 2000 900 first', 'checkpoint');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    let read = 0;
    const files = watchedFiles(nodeFiles, {
      showsWrites: true,
      afterRead: (file, bytes) => {
        if (file.startsWith(home) && path.basename(file).startsWith('log.')) read += bytes.length;
      },
    });
    const first = readSets(nodeFiles, openRepository(nodeFiles, repository)).sets[0]!;
    const begin = first.manifest.log!.end.offset;
    const times = effort('INCREMENTALS', 30);
    for (let i = 0; i < times; i++) {
      application.do(`put db auto ${2001 + i * 60} 60 900 more`, 'flush');
      let needed = 0;
      const onRoom = ({ bytesNeeded }: Room): number => (needed = bytesNeeded);
      const { manifest: made } = await takeBackup(files, 'incremental', { home, repository, onRoom });
      expect(made.files.map(({ size }) => size)).toEqual([needed]);
    }
    const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
    expect(sets).toHaveLength(1 + times);
    const stored = sets.slice(1).reduce((sum, { directory }) => sum + bytesIn(directory), 0);
    const { file, offset } = sets.at(-1)!.manifest.log!.end;
    const written = offset - begin;
    expect(file).toBe(1);
    expect(written).toBeGreaterThan(1_000_000);
    expect(stored / written).toBeLessThan(1.1);
    // What is known of the log file before is read as far as it tells histories apart, what is behind a little of the way.
    expect(read / 30).toBeLessThan(written / 30 + (4 << 20));
    console.log(`stored ${(stored / written).toFixed(3)} times the log, read ${(read / written).toFixed(1)} times`);
    await application.die();
  }, 120_000);
});

/** Where the records are that a workload has logged. */
function recordsIn(files: Files, made: string): Lsn[] {
  const log = openLog(files, logPaths(discoverEnvironment(files, made)));
  return [...scanLog(files, log)].map(({ lsn }) => lsn);
}

function bytesIn(directory: string): number {
  return fs
    .readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => fs.statSync(path.join(directory, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}
