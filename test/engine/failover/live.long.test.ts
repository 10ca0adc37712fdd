/** Standbys of applications of Berkeley DB 5.3 that write all the time, and die. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { filesOfKind } from '../../../src/engine/environment/environment.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { promote } from '../../../src/engine/failover/promote.ts';
import { partsOf, requireStandby } from '../../../src/engine/failover/standby.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { logFileName } from '../../../src/format/names.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { FigaroError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, nativeProgram, recoverNatively, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { effort } from '../../support/effort.ts';

/** `SEEDS=100 npx vitest run --mode long test/engine/failover/live.long.test.ts` takes ten minutes. */
const seeds = effort('SEEDS', 4);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
/** Between two operations, in µs: the log that an application at full speed writes takes long to recover. */
const pause = ['--pause-us', String(effort('PAUSE_US', 0))];

const follow = (directory: string, home: string): ReturnType<typeof followOnce> =>
  followOnce(nodeFiles, { directory, followed: { home, repo: undefined }, watch: {} });
const bringUp = (directory: string): ReturnType<typeof promote> => promote(nodeFiles, { directory, watch: {} });

describeNative('a transaction that is open during a round', () => {
  test('and commits before the log with its changes is removed is there (J.3)', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const standby = path.join(directory, 'standby');
    const application = new Session(home, ['--log-max', '60000']);
    application.do('open a auto a.db - btree 1024', 'put a auto 0 300 90 before', 'checkpoint');
    application.do('begin t', 'put a t 1000 45 90 wanted', 'flush');
    await follow(standby, home);
    application.do('commit t', 'checkpoint', 'open b auto b.db - btree 1024');
    for (let i = 0; i < 10; i++) application.do(`put b auto ${i * 100} 100 90 later`);
    application.do('checkpoint');
    await follow(standby, home);
    // From here on, the primary's own log no longer tells what the transaction did.
    application.do('remove-logs');
    expect(namesIn(home)).not.toContain('log.0000000001');
    await follow(standby, home);
    const wanted = contentsOf(home);
    await application.die();
    const { home: promoted } = await bringUp(standby);
    expect(verifyNatively(promoted)).toEqual([]);
    expect(contentsOf(promoted)).toEqual(wanted);
  });

  test('keeps the log that the next round needs, and its loss is an error', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const standby = path.join(directory, 'standby');
    const application = new Session(home, ['--log-max', '60000']);
    application.do('open a auto a.db - btree 1024', 'open b auto b.db - btree 1024', 'checkpoint');
    application.do('begin t', 'put a t 1000 45 90 wanted', 'flush');
    for (let i = 0; i < 10; i++) application.do(`put b auto ${i * 100} 100 90 later`, 'checkpoint');
    await follow(standby, home);
    const { neededFrom, end } = requireStandby(nodeFiles, standby).state;
    expect(end.file).toBeGreaterThan(neededFrom.file);
    application.do('commit t', 'put b auto 0 10 90 last', 'flush');
    rmSync(path.join(partsOf(standby).home, logFileName(neededFrom.file)));
    const error = await expectFailure('standby-corrupt', () => follow(standby, home));
    expect(error.message).toMatch(/begins with log\.0000000002, but the next round needs it from \[1\]\[\d+\] on$/);
  });
});

const variants: readonly (readonly string[])[] = [
  [],
  ['--checksum', '--hash', '--log-max', '60000'],
  ['--page-size', '8192', '--cache-kb', '64'],
  ['--page-size', '512', '--auto-remove', '--log-max', '100000'],
];

describeNative('a primary that is killed at any time', () => {
  const tried = { rounds: 0, promoted: 0, gaps: 0, records: 0 };
  afterAll(() =>
    console.log(
      `standbys: ${tried.promoted} promoted after ${tried.rounds} rounds, log removed too early ${tried.gaps}`,
    ),
  );

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i: its standby becomes what recovery makes of it',
    async (seed) => {
      const directory = temporaryDirectory();
      const home = path.join(directory, 'env');
      const standby = path.join(directory, 'standby');
      mkdirSync(home);
      const options = variants[seed % variants.length]!;
      const workload = ['--home', home, '--seed', `${seed}`, '--ops', '40000', '--no-compact', ...pause, ...options];
      const application = spawn(nativeProgram('workload'), workload, { stdio: 'ignore' });
      try {
        while (!existsSync(path.join(home, 'log.0000000001'))) await setTimeout(5);
        await setTimeout(100);
        const rounds = 5 + (seed % 7);
        for (let i = 0; i < rounds; i++) {
          await follow(standby, home);
          tried.rounds++;
          await setTimeout((seed * 13 + i * 29) % 80);
        }
      } catch (error) {
        // Said by name: this primary removes its log faster than it is followed.
        const isGap = error instanceof FigaroError && ['chain-gap', 'log-missing'].includes(error.code);
        if (!isGap || !options.includes('--auto-remove')) throw error;
        tried.gaps++;
        return;
      } finally {
        application.kill('SIGKILL');
        if (application.exitCode === null && application.signalCode === null) await once(application, 'exit');
      }
      // Native recovery loses what an open transaction was removing at the crash (recovery document, E.3b).
      const removed = filesOfKind(discoverEnvironment(nodeFiles, home), 'placeholder').map(({ name }) => name);
      const native = path.join(directory, 'native');
      cpSync(home, native, { recursive: true });
      expect(recoverNatively(native, [])).toMatchObject({ ok: true });
      const { home: promoted } = await bringUp(standby);
      expect(verifyNatively(promoted)).toEqual([]);
      // What native recovery keeps is the same; where it loses a file (E.3a, E.3b), recovery of the crash itself says what is right.
      expect(contentsOf(promoted, removed)).toMatchObject(contentsOf(native, removed));
      const whole = path.join(directory, 'whole');
      await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target: whole });
      expect(contentsOf(promoted)).toEqual(contentsOf(whole));
      tried.promoted++;
      // It takes writes.
      const next = new Session(promoted, ['--recover']);
      next.do('open new auto new.db - btree 1024', 'put new auto 0 100 90 new', 'checkpoint');
      await next.leave();
      expect(verifyNatively(promoted)).toEqual([]);
    },
    120_000,
  );
});
