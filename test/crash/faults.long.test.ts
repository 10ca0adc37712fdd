/**
 * Every command that writes, with the operating system failing it at one call after the other. Where there are many calls,
 * some are tried; FAULT_EVERY=1 tries all.
 */

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { verifySets } from '../../src/engine/verify/verify-sets.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { callsToTry, countCalls, faultKinds as kinds, runWithFault } from '../support/fault-kinds.ts';
import { withFaults } from '../support/faulty-system.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn, namesInRepository } from '../support/trees.ts';

const commands = ['init', 'offline', 'hot', 'incremental', 'consolidate', 'recover', 'expire', 'pin'] as const;
type CommandName = (typeof commands)[number];

/** What these make is taken back when it does not last. */
const makes: ReadonlySet<CommandName> = new Set(['offline', 'hot', 'incremental', 'consolidate', 'recover']);

/** A directory with a source, and what a command needs. */
class Place {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  get home(): string {
    return path.join(this.directory, 'env');
  }
  get repository(): string {
    return path.join(this.directory, 'repo');
  }
  get target(): string {
    return path.join(this.directory, 'recovered');
  }

  arguments(command: CommandName): string[] {
    const common = [command, '--quiet', '--repo', this.repository];
    if (command === 'init' || command === 'consolidate') return common;
    if (command === 'pin') return [...common, setsOf(this.repository)[0]!];
    if (command === 'recover') return [...common, '--to', this.target];
    return command === 'expire' ? [...common, '--keep-full', '1'] : [...common, '--home', this.home];
  }

  /** What the command is for is there, or gone. */
  isDone(command: CommandName, before: number): boolean {
    if (command === 'recover') return existsSync(this.target);
    if (command === 'init') return existsSync(path.join(this.repository, 'repository.json'));
    if (command === 'pin') return existsSync(path.join(this.repository, setsOf(this.repository)[0]!, 'pin.json'));
    const sets = setsOf(this.repository).length;
    return command === 'expire' ? sets === 1 : sets > before;
  }

  async prepare(command: CommandName): Promise<void> {
    const application = demoApplication(this.home);
    application.commitUpTo([4, 72_115]);
    if (command !== 'offline' && command !== 'init') expect((await figaro(this.arguments('offline'))).exitCode).toBe(0);
    if (['incremental', 'consolidate', 'expire'].includes(command)) application.commitUpTo([6, 5737]);
    if (command === 'consolidate') expect((await figaro(this.arguments('incremental'))).exitCode).toBe(0);
    if (command === 'recover') {
      // Of a chain whose last log file is in parts.
      application.commitUpTo([4, 100_000]);
      expect((await figaro(this.arguments('incremental'))).exitCode).toBe(0);
    }
    if (command === 'expire') expect((await figaro(this.arguments('offline'))).exitCode).toBe(0);
    // So that there is a result of a check that may not be readable.
    if (command === 'expire') expect((await figaro(['verify', '--quiet', '--repo', this.repository])).exitCode).toBe(0);
  }
}

/** Sets that are listed are whole. */
async function requireSound(repository: string): Promise<void> {
  if (!existsSync(path.join(repository, 'repository.json'))) return;
  const opened = openRepository(nodeFiles, repository);
  expect((await verifySets(nodeFiles, opened, { record: false })).findings).toEqual([]);
}

function setsOf(repository: string): readonly string[] {
  return namesIn(repository).filter((name) => existsSync(path.join(repository, name, 'manifest.json')));
}

function newestOf(repository: string): string {
  return readSets(nodeFiles, openRepository(nodeFiles, repository)).sets.at(-1)!.id;
}

