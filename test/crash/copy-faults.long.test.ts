/** `copy`, with the operating system failing it, the power lost, and the process killed at one moment after the other. */

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { copySets } from '../../src/engine/transfer/copy-sets.ts';
import { verifySets } from '../../src/engine/verify/verify-sets.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { effort } from '../support/effort.ts';
import { callsToTry, faultKinds, runWithFault } from '../support/fault-kinds.ts';
import { withFaults } from '../support/faulty-system.ts';
import { laterFiles } from '../support/killed-runs.ts';
import { PowerLoss, VolatileDisk, type Survival } from '../support/power-loss.ts';
import { finish, start } from '../support/program.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

/** A repository with a full set and an incremental, and a copy of it that has neither. */
let prepared = '';

beforeAll(async () => {
  prepared = fs.mkdtempSync(path.join(process.env['TMPDIR'] ?? '/tmp', 'figaro-test-'));
  const home = path.join(prepared, 'env');
  const repo = path.join(prepared, 'repo');
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  expect((await figaro(['hot', '-q', '--home', home, '--repo', repo])).exitCode).toBe(0);
  application.commitUpTo([5, 110_402]);
  expect((await figaro(['incremental', '-q', '--home', home, '--repo', repo])).exitCode).toBe(0);
  fs.rmSync(home, { recursive: true });
  return () => fs.rmSync(prepared, { recursive: true });
});

class Place {
  readonly directory = temporaryDirectory();
  readonly repository = path.join(this.directory, 'repo');
  readonly copy = path.join(this.directory, 'copy');

  constructor() {
    fs.cpSync(path.join(prepared, 'repo'), this.repository, { recursive: true, preserveTimestamps: true });
  }

  get arguments(): string[] {
    return ['copy', '--quiet', '--repo', this.repository, '--to', this.copy];
  }
}

/** The sets of a repository, after making sure that each is whole, and follows the one before it. */
async function soundSets(files: Files, directory: string): Promise<string[]> {
  if (!files.statIfThere(path.join(directory, 'repository.json'))) return [];
  const repository = openRepository(files, directory);
  const { sets } = readSets(files, repository);
  expect((await verifySets(files, repository, { record: false })).findings).toEqual([]);
  return sets.map(({ id }) => id);
}

test.each(Object.entries(faultKinds))(
  'copies whole sets, in order, while the disk %s',
  async (what, kind) => {
    const whole = new Place();
    const { calls, result } = await runWithFault(whole.directory, whole.arguments, kind, Infinity);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    const all = await soundSets(nodeFiles, whole.copy);
    expect(all).toHaveLength(2);
    for (const at of callsToTry(calls, `copy ${what}`)) {
      const place = new Place();
      const before = fingerprint(place.repository);
      const { result: outcome } = await runWithFault(place.directory, place.arguments, kind, at);
      const context = `call ${at}: ${outcome.stderr}`;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      expect(fingerprint(place.repository), context).toEqual(before);
      const copied = await soundSets(nodeFiles, place.copy);
      expect(copied, context).toEqual(all.slice(0, copied.length));
      expect(copied.length === 2 || outcome.exitCode !== 0, context).toBe(true);

      // The same command goes on. The process that holds the lock is gone, but this one is not.
      nodeFiles.remove(path.join(place.copy, 'lock'));
      expect(await figaro(place.arguments), context).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await soundSets(nodeFiles, place.copy), context).toEqual(all);
      expect(namesIn(place.copy), context).toEqual([...all, 'repository.json'].sort());
    }
  },
  600_000,
);

test('copies whole sets when no read and no write does more than half of what it was told', async () => {
  const place = new Place();
  const result = await withFaults(
    place.directory,
    () => 'short',
    async () => await figaro(place.arguments),
  );
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  expect(await soundSets(nodeFiles, place.copy)).toHaveLength(2);
});

test('copies whole sets when the power fails at any moment', async () => {
  const disk = '/power-loss';
  const repository = path.join(prepared, 'repo');
  const copy = path.join(disk, 'copy');
  const empty = new VolatileDisk(disk, nodeFiles);
  const work = ({ files }: VolatileDisk): Promise<unknown> =>
    copySets(files, openRepository(files, repository), { to: copy });
  const whole = empty.copy();
  await work(whole);
  const all = await soundSets(whole.files, copy);
  expect(all).toHaveLength(2);
  const stride = effort('FAULT_EVERY', 1);
  for (let n = 0; n <= whole.operations; n += stride) {
    for (const survival of ['none', 'names', 'some'] satisfies Survival[]) {
      const tried = empty.copy();
      tried.losePowerAt(n);
      const outcome = await work(tried).catch((error: unknown) => error);
      if (outcome instanceof Error && !(outcome instanceof PowerLoss)) throw outcome;
      const random = randomNumbers(n);
      const after = tried.restarted(survival, () => random(1000) / 1000);
      const copied = await soundSets(after.files, copy);
      expect(copied).toEqual(all.slice(0, copied.length));
      // What was told to be copied is there for good.
      if (!(outcome instanceof PowerLoss)) expect(copied).toEqual(all);
      after.files.remove(path.join(copy, 'lock'));
      await work(after);
      expect(await soundSets(after.files, copy)).toEqual(all);
      expect(after.files.listIfThere(copy)).toEqual([...all, 'repository.json'].sort());
    }
  }
}, 600_000);

test('what a killed copy leaves is swept and made up for by the next', async () => {
  const random = randomNumbers(11);
  const timed = new Place();
  const began = performance.now();
  expect(await finish(...timed.arguments)).toMatchObject({ status: 0 });
  const usualMs = performance.now() - began;
  const all = await soundSets(nodeFiles, timed.copy);
  for (let i = 0; i < effort('KILLS', 10); i++) {
    const place = new Place();
    const { child, outcome } = start(...place.arguments);
    await setTimeout(usualMs * (0.4 + random(600) / 1000));
    child.kill('SIGKILL');
    await outcome;
    const copied = await soundSets(nodeFiles, place.copy);
    expect(copied).toEqual(all.slice(0, copied.length));
    expect(await figaro(place.arguments, { files: laterFiles(place.directory) })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(namesIn(place.copy)).toEqual([...all, 'repository.json'].sort());
  }
});
