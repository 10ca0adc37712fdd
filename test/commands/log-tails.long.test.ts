/** Chains whose log files lie in parts: each command sees one log. */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type LogPosition } from '../../demo/application.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../src/engine/repository/backup-set.ts';
import { appendTails, copyOver } from '../support/by-hand.ts';
import { flipBit } from '../support/damage.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { asOfFormat2 } from '../support/earlier-sets.ts';
import { contentsOf } from '../support/native.ts';
import { placeIn } from '../support/place.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

const full: LogPosition = [4, 72_115];
/** Where the log was when an incremental was made: several times in one file, and across two. */
const steps: readonly LogPosition[] = [
  [4, 90_000],
  [4, 130_000],
  [4, 140_000],
  [5, 40_000],
  [5, 180_000],
  [6, 5737],
];

let directory: string;
let home: string;
let repository: string;
let target: string;
/** The environment and its chain as they are before each test. */
let kept: string;

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });

async function succeed(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...args);
  expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  return stdout;
}

beforeAll(async () => {
  kept = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-test-'));
  ({ directory, home, repository, target } = placeIn(path.join(kept, 'place')));
  const application = demoApplication(home);
  application.commitUpTo(full);
  await succeed('hot', '--home', home, '--repo', repository, '--quiet');
  for (const step of steps) {
    application.commitUpTo(step);
    await succeed('incremental', '--home', home, '--repo', repository, '--quiet');
  }
  fs.renameSync(directory, path.join(kept, 'prepared'));
});

beforeEach(() => {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.cpSync(path.join(kept, 'prepared'), directory, { recursive: true, preserveTimestamps: true });
});

afterAll(() => fs.rmSync(kept, { recursive: true, force: true }));

const sets = (): readonly BackupSet[] => readSets(nodeFiles, openRepository(nodeFiles, repository)).sets;

/** The tails of the sets, in order. */
const tails = (): { readonly set: BackupSet; readonly name: string; readonly file: string }[] =>
  sets().flatMap((set) =>
    set.manifest.files
      .filter(({ tailOf }) => tailOf)
      .map(({ path: name }) => ({ set, name, file: path.join(set.directory, 'environment', name) })),
  );

/** What the environment holds when its log is applied. */
async function expected(): Promise<Record<string, string>> {
  const whole = path.join(directory, 'whole');
  await succeed('recover', '--from', home, '--to', whole, '--quiet');
  return contentsOf(whole);
}

