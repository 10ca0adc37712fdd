/** Somebody puts an older copy of one container back into an environment in use: the log of what came after does not fit it. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { logPaths } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { findLastCheckpoint } from '../../../src/engine/log/find-checkpoint.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { NotApart } from '../../../src/engine/recovery/analysis.ts';
import { rehearsedBy, rehearseWithEarlier, type Rehearsed } from '../../../src/engine/recovery/earlier-log.ts';
import { isAboutOlderCopy } from '../../../src/engine/recovery/page-change.ts';
import { proveRecoverable } from '../../../src/engine/recovery/proof.ts';
import { rehearse, type RecoveredState } from '../../../src/engine/recovery/rehearse.ts';
import { FigaroError } from '../../../src/errors.ts';
import { logFileName } from '../../../src/format/names.ts';
import { Chance } from '../../fuzz/mutate.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { effort } from '../../support/effort.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

/**
 * Lets an application change databases of all kinds in transactions, some of which it takes back, and end or die.
 *
 * @returns files as they were on the disk on the way, by name
 */
async function changeAtRandom(home: string, chance: Chance, steps: number): Promise<Map<string, Buffer>> {
  const older = new Map<string, Buffer>();
  fs.mkdirSync(home, { recursive: true });
  // Without recovery, transactions begin with the same ids again.
  for (const region of fs.readdirSync(home).filter((file) => file.startsWith('__db.'))) {
    fs.rmSync(path.join(home, region));
  }
  const session = new Session(home, [
    ...(chance.below(4) > 0 ? ['--recover'] : []),
    '--log-max',
    '40000',
    '--log-buffer-kb',
    '8',
  ]);
  const databases = {
    t: 't.db - btree 512',
    s: 's.db one btree 512',
    u: 's.db two hash 512',
    h: 'h.db - hash 512',
    r: 'r.db - recno 512',
    ...(chance.below(3) === 0 ? { q: 'q.db - queue 512', e: 'e.db - queue 512 4' } : {}),
  };
  for (const [name, what] of Object.entries(databases)) session.do(`open ${name} auto ${what}`);
  let open: string | undefined;
  for (let step = 0; step < steps; step++) {
    if (open === undefined && chance.below(3) === 0) session.do(`begin ${(open = `t${step}`)}`);
    const name = chance.oneOf(Object.keys(databases));
    const first = chance.below(60);
    const range = `${name} ${open ?? 'auto'} ${first} ${1 + chance.below(30)}`;
    session.do(chance.below(10) < 7 ? `put ${range} ${20 + chance.below(60)} text${step}` : `delete ${range}`);
    if (open !== undefined && chance.below(4) === 0) {
      session.do(`${chance.below(3) === 0 ? 'abort' : 'commit'} ${open}`);
      open = undefined;
    }
    if (open === undefined && chance.below(20) === 0) {
      session.do(`open x auto x${step}.db - btree 512`, `put x auto 0 20 40 text`, 'close x');
      session.do(chance.oneOf([`rename auto x${step}.db - y${step}.db`, `remove auto x${step}.db -`, 'flush']));
    }
    if (chance.below(15) === 0) session.do('checkpoint');
    if (chance.below(20) > 0) continue;
    const names = fs.readdirSync(home).filter((file) => /^(__dbq\.)?\w\.db/.test(file));
    const kept = chance.oneOf(names);
    older.set(kept, fs.readFileSync(path.join(home, kept)));
  }
  if (open !== undefined) session.do(`commit ${open}`);
  if (chance.below(2) === 0) session.do('checkpoint');
  if (chance.below(2) === 0) await session.leave();
  else await session.die();
  return older;
}

/** What is asked of a rehearsal with earlier log files: the message that tells of an older copy, if there is one. */
async function findingOf(rehearsal: Promise<unknown>): Promise<string | undefined> {
  try {
    await rehearsal;
    return undefined;
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    return isAboutOlderCopy(error) ? error.message : undefined;
  }
}

interface Rehearsals {
  /** Numbers of log files. */
  readonly log: { readonly first: number; readonly redoFrom: number; readonly last: number };
  /** Of the log as a whole, and in two parts. */
  readonly whole: () => Promise<unknown>;
  readonly apart: (files?: Files) => Promise<unknown>;
}

