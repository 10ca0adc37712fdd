/** Somebody puts an older copy of one container back into an environment in use: the log of what came after does not fit it. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { Chance } from '../../fuzz/mutate.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { effort } from '../../support/effort.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

const seeds = effort('SEEDS', 10);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

describeNative('a container replaced by an older copy of itself', () => {
  let directory: string;
  let home: string;

  beforeEach(async () => {
    directory = temporaryDirectory();
    home = path.join(directory, 'env');
    await write(100, 'first');
  });

  /** Lets an application write records to two containers, take a checkpoint, and end. */
  async function write(count: number, text: string): Promise<void> {
    const session = new Session(home, ['--recover']);
    for (const name of ['a', 'b']) {
      session.do(`open ${name} auto ${name}.db - btree 512`, `put ${name} auto 0 ${count} 40 ${text}`);
    }
    session.do('checkpoint');
    await session.leave();
  }

  const backup = (kind: 'hot' | 'offline'): Promise<unknown> =>
    takeBackup(nodeFiles, kind, { home, repository: path.join(directory, `repo-${kind}`) });

  test('is refused by hot and offline, before and after the application wrote on', async () => {
    const file = path.join(home, 'a.db');
    const older = fs.readFileSync(file);
    await write(300, 'second');
    fs.writeFileSync(file, older);
    for (const moment of ['before', 'after']) {
      if (moment === 'after') await write(5, 'third');
      for (const kind of ['hot', 'offline'] as const) {
        const error = await expectFailure('chain-mismatch', () => backup(kind));
        expect(error.message).toContain('a.db: ');
        expect(error.details.hint).toContain('an older copy of the file was put in the place of the newer one');
      }
    }
  });

  test.each(['hash 512', 'recno 512', 'queue 512', 'queue 512 4'])('is refused whatever it holds: %s', async (type) => {
    const session = new Session(home, ['--recover']);
    session.do(`open c auto c.db - ${type}`, 'put c auto 0 60 40 first', 'checkpoint');
    // Of a queue in extents the newest of them is swapped; the file itself holds nothing but its first page.
    const names = fs.readdirSync(home).filter((name) => name === 'c.db' || name.startsWith('__dbq.c.db'));
    const name = names.toSorted().at(type.endsWith(' 4') ? -2 : 0)!;
    const older = fs.readFileSync(path.join(home, name));
    session.do('put c auto 0 60 40 second', 'checkpoint');
    await session.leave();
    expect(fs.readFileSync(path.join(home, name))).not.toEqual(older);
    fs.writeFileSync(path.join(home, name), older);
    for (const kind of ['hot', 'offline'] as const) {
      const error = await expectFailure('chain-mismatch', () => backup(kind));
      expect(error.message).toContain('c.db: page ');
    }
  });

  test('is refused also where only log files from before the set tell', async () => {
    const file = path.join(home, 'a.db');
    const older = fs.readFileSync(file);
    await write(300, 'second');
    const session = new Session(home, ['--recover', '--log-max', '60000']);
    session.do('open b auto b.db - btree 512');
    for (let i = 0; i < 8; i++) session.do(`put b auto ${i * 300} 300 100 later`, 'checkpoint');
    await session.leave();
    expect(fs.readdirSync(home).filter((name) => name.startsWith('log.')).length).toBeGreaterThan(2);
    fs.writeFileSync(file, older);
    for (const kind of ['hot', 'offline'] as const) {
      const error = await expectFailure('chain-mismatch', () => backup(kind));
      expect(error.message).toContain('a.db: ');
    }
  });

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'is no suspicion against queues whose transactions come, go and are taken back: seed %i',
    async (seed) => {
      const chance = new Chance(seed);
      const session = new Session(home, ['--recover', '--log-max', '100000']);
      const queues = { c: 'queue 512', d: 'queue 512 4' };
      for (const [name, type] of Object.entries(queues)) {
        session.do(`open ${name} auto ${name}.db - ${type}`, `put ${name} auto 0 100 40 start`);
      }
      let end = 100;
      const open = new Set<string>();
      // The session has a transaction for each eighth of the records, and locks are never in their way.
      for (let step = 0; step < 300; step++) {
        if (open.size === 0 && chance.below(3) === 0) session.do('consume c auto 1', 'consume d auto 1');
        const part = chance.below(8);
        const name = `t${part}`;
        const queue = chance.oneOf(['c', 'd']);
        if (open.has(name) && chance.below(10) < 4) {
          session.do(`${chance.oneOf(['commit', 'abort'])} ${name}`);
          open.delete(name);
          continue;
        }
        if (!open.has(name)) session.do(`begin ${name}`);
        open.add(name);
        const first = chance.below(Math.floor(end / 8) + 4) * 8 + part;
        end = Math.max(end, first);
        session.do(
          chance.below(10) < 7
            ? `put ${queue} ${name} ${first} 1 40 text${step}`
            : `delete ${queue} ${name} ${first} 1`,
        );
        if (chance.below(10) === 0) session.do('checkpoint');
        if (step % 100 === 99) await backup('hot');
      }
      await session.die();
      await backup('hot');
      await backup('offline');
    },
  );

  test('is no suspicion against an environment that nobody touched', async () => {
    await write(300, 'second');
    await backup('hot');
    await backup('offline');
  });
});