describe('a chain with tails', () => {
  test('holds of its log what is there, once', () => {
    expect(tails().map(({ name }) => name)).toEqual([
      'log.0000000004.from-0000072115',
      'log.0000000004.from-0000088891',
      'log.0000000004.from-0000129155',
      expect.stringMatching(/^log\.0000000004\.from-0000\d{6}$/),
      'log.0000000005.from-0000039992',
      'log.0000000005.from-0000179995',
    ]);
    const stored = sets()
      .flatMap(({ manifest }) => manifest.files)
      .filter(({ kind }) => kind === 'log')
      .reduce((sum, { size }) => sum + size, 0);
    const plain = path.join(directory, 'plain');
    copyOver(sets(), plain);
    appendTails(plain);
    const logs = namesIn(plain).filter((name) => name.startsWith('log.'));
    for (const name of logs) {
      const copy = fs.readFileSync(path.join(plain, name));
      expect(Buffer.compare(copy, fs.readFileSync(path.join(home, name)).subarray(0, copy.length))).toBe(0);
    }
    expect(logs.reduce((sum, name) => sum + fs.statSync(path.join(plain, name)).size, 0)).toBe(stored);
  });

  test('is verified, rehearsed, listed and shown', async () => {
    await succeed('verify', '--repo', repository, '--rehearse', '--quiet');
    await succeed('check', '--repo', repository, '--quiet');
    expect(await succeed('list', '--repo', repository)).toContain('incremental');
    const { timeline } = JSON.parse(await succeed('show', '--repo', repository, '--timeline', '--json')) as {
      timeline: unknown;
    };
    expect(timeline).toBeDefined();
  });

  test('shows the records of the log that the source has', async () => {
    const { firstFile } = sets()[0]!.manifest.log!;
    for (const command of [['print'], ['timeline'], ['list', '--json']]) {
      const ofSource = await succeed('logs', ...command, '--home', home);
      const ofChain = await succeed('logs', ...command, '--repo', repository);
      if (command[0] === 'print') {
        const from = (text: string): string[] =>
          text.split('\n').filter((line) => Number(/^\[(\d+)\]/.exec(line)?.[1]) >= firstFile);
        expect(from(ofChain).length).toBeGreaterThan(1000);
        expect(from(ofChain)).toEqual(from(ofSource));
      }
    }
  });

  test('is recovered to its end, to a record within a tail, and in part', async () => {
    const contents = await expected();
    await succeed('recover', '--repo', repository, '--to', target, '--quiet');
    expect(contentsOf(target)).toEqual(contents);
    const { lastRecord } = sets()[2]!.manifest.log!;
    const lsn = `${lastRecord!.file}/${lastRecord!.offset}`;
    for (const [to, from] of [
      ['part', ['--repo', repository]],
      ['part-of-source', ['--from', home]],
    ] as const) {
      await succeed('recover', ...from, '--to-lsn', lsn, '--to', path.join(directory, to), '--quiet');
    }
    expect(contentsOf(path.join(directory, 'part'))).toEqual(contentsOf(path.join(directory, 'part-of-source')));
    const log = `log.${String(lastRecord!.file).padStart(10, '0')}`;
    expect(
      namesIn(path.join(directory, 'part'))
        .filter((name) => name.startsWith('log.'))
        .at(-1),
    ).toBe(log);
    const only = path.join(directory, 'only');
    const { exitCode } = await run('recover', '--repo', repository, '--only', 'd.dbxml', '--to', only, '--quiet');
    expect(exitCode).toBe(0);
    expect(Object.entries(contents)).toEqual(expect.arrayContaining(Object.entries(contentsOf(only))));
  });

  test('goes on in the log that is left of the environment', async () => {
    const last = sets()[3]!.id;
    await succeed(
      'recover',
      '--repo',
      repository,
      '--to-set',
      last,
      '--surviving-logs',
      home,
      '--to',
      target,
      '--quiet',
    );
    expect(contentsOf(target)).toEqual(await expected());
  });

  test('makes a standby, and keeps it current', async () => {
    const later = path.join(directory, 'later');
    for (const { id } of sets().slice(3)) {
      fs.mkdirSync(later, { recursive: true });
      fs.renameSync(path.join(repository, id), path.join(later, id));
    }
    const standby = path.join(directory, 'standby');
    const follow = ['failover', 'follow', '--repo', repository, '--standby', standby, '--once', '--quiet'];
    await succeed(...follow);
    for (const id of namesIn(later).sort()) {
      fs.renameSync(path.join(later, id), path.join(repository, id));
      await succeed(...follow);
    }
    await succeed('failover', 'promote', '--standby', standby, '--quiet');
    expect(contentsOf(path.join(standby, 'environment'))).toEqual(await expected());
  });

  test('may begin with sets of earlier versions, which held log files whole', async () => {
    const contents = await expected();
    for (let count = 1; count <= 4; count++) asOfFormat2(sets().slice(0, count));
    expect(sets().map(({ manifest }) => manifest.format)).toEqual([2, 2, 2, 2, 3, 3, 3]);
    expect(tails()).toHaveLength(3);
    await succeed('verify', '--repo', repository, '--rehearse', '--quiet');
    await succeed('recover', '--repo', repository, '--to', target, '--quiet');
    expect(contentsOf(target)).toEqual(contents);
    const plain = path.join(directory, 'plain');
    copyOver(sets(), plain);
    appendTails(plain);
    expect(namesIn(plain).filter((name) => name.includes('from'))).toEqual([]);
    await succeed('recover', '--from', plain, '--to', path.join(directory, 'by-hand'), '--quiet');
    expect(contentsOf(path.join(directory, 'by-hand'))).toEqual(contents);
  });
});