describe.each(commands)('%s', (command) => {
  let directory: string;
  let prepared: Place;
  let calls: Readonly<Record<string, number>>;
  /** What is recovered when nothing fails. */
  let recovered: readonly string[];

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    prepared = new Place(path.join(directory, 'prepared'));
    await prepared.prepare(command);
    const whole = new Place(path.join(directory, 'whole'));
    cpSync(prepared.directory, whole.directory, { recursive: true, preserveTimestamps: true });
    const counted = await countCalls(whole.directory, whole.arguments(command));
    expect(counted.result).toMatchObject({ exitCode: 0, stderr: '' });
    calls = counted.calls;
    recovered = fingerprintOf(whole.target);
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test.each(Object.keys(kinds))(
    'while the disk %s',
    async (what) => {
      const kind = kinds[what]!;
      const ofKind = calls[what]!;
      expect(ofKind).toBeGreaterThan(3);
      let failed = 0;
      let tried = 0;
      for (const at of callsToTry(ofKind, `${command} ${what}`)) {
        const place = new Place(temporaryDirectory());
        cpSync(prepared.directory, place.directory, { recursive: true, preserveTimestamps: true });
        const source = fingerprint(place.home);
        const before = setsOf(place.repository);
        const untouched = command === 'expire' ? [newestOf(place.repository)] : before;
        const contentsNow = (): unknown =>
          untouched.map((id) =>
            fingerprint(path.join(place.repository, id)).filter((line) => !line.startsWith('pin.json')),
          );
        const contents = contentsNow();
        const { result: outcome } = await runWithFault(place.directory, place.arguments(command), kind, at);
        const context = `call ${at}: ${outcome.stderr}`;
        tried++;
        if (outcome.exitCode !== 0) failed++;
        expect([0, kind.exitCode], context).toContain(outcome.exitCode);
        if (kind.code !== undefined && outcome.exitCode !== 0)
          expect(outcome.stderr, context).toMatch(/^error \[[a-z-]+\]: .*\n(hint: .*\n)?$/);

        // The source and earlier sets are as they were.
        expect(fingerprint(place.home), context).toEqual(source);
        expect(contentsNow(), context).toEqual(contents);

        // What was made is listed and whole, or not there.
        await requireSound(place.repository);
        const isDone = place.isDone(command, before.length);
        expect(isDone || outcome.exitCode !== 0, context).toBe(true);
        // What was made and could not be synced is taken back, if anything still works.
        if (!kind.lasting && makes.has(command)) expect(isDone && outcome.exitCode !== 0, context).toBe(false);
        if (command === 'recover' && isDone) expect(fingerprintOf(place.target), context).toEqual(recovered);

        // The same command does it now. The process that holds the lock is gone, but this one is not.
        nodeFiles.remove(path.join(place.repository, 'lock'));
        // What a run did that could not say at its end that it is over: no next one sweeps it here.
        if (outcome.exitCode === 0) nodeFiles.remove(path.join(place.repository, 'lock.phase'));
        if (outcome.exitCode !== 0 && !(command === 'recover' && isDone)) {
          expect(await figaro(place.arguments(command)), context).toMatchObject({ exitCode: 0 });
          expect(place.isDone(command, before.length), context).toBe(true);
          if (command === 'recover') expect(fingerprintOf(place.target), context).toEqual(recovered);
          await requireSound(place.repository);
        }
        // And nothing else is left lying about, after the next run that writes.
        if (command === 'init') expect((await figaro(place.arguments('expire'))).exitCode, context).toBe(0);
        expect(namesInRepository(place.repository), context).toEqual(
          [...setsOf(place.repository), 'repository.json'].sort(),
        );
        rmSync(place.directory, { recursive: true });
      }
      console.log(`${command}: the disk ${what} at ${tried} of ${ofKind} calls, and ${failed} failed`);
    },
    3_600_000,
  );

  test('while no read and no write does more than half of what it was told', async () => {
    const place = new Place(temporaryDirectory());
    cpSync(prepared.directory, place.directory, { recursive: true, preserveTimestamps: true });
    const before = setsOf(place.repository).length;
    const result = await withFaults(
      place.directory,
      () => 'short',
      async () => await figaro(place.arguments(command)),
    );
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(place.isDone(command, before)).toBe(true);
    await requireSound(place.repository);
  });
});

/** Names and sizes: finishing records tell the time. */
function fingerprintOf(directory: string): readonly string[] {
  return existsSync(directory) ? fingerprint(directory).map((line) => line.split(' ').slice(0, 2).join(' ')) : [];
}