/** The two ways to go through a log of which the part before a file is not in a set. */
async function rehearsalsFrom(home: string, from = 0): Promise<Rehearsals> {
  const environment = discoverEnvironment(nodeFiles, home, {});
  const numbers = [...logPaths(environment).keys()].sort((a, b) => a - b);
  const { redoFrom } = findLastCheckpoint(nodeFiles, openLog(nodeFiles, logPaths(environment)))!;
  const set = {
    ...environment,
    files: environment.files.filter(({ logNumber }) => logNumber === undefined || logNumber >= from),
  };
  const options = { copiedAfter: redoFrom, watch: {} };
  let rehearsed: Rehearsed | undefined;
  const keep = (state: RecoveredState): void => {
    rehearsed = rehearsedBy(state);
  };
  await proveRecoverable(nodeFiles, set, { ...options, keepsSeen: true, keep }).catch((error: unknown) => {
    // Then a set is refused for what its own log says.
    if (!(error instanceof FigaroError)) throw error;
  });
  return {
    log: { first: numbers[0]!, redoFrom: redoFrom.file, last: numbers.at(-1)! },
    whole: async () => rehearsed && (await rehearse(nodeFiles, environment, options)),
    apart: async (files = nodeFiles) =>
      rehearsed && (await rehearseWithEarlier(files, environment, rehearsed, options)),
  };
}

/** Compares both ways wherever the log of a set could begin. */
async function compareEverywhere(home: string): Promise<void> {
  const { first, redoFrom } = (await rehearsalsFrom(home)).log;
  for (let from = first + 1; from <= redoFrom; from++) {
    const { whole, apart } = await rehearsalsFrom(home, from);
    try {
      expect(await findingOf(apart()), `from log file ${from} on`).toBe(await findingOf(whole()));
    } catch (error) {
      if (!(error instanceof NotApart)) throw error;
    }
  }
}

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

  test('is refused where the set has all changes since, and log files from before it those that are lost', async () => {
    // The first log file of the other is a large one.
    home = path.join(directory, 'small-logs');
    const options = ['--recover', '--log-max', '60000'];
    const open = ['open b auto b.db - btree 512', 'open c auto c.db - btree 512'];
    const fill = Array.from({ length: 4 }, (_, i) => [`put b auto ${i * 300} 300 100 later`, 'checkpoint']).flat();
    const before = new Session(home, options);
    before.do(...open, 'put c auto 0 5 10 first', 'checkpoint');
    const older = fs.readFileSync(path.join(home, 'c.db'));
    before.do('put c auto 0 5 10 second', 'checkpoint', ...fill);
    await before.leave();
    fs.writeFileSync(path.join(home, 'c.db'), older);
    const since = new Session(home, options);
    since.do(...open, ...fill, 'put c auto 0 5 10 third');
    await since.leave();
    const { first, redoFrom } = (await rehearsalsFrom(home)).log;
    expect(redoFrom).toBeGreaterThan(first);
    for (const kind of ['hot', 'offline'] as const) {
      const error = await expectFailure('chain-mismatch', () => backup(kind));
      expect(error.message).toMatch(/^c\.db: log record .* changes page \d+ from /);
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

  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'is found by the log in two parts as by the log as a whole: seed %i',
    async (seed) => {
      const chance = new Chance(seed);
      // The first log file of the other is a large one.
      const home = path.join(directory, 'random');
      const older = await changeAtRandom(home, chance, 150);
      if (chance.below(2) === 0) {
        const name = chance.oneOf([...older.keys()]);
        if (fs.existsSync(path.join(home, name))) fs.writeFileSync(path.join(home, name), older.get(name)!);
        // What was opened since may refuse to work with the older file.
        if (chance.below(2) === 0) await changeAtRandom(home, chance, 20).catch(() => undefined);
      }
      await compareEverywhere(home);
    },
  );

  test('is looked for without reading the log of a set once more', async () => {
    const session = new Session(home, ['--recover', '--log-max', '60000']);
    session.do('open b auto b.db - btree 512');
    for (let i = 0; i < 8; i++) session.do(`put b auto ${i * 300} 300 100 later`);
    session.do('checkpoint');
    for (let i = 0; i < 8; i++) session.do(`put b auto ${i * 300} 300 100 again`);
    await session.leave();
    const { log } = await rehearsalsFrom(home, undefined);
    const opened = new Set<string>();
    const counting = filesWith(nodeFiles, {
      openIfThere(file) {
        opened.add(path.basename(file));
        return nodeFiles.openIfThere(file);
      },
    });
    const { first, redoFrom, last } = log;
    expect(redoFrom - first).toBeGreaterThan(1);
    expect(last - redoFrom).toBeGreaterThan(1);
    const { apart } = await rehearsalsFrom(home, redoFrom);
    await apart(counting);
    for (let number = first; number <= last; number++) {
      expect(opened.has(logFileName(number))).toBe(number < redoFrom);
    }
  });

  test('is no suspicion against an environment that nobody touched', async () => {
    await write(300, 'second');
    await backup('hot');
    await backup('offline');
  });
});
