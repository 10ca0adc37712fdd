/** Random transactions, some of them begun with DB_TXN_BULK: a set has all that was committed, or is refused. */

import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { Chance } from '../../fuzz/mutate.ts';
import { effort } from '../../support/effort.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { newPlace } from '../../support/place.ts';

/** `SEEDS=100 npx vitest run --mode long test/engine/backup/bulk-seeds.long.test.ts` takes some minutes. */
const seeds = effort('SEEDS', 20);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
/** Backups of each. */
const rounds = 4;

describeNative('random bulk transactions', () => {
  const tried = { full: 0, incremental: 0, refused: 0 };
  afterAll(() => {
    console.log(
      `sets with bulk transactions: ${tried.full} full, ${tried.incremental} incremental, and ${tried.refused} incremental refused`,
    );
  });

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))('seed %i loses no row', async (seed) => {
    const chance = new Chance(seed);
    const { directory, home, repository } = newPlace();
    const application = new Session(home);
    application.do(
      'open old auto old.db - btree 512',
      'open sub auto shared.db one btree 512',
      'open numbered auto numbered.db - recno 512',
    );
    for (const name of ['old', 'sub', 'numbered']) application.do(`put ${name} auto 0 20 40 first`);
    application.do('checkpoint');
    await takeBackup(nodeFiles, 'hot', { home, repository });

    for (let round = 1; round <= rounds; round++) {
      application.do(...historyOf(chance));
      // What has not committed may be on disk.
      const isOpen = chance.below(2) === 0;
      // Every other time it commits without being looked at, and the next round has it.
      const commits = chance.below(2) === 0;
      if (isOpen) application.do(...beginningOf(chance, commits && chance.below(2) === 0), 'sync');
      application.do('flush');
      const wanted = chance.below(6) === 0 ? 'hot' : 'incremental';
      const kind = (await isTaken(wanted)) ? wanted : 'hot';
      if (kind !== wanted) {
        tried.refused += 1;
        await takeBackup(nodeFiles, 'hot', { home, repository });
      }
      tried[kind === 'hot' ? 'full' : 'incremental'] += 1;

      const chain = findChain(readSets(nodeFiles, openRepository(nodeFiles, repository)).sets);
      const target = path.join(directory, `recovered-${round}`);
      await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, chain), target });
      if (isOpen) application.do(commits ? 'commit t' : 'abort t');
      if (isOpen && commits) continue;
      application.do('checkpoint');
      expect(contentsOf(target), `round ${round}, ${kind}`).toEqual(contentsOf(home));
    }

    /** Only an incremental may be refused. */
    async function isTaken(kind: 'hot' | 'incremental'): Promise<boolean> {
      try {
        await takeBackup(nodeFiles, kind, { home, repository });
        return true;
      } catch (error) {
        if (!(error instanceof FigaroError) || kind === 'hot') throw error;
        expect(error.code).toMatch(/^(not-recoverable|page-unstable)$/);
        return false;
      }
    }
  });
});

/** Some transactions, one after the other. */
function historyOf(chance: Chance): string[] {
  const commands: string[] = [];
  for (let i = 1 + chance.below(5); i > 0; i--) {
    const isBulk = chance.below(2) === 0;
    commands.push(...beginningOf(chance, isBulk));
    if (chance.below(3) === 0) commands.push('sync');
    // After the abort of a bulk transaction the library itself may hang.
    commands.push(!isBulk && chance.below(3) === 0 ? 'abort t' : 'commit t');
    if (chance.below(6) === 0) commands.push('checkpoint');
    if (chance.below(8) === 0) commands.push(`compact ${chance.oneOf(['old', 'sub'])} auto`);
  }
  return commands;
}

/** A transaction t. */
function beginningOf(chance: Chance, isBulk: boolean): string[] {
  const commands = [isBulk ? 'begin t bulk' : 'begin t'];
  for (let i = 1 + chance.below(4); i > 0; i--) {
    const name = chance.oneOf(['old', 'sub', 'numbered']);
    const first = chance.below(name === 'numbered' ? 20 : 400);
    // Few rows leave few traces in the log.
    const count = 1 + chance.below(chance.oneOf([3, 20, 80]));
    const removes = name !== 'numbered' && chance.below(4) === 0;
    commands.push(
      removes ? `delete ${name} t ${first} ${count}` : `put ${name} t ${first} ${count} ${20 + chance.below(60)} text`,
    );
  }
  return commands;
}
