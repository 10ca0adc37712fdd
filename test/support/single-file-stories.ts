/** What anybody does with the single file, on whatever machine. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { newKey } from './age-keys.ts';
import { corpusCases, familyOf, refused } from './all-corpus.ts';
import { compareDatabases, type CorpusCase } from './corpus.ts';
import { demoApplication } from './demo-environment.ts';
import { type Machine } from './machines.ts';
import { verifyNatively } from './native.ts';
import { placeIn, type Place } from './place.ts';
import { figaro } from './run-cli.ts';
import { hashesBelow } from './trees.ts';

const { version } = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8')) as {
  readonly version: string;
};

/** When what is in log file 4 had been committed, and nothing of what follows. */
const beforeTheMistake = '2026-11-22T09:23:23Z';

/** One recorded environment of every third kind. */
function someRecorded(first: number): (readonly [string, CorpusCase])[] {
  const byFamily = new Map(corpusCases().map((one) => [familyOf(one), one]));
  return [...byFamily.values()].filter((_, i) => i % 3 === first).map((one) => [one.id, one] as const);
}

/** The files of an environment. A recovery ends its log with the time it was made at. */
function withoutLogEnd(directory: string): Record<string, string> {
  const hashes = Object.entries(hashesBelow(directory));
  const lastLog = hashes.findLast(([name]) => name.startsWith('log.'))![0];
  return Object.fromEntries(hashes.filter(([name]) => name !== lastLog));
}

/**
 * Tests of the file on a machine, which is there when they run.
 *
 * @param recorded which third of the kinds of recorded environments it recovers: what differs between machines is not how
 */
export function tellStories(theMachine: () => Machine, recorded: 0 | 1 | 2): void {
  let machine: Machine;
  let place: Place;

  beforeEach(() => {
    machine = theMachine();
    place = placeIn(machine.newDirectory());
    const [home, repo] = [place.home, place.repository].map((file) => machine.nameOf(file));
    fs.writeFileSync(at('figaro-backup.toml'), `[environments.orders]\nhome = '${home}'\nrepo = '${repo}'\n`);
  });

  const at = (name: string): string => path.join(place.directory, name);

  /** Runs a line; `@` begins a path of the test. */
  async function run(line: string): ReturnType<Machine['run']> {
    const words = line.split(' ');
    return await machine.run(...words.map((word) => (word.startsWith('@') ? machine.nameOf(at(word.slice(1))) : word)));
  }

  /** A line that has to succeed. Returns what it printed. */
  async function succeed(line: string): Promise<string> {
    const { status, stdout, stderr } = await run(line);
    expect({ line, status, stderr }).toMatchObject({ line, status: 0 });
    return stdout;
  }

  test('prints its version', async () => {
    expect(await succeed('--version')).toBe(`${version}\n`);
  });

  test('names a mistake, and ends with its exit code', async () => {
    const { status, stderr } = await run('hot --home @nowhere --repo @repo');
    expect(status).toBe(3);
    expect(stderr).toContain(`error [environment-missing]: ${machine.nameOf(at('nowhere'))}`);
  });

  test('the first hour: a repository, sets beside a writer, a mistake, the time before it', async () => {
    const orders = 'orders --config @figaro-backup.toml';
    const application = demoApplication(place.home);
    application.commitUpTo([4, 72_115]);
    await succeed(`init ${orders}`);
    await application.commitDuring(async () => await succeed(`hot ${orders}`), [5, 60_000]);
    await succeed(`incremental ${orders}`);
    application.commitUpTo([5, 110_402]);
    await application.commitDuring(async () => await succeed(`incremental ${orders}`), [6, 5737]);
    await succeed(`incremental ${orders}`);
    await succeed(`verify ${orders} --rehearse`);
    await succeed(`check ${orders}`);
    expect(await succeed(`list ${orders}`)).toContain(machine.nameOf(place.home));
    await succeed(`recover ${orders} --to @before --to-time ${beforeTheMistake}`);
    await succeed(`recover ${orders} --to @recovered`);
    const source = ['--repo', place.repository];
    await equalsOurs('before', [...source, '--to-time', beforeTheMistake]);
    await equalsOurs('recovered', source);
    expect(await succeed('documents list --home @recovered d.dbxml')).toContain('doc00001');
  });

  test('packed and encrypted', async () => {
    const key = await newKey();
    fs.writeFileSync(at('identity'), `${key.secret}\n`);
    const application = demoApplication(place.home);
    application.commitUpTo([4, 72_115]);
    await succeed(`init --repo @repo --packed --recipient ${key.recipient.text} --key-file @key`);
    await succeed('hot --home @env --repo @repo --key-file @key');
    application.commitUpTo([6, 5737]);
    await succeed('incremental --home @env --repo @repo --key-file @key');
    await succeed('verify --repo @repo --rehearse --identity @identity');
    await succeed('recover --repo @repo --to @recovered --identity @identity');
    await equalsOurs('recovered', ['--repo', place.repository, '--identity', at('identity')]);
  });

  test('sets that were made here are recovered there as here', async () => {
    const application = demoApplication(place.home);
    application.commitUpTo([4, 72_115]);
    for (const command of ['hot', 'incremental']) {
      const { exitCode, stderr } = await figaro([command, '--home', place.home, '--repo', place.repository]);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      application.commitUpTo([6, 5737]);
    }
    await succeed('verify --repo @repo --rehearse');
    await succeed('recover --repo @repo --to @recovered');
    await equalsOurs('recovered', ['--repo', place.repository]);
  });

  /** What was recovered is byte for byte what this program makes of the same, and sound for Berkeley DB. */
  async function equalsOurs(name: string, source: readonly string[]): Promise<void> {
    const [theirs, ours] = [at(name), at(`${name}-here`)];
    const { exitCode, stderr } = await figaro(['recover', ...source, '--to', ours]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(withoutLogEnd(theirs)).toEqual(withoutLogEnd(ours));
    expect(verifyNatively(theirs)).toEqual([]);
  }

  test.each(someRecorded(recorded))('recovers %s', async (id, one) => {
    try {
      const { password } = one.description;
      const sources = one.input.map((input, i) => {
        fs.cpSync(input, at(`from-${i}`), { recursive: true });
        return ` --from @from-${i}`;
      });
      if (password !== undefined) fs.writeFileSync(at('password'), `${password}\n`);
      const line = `recover${sources.join('')} --to @recovered${password === undefined ? '' : ' --password-file @password'}`;
      const error = refused[id];
      if (error === undefined) {
        await succeed(line);
        expect(compareDatabases(place.target, one.expected, one.files)).toEqual([]);
        return;
      }
      const { stderr } = await run(line);
      expect(stderr).toContain(`error [${error}]`);
      expect(fs.existsSync(place.target)).toBe(false);
    } finally {
      one.forget();
    }
  });
}
