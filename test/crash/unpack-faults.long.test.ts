/** `unpack`, with the operating system failing it, the power lost, and the process killed at one moment after the other. */

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { openToRead } from '../../src/engine/files/read.ts';
import { openRepository } from '../../src/engine/repository/repository.ts';
import { unpackSet } from '../../src/engine/transfer/unpack-set.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { effort } from '../support/effort.ts';
import { callsToTry, faultKinds, runWithFault } from '../support/fault-kinds.ts';
import { laterFiles } from '../support/killed-runs.ts';
import { type Place } from '../support/place.ts';
import { PowerLoss, VolatileDisk, type Survival } from '../support/power-loss.ts';
import { prepared } from '../support/prepared.ts';
import { finish, start } from '../support/program.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

/** A repository with one set. */
const laid = prepared(async ({ home, repository }) => {
  demoApplication(home).commitUpTo([4, 72_115]);
  expect((await figaro(['hot', '-q', '--home', home, '--repo', repository])).exitCode).toBe(0);
  fs.rmSync(home, { recursive: true });
});

let place: Place;
let target: string;
let line: string[];
let whole: Readonly<Record<string, string>>;

beforeEach(() => {
  place = laid();
  ({ target } = place);
  line = ['unpack', 'latest', target, '--repo', place.repository, '--quiet'];
  const [id] = namesIn(place.repository);
  whole = bytesIn(nodeFiles, path.join(place.repository, id!))!;
});

/** The bytes of all files in a directory, by their names; undefined where there is no directory. */
function bytesIn(files: Files, directory: string): Record<string, string> | undefined {
  if (!files.statIfThere(directory)) return undefined;
  const found: Record<string, string> = {};
  for (const name of files.listIfThere(directory) ?? []) {
    const inside = path.join(directory, name);
    if (files.statIfThere(inside)!.kind === 'directory') {
      for (const [below, bytes] of Object.entries(bytesIn(files, inside)!)) found[`${name}/${below}`] = bytes;
    } else {
      const opened = openToRead(files, inside);
      const bytes = Buffer.alloc(opened.stat().size);
      opened.readAt(bytes, 0);
      opened.close();
      found[name] = bytes.toString('base64');
    }
  }
  return found;
}

test.each(Object.entries(faultKinds))(
  'makes a whole directory or none while the disk %s',
  async (what, kind) => {
    const { calls, result } = await runWithFault(place.directory, line, kind, Infinity);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(bytesIn(nodeFiles, target)).toEqual(whole);
    for (const at of callsToTry(calls, `unpack ${what}`)) {
      place = laid();
      const before = fingerprint(place.repository);
      const { result: outcome } = await runWithFault(place.directory, line, kind, at);
      const context = `call ${at}: ${outcome.stderr}`;
      expect([0, kind.exitCode], context).toContain(outcome.exitCode);
      expect(fingerprint(place.repository), context).toEqual(before);
      const found = bytesIn(nodeFiles, target);
      expect([undefined, whole], context).toContainEqual(found);
      expect(found !== undefined || outcome.exitCode !== 0, context).toBe(true);
      fs.rmSync(target, { recursive: true, force: true });
      expect(await figaro(line), context).toMatchObject({ exitCode: 0 });
      expect(bytesIn(nodeFiles, target), context).toEqual(whole);
    }
  },
  600_000,
);

test('what is told to be unpacked is whole after the power failed at any moment', async () => {
  const disk = '/power-loss';
  const to = path.join(disk, 'set');
  const empty = new VolatileDisk(disk, nodeFiles);
  const work = ({ files }: VolatileDisk): Promise<unknown> =>
    unpackSet(files, openRepository(files, place.repository), { set: 'latest', to });
  const complete = empty.copy();
  await work(complete);
  expect(bytesIn(complete.files, to)).toEqual(whole);
  const stride = effort('FAULT_EVERY', 1);
  for (let n = 0; n <= complete.operations; n += stride) {
    for (const survival of ['none', 'names', 'some'] satisfies Survival[]) {
      const tried = empty.copy();
      tried.losePowerAt(n);
      const outcome = await work(tried).catch((error: unknown) => error);
      if (outcome instanceof Error && !(outcome instanceof PowerLoss)) throw outcome;
      const random = randomNumbers(n);
      const after = tried.restarted(survival, () => random(1000) / 1000);
      const found = bytesIn(after.files, to);
      expect([undefined, whole]).toContainEqual(found);
      if (!(outcome instanceof PowerLoss)) expect(found).toEqual(whole);
    }
  }
}, 600_000);

test('what a killed run leaves beside its directory is swept by the next one', async () => {
  const random = randomNumbers(5);
  const began = performance.now();
  expect(await finish(...line)).toMatchObject({ status: 0 });
  const usualMs = performance.now() - began;
  for (let i = 0; i < effort('KILLS', 10); i++) {
    place = laid();
    const { child, outcome } = start(...line);
    await setTimeout(usualMs * (0.5 + random(500) / 1000));
    child.kill('SIGKILL');
    await outcome;
    expect([undefined, whole]).toContainEqual(bytesIn(nodeFiles, target));
    fs.rmSync(target, { recursive: true, force: true });
    expect(await figaro(line, { files: laterFiles(place.directory) })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(bytesIn(nodeFiles, target)).toEqual(whole);
    expect(namesIn(place.directory)).toEqual(['recovered', 'repo']);
  }
});