describe('plain copies of the sets', () => {
  test('are recovered with the tails appended, half appended, lying there still, and laid over each other', async () => {
    const contents = await expected();
    const recoverFrom = async (to: string, ...from: readonly string[]): Promise<void> => {
      const copies = from.flatMap((copy) => ['--from', copy]);
      await succeed('recover', ...copies, '--to', path.join(directory, to), '--quiet');
      expect(contentsOf(path.join(directory, to))).toEqual(contents);
    };
    const plain = path.join(directory, 'plain');
    copyOver(sets(), plain);
    const before = fingerprint(plain);
    await recoverFrom('lying', plain);
    expect(fingerprint(plain)).toEqual(before);
    await recoverFrom('layers', ...sets().map((set) => path.join(set.directory, 'environment')));

    // As a line that was interrupted leaves it: appended, and not removed.
    const [first, second] = namesIn(plain).filter((name) => name.includes('.from-'));
    const log = path.join(plain, 'log.0000000004');
    fs.appendFileSync(log, fs.readFileSync(path.join(plain, first!)));
    fs.appendFileSync(log, fs.readFileSync(path.join(plain, second!)).subarray(0, 5000));
    await recoverFrom('half', plain);

    fs.rmSync(plain, { recursive: true });
    copyOver(sets(), plain);
    appendTails(plain);
    expect(namesIn(plain).filter((name) => name.includes('from'))).toEqual([]);
    await recoverFrom('appended', plain);
  });

  test('are refused where a tail is missing or of another history', async () => {
    const plain = path.join(directory, 'plain');
    copyOver(sets(), plain);
    const names = namesIn(plain).filter((name) => name.includes('.from-'));
    const away = path.join(directory, 'away');
    fs.renameSync(path.join(plain, names[1]!), away);
    for (const command of [
      ['recover', '--from', plain, '--to', target],
      ['logs', 'list', '--from', plain],
    ]) {
      const { exitCode, stderr } = await run(...command);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 3,
        stderr: expect.stringMatching(
          /^error \[log-missing\]: .* ends at byte 88891 of its log file, but \S+ begins at 129155\n/,
        ),
      });
    }
    fs.renameSync(away, path.join(plain, names[1]!));
    // The log went on without its tail, as where it was recovered without it.
    fs.appendFileSync(path.join(plain, 'log.0000000004'), 'something else');
    const { exitCode, stderr } = await run('recover', '--from', plain, '--to', target);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 4,
      stderr: expect.stringMatching(/^error \[log-corrupt\]: .*differs/),
    });
    expect(fs.existsSync(target)).toBe(false);
  });
});

describe('a tail that is not what its manifest says', () => {
  const damages: readonly (readonly [string, (file: string) => void, string])[] = [
    ['is missing', (file) => fs.rmSync(file), 'set-incomplete'],
    ['is too short', (file) => fs.truncateSync(file, fs.statSync(file).size - 100), 'file-checksum'],
    ['has grown', (file) => fs.appendFileSync(file, Buffer.alloc(100)), 'file-checksum'],
    ['is another', (file) => flipBit(file, 300), 'file-checksum'],
  ];

  test.each(damages)('is told by name: it %s', async (_what, damage, code) => {
    const { set, name, file } = tails()[1]!;
    damage(file);
    const { findings } = JSON.parse((await run('verify', '--repo', repository, '--json')).stdout) as {
      findings: { set: string; code: string; path: string }[];
    };
    expect(findings).toContainEqual(expect.objectContaining({ set: set.id, code, path: name }));
    const { exitCode, stderr } = await run('recover', '--repo', repository, '--to', target);
    expect({ exitCode, stderr }).toEqual({
      exitCode: code === 'set-incomplete' ? 5 : 4,
      stderr: expect.stringMatching(new RegExp(`^error \\[${code}\\]: .*${name}`)),
    });
    expect(fs.existsSync(target)).toBe(false);
    const standby = await run(
      'failover',
      'follow',
      '--repo',
      repository,
      '--standby',
      path.join(directory, 's'),
      '--once',
    );
    expect(standby.exitCode).not.toBe(0);
    expect(standby.stderr).toContain(name);
  });
});

test('a tail in an environment that is no copy is left out, and a warning says what that may mean', async () => {
  const name = 'log.0000000006.from-0000000100';
  fs.writeFileSync(path.join(home, name), 'left by somebody');
  const { exitCode, stderr } = await run('hot', '--home', home, '--repo', path.join(directory, 'other'));
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining(
      `warning: ${name} is the tail of a log file, from a copy of sets, and is left out: Berkeley DB passes over it. If it was not appended before the copy was recovered, what it holds is missing here\n`,
    ) as string,
  });
  const [set] = readSets(nodeFiles, openRepository(nodeFiles, path.join(directory, 'other'))).sets;
  expect(set!.manifest.leftOut).toContainEqual({ path: name, reason: 'log-tail' });
});
