/** Proofs that go on from where the proof of the set before ended say what a rehearsal of the whole chain says. */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { FigaroError } from '../../../src/errors.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { type BackupResult } from '../../../src/engine/backup/backup-options.ts';
import { effort } from '../../support/effort.ts';
import { describeNative } from '../../support/native.ts';
import { PausedWorkload } from '../../support/paused-workload.ts';
import { newPlace, type Place } from '../../support/place.ts';
import { keptState, rehearsedState } from '../../support/proof-states.ts';
import { Session } from '../../support/session.ts';
import { unlocked } from '../../support/unlocked.ts';

/** Takes an incremental, and compares what its proof leaves behind with what the whole chain comes to. */
async function goOn({ home, repository }: Place, files: Files = nodeFiles): Promise<BackupResult> {
  const set = await takeBackup(files, 'incremental', { home, repository });
  expect(keptState(repository, files)).toEqual(await rehearsedState(repository, files));
  return set;
}

const options: readonly (readonly string[])[] = [
  ['--hash', '--page-size', '512'],
  ['--hash', '--checksum', '--cache-kb', '64'],
  ['--big-endian', '--hash'],
];
const first = effort('PROOF_SEED', 1);
const seeds = Array.from({ length: effort('PROOF_SEEDS', 60) }, (_, i) => first + i);

describeNative('a chain', () => {
  test.each(seeds)('of a random application is proven on from its last proof, to the same pages (%i)', async (seed) => {
    const place = newPlace();
    const { home, repository } = place;
    const application = new PausedWorkload(home, seed, 120, options[seed % options.length]);
    await application.goOn(true);
    await takeBackup(nodeFiles, 'hot', { home, repository });
    const sets: BackupResult[] = [];
    for (let i = 0; i < 5; i++) {
      await application.goOn();
      try {
        sets.push(await goOn(place));
      } catch (error) {
        // What an aborted transaction has written may have to be waited for, however it is proven.
        if (!(error instanceof FigaroError) || error.code !== 'page-unstable') throw error;
      }
    }
    expect(sets[0]!.manifest.proof!.from).toBeUndefined();
    // A page that grew and was taken back may have to be looked for in the whole log.
    const goingOn = sets.filter(({ manifest }) => manifest.proof!.from !== undefined).length;
    expect(goingOn).toBeGreaterThan(sets.length / 2);
  });

  test('with transactions that stay open over sets, are prepared, committed and taken back, is proven on', async () => {
    const place = newPlace();
    const { home, repository } = place;
    const session = new Session(home, ['--log-max', '100000', '--cache-kb', '256']);
    session.do('open b auto b.db - btree 1024', 'open q auto q.db - queue 512 4');
    session.do('open p auto p.db - btree 512', 'put p auto 1 30 60 base');
    session.do('open r auto r.db - recno 1024', 'open x auto x.db - hash 512');
    session.do('put b auto 1 40 60 base', 'put q auto 1 30 40 base', 'checkpoint', 'sync');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    const last = { id: '' };
    const step = async (...commands: readonly string[]): Promise<void> => {
      session.do(...commands, 'flush');
      const set = await goOn(place);
      if (last.id !== '') expect(set.manifest.proof).toMatchObject({ from: last.id });
      last.id = set.id;
    };
    await step('begin long', 'put b long 100 30 80 long', 'put r auto 1 20 50 first');
    await step('begin gone', 'put x gone 1 30 40 gone', 'checkpoint', 'put q auto 31 40 40 more');
    await step('begin held', 'put p held 500 20 70 held', 'prepare held', 'checkpoint', 'consume q auto 25');
    await step('abort gone', 'put x auto 1 20 30 after', 'checkpoint', 'sync');
    await step('put b long 130 40 80 long', 'checkpoint', 'delete r auto 1 5');
    await step('abort held', 'put p auto 600 20 60 later');
    await step('commit long', 'close x', 'rename auto x.db - y.db', 'open y auto y.db - hash 512');
    await step('put y auto 40 20 30 named', 'close r', 'remove auto r.db -', 'checkpoint');
    await step('open n auto n.db - btree 2048', 'put n auto 1 30 90 new', 'truncate b auto', 'compact b auto');
    await step('put b auto 1 20 50 again', 'consume q auto 30', 'put q auto 71 30 40 more');
  });

  test('of an application that never takes a checkpoint costs no more for that', async () => {
    const place = newPlace();
    const { home, repository } = place;
    const session = new Session(home, ['--log-max', '100000', '--cache-kb', '256']);
    session.do('open b auto b.db - btree 1024', 'put b auto 1 40 60 base', 'flush');
    await takeBackup(nodeFiles, 'hot', { home, repository });
    const records: number[] = [];
    for (let i = 0; i < 6; i++) {
      session.do(`put b auto ${i * 10} 30 60 round${i}`, 'flush');
      records.push((await goOn(place)).manifest.proof!.records);
    }
    expect(Math.max(...records.slice(1))).toBeLessThan(records[0]!);
  });

  test('of an encrypted environment leaves nothing behind that can be read without its password', async () => {
    const place = newPlace();
    const { home, repository } = place;
    const files = unlocked('open sesame');
    const application = new PausedWorkload(home, 3, 120, ['--password', 'open sesame', '--page-size', '1024']);
    await application.goOn(true);
    await takeBackup(files, 'hot', { home, repository });
    for (let i = 0; i < 3; i++) {
      await application.goOn();
      await goOn(place, files);
    }
    const proofs = path.join(repository, 'proofs');
    const names = readdirSync(proofs, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.blocks'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(readFileSync(path.join(proofs, name)).includes('key0')).toBe(false);
  });
});
