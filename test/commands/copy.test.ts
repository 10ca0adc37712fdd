/** A repository that is copied elsewhere, and goes on to be one there. */

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { filesWith } from '../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { Pace } from '../../src/engine/pace.ts';
import { takeLock } from '../../src/engine/repository/lock.ts';
import { openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { copySets } from '../../src/engine/transfer/copy-sets.ts';
import { FigaroError } from '../../src/errors.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, streaming, type CliResult } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { lacks, slashed } from '../support/windows.ts';

/** A repository with a chain of two sets, and one of one; made once. */
let prepared = '';
let directory: string;
let home: string;
let repository: string;
let copy: string;

beforeAll(async () => {
  prepared = fs.mkdtempSync(path.join(process.env['TMPDIR'] ?? '/tmp', 'figaro-test-'));
  const at = path.join(prepared, 'env');
  const repo = path.join(prepared, 'repo');
  const application = demoApplication(at);
  application.commitUpTo([4, 72_115]);
  await figaro(['hot', '-q', '--home', at, '--repo', repo]);
  application.commitUpTo([5, 110_402]);
  await figaro(['incremental', '-q', '--home', at, '--repo', repo]);
  // Of a damaged set only its name tells its age, in seconds.
  await setTimeout(1001);
  await figaro(['hot', '-q', '--home', at, '--repo', repo]);
});

afterAll(() => fs.rmSync(prepared, { recursive: true }));

beforeEach(() => {
  directory = temporaryDirectory();
  [home, repository, copy] = ['env', 'repo', 'copy'].map((name) => path.join(directory, name)) as [
    string,
    string,
    string,
  ];
  fs.cpSync(path.join(prepared, 'env'), home, { recursive: true, preserveTimestamps: true });
  fs.cpSync(path.join(prepared, 'repo'), repository, { recursive: true, preserveTimestamps: true });
});

const run = (...more: string[]): Promise<CliResult> =>
  figaro(['copy', '--repo', repository, '--to', copy, ...more], { directory });

const setsIn = (at: string): string[] =>
  fs.existsSync(at) ? readSets(nodeFiles, openRepository(nodeFiles, at)).sets.map(({ id }) => id) : [];

/** Names, sizes, modes, times in ms, and hashes. */
const contentsOf = (at: string): string[] =>
  fingerprint(at).map((line) => line.replace(/(\d{3})\d{6} \d+ ([0-9a-f]*)$/, '$1 $2'));

const made = 'created repository <dir>/copy\n';

/** The sets of the repository: the full one, the incremental that follows it, and the full one after. */
function names(): [string, string, string] {
  const ids = setsIn(repository);
  expect(ids).toHaveLength(3);
  return ids as [string, string, string];
}

describe('a copy of a repository', () => {
  test('holds the same bytes, modes and times, and is there to be verified and recovered from', async () => {
    const before = fingerprint(repository);
    expect(await run()).toEqual({ exitCode: 0, stdout: '', stderr: made });
    expect(fingerprint(repository)).toEqual(before);
    const [full] = names();
    const environment = (at: string): string[] => contentsOf(path.join(at, full, 'environment'));
    expect(environment(copy)).toEqual(environment(repository));
    for (const name of ['repository.json', ...names().map((id) => path.join(id, 'manifest.json'))]) {
      expect(fs.readFileSync(path.join(copy, name))).toEqual(fs.readFileSync(path.join(repository, name)));
    }
    expect(await figaro(['verify', '--repo', copy])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    const target = path.join(directory, 'recovered');
    expect((await figaro(['recover', '--repo', copy, '--to', target])).exitCode).toBe(0);
  });

  test('gets what is missing, and nothing twice', async () => {
    await run();
    const before = fingerprint(copy);
    expect(await run('--verbose')).toEqual({ exitCode: 0, stdout: 'nothing to copy to <dir>/copy\n', stderr: '' });
    expect(fingerprint(copy)).toEqual(before);
    demoApplication(home).commitUpTo([6, 5737]);
    await figaro(['incremental', '-q', '--home', home, '--repo', repository]);
    const newest = setsIn(repository).at(-1)!;
    expect((await run('--dry-run')).stdout).toContain(`would copy  ${newest}`);
    expect(setsIn(copy)).toHaveLength(3);
    const { stdout } = await run('--json');
    expect(JSON.parse(stdout)).toMatchObject({ copied: [{ id: newest }], left: [] });
    expect(setsIn(copy)).toEqual(setsIn(repository));
  });

  test('is whole at every moment: each chain begins with its full set, and each set ends with its manifest', async () => {
    const written: string[] = [];
    const watched = filesWith(nodeFiles, {
      rename: (from, to) => {
        if (path.basename(to) === 'manifest.json') written.push(path.basename(path.dirname(to)));
        nodeFiles.rename(from, to);
      },
      create: (file, mode) => {
        if (slashed(file).includes('/environment/'))
          expect(fs.existsSync(file.replace(/\/environment\/.*/, '/manifest.json'))).toBe(false);
        return nodeFiles.create(file, mode);
      },
    });
    await copySets(watched, openRepository(nodeFiles, repository), { to: copy });
    expect(written).toEqual(names());
  });

  test('goes on as a repository: list, check and incremental work on it', async () => {
    await run();
    expect((await figaro(['list', '--repo', copy])).stdout).toContain(names()[2]);
    expect((await figaro(['check', '--repo', copy, '--max-age', '1h'])).exitCode).toBe(0);
    demoApplication(home).commitUpTo([6, 5737]);
    expect((await figaro(['incremental', '-q', '--home', home, '--repo', copy])).exitCode).toBe(0);
    expect(setsIn(copy)).toHaveLength(4);
  });

  test('has no pins and no checks of the first repository, but knows when the source had nothing new', async () => {
    const [, , newest] = names();
    await figaro(['pin', newest, '--repo', repository]);
    await figaro(['verify', '-q', '--repo', repository]);
    await figaro(['incremental', '-q', '--home', home, '--repo', repository]);
    expect(namesIn(path.join(repository, newest))).toEqual([
      'SHA256SUMS',
      'checks.jsonl',
      'environment',
      'last-look.json',
      'manifest.json',
      'pin.json',
    ]);
    await run();
    expect(namesIn(path.join(copy, newest))).toEqual(['SHA256SUMS', 'environment', 'last-look.json', 'manifest.json']);
    const look = (at: string): string => fs.readFileSync(path.join(at, newest, 'last-look.json'), 'utf8');
    expect(look(copy)).toBe(look(repository));
    const before = look(copy);
    await figaro(['incremental', '-q', '--home', home, '--repo', repository]);
    await run();
    expect(look(copy)).toBe(look(repository));
    expect(look(copy)).not.toBe(before);
  });
});

describe('which chains are copied', () => {
  test('what expired in the copy does not come back, unless it is asked for', async () => {
    const [full, incremental, newest] = names();
    await run();
    await figaro(['expire', '-q', '--repo', copy, '--keep-full', '1']);
    expect(setsIn(copy)).toEqual([newest]);
    expect(await run('--verbose')).toMatchObject({
      exitCode: 0,
      stdout: 'nothing to copy to <dir>/copy\n1 other chain not copied: --all copies them, too\n',
    });
    expect(setsIn(copy)).toEqual([newest]);
    expect((await run('--chain', full)).exitCode).toBe(0);
    expect(setsIn(copy)).toEqual([full, incremental, newest]);
    await figaro(['expire', '-q', '--repo', copy, '--keep-full', '1']);
    expect((await run('--all')).exitCode).toBe(0);
    expect(setsIn(copy)).toEqual([full, incremental, newest]);
  });

  test('the newest alone is enough, and from then on what is newer', async () => {
    const [, , newest] = names();
    await run('--newest-chain');
    expect(setsIn(copy)).toEqual([newest]);
    await figaro(['hot', '-q', '--home', home, '--repo', repository]);
    await run();
    expect(setsIn(copy)).toEqual([newest, setsIn(repository).at(-1)]);
  });

  test('what expired in the first repository stays in the copy, and goes on with what is newer', async () => {
    const [full, incremental, newest] = names();
    await run('--chain', full);
    await figaro(['expire', '-q', '--repo', repository, '--keep-full', '1']);
    expect(await run()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(setsIn(copy)).toEqual([full, incremental, newest]);
  });

  test('one choice is made', async () => {
    expect(await run('--all', '--newest-chain')).toMatchObject({
      exitCode: 2,
      stderr: 'error [usage]: --newest-chain and --all cannot be used together\n',
    });
    expect(await run('--set', 'latest')).toMatchObject({
      exitCode: 2,
      stderr: 'error [usage]: --set is for --to-stdout only\n',
    });
    expect(await run('--to-stdout')).toMatchObject({ exitCode: 2 });
    expect(await figaro(['copy', '--repo', repository])).toMatchObject({
      exitCode: 2,
      stderr: 'error [usage]: --to is missing\nhint: give --to DIR, or --to-stdout.\n',
    });
    expect(await run('--chain', 'nothing')).toMatchObject({ exitCode: 5 });
    expect(fs.existsSync(copy)).toBe(false);
  });
});

describe('what is not copied', () => {
  test('into a repository of another environment', async () => {
    const other = path.join(directory, 'other');
    fs.mkdirSync(other);
    const [container] = namesIn(home).filter((name) => name.endsWith('.dbxml'));
    fs.copyFileSync(path.join(import.meta.dirname, '../fixtures/truncated-btree.db'), path.join(other, 'b.db'));
    await figaro(['offline', '-q', '--home', other, '--repo', copy, '--keep-damaged', '--without-log']);
    expect(setsIn(copy)).toHaveLength(1);
    expect(await run()).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/^error \[chain-mismatch\]: <dir>\/copy is of another environment: /) as string,
    });
    expect(setsIn(copy)).toHaveLength(1);
    expect(container).toBeDefined();
  });

  test('nor into the first repository, the environment, or what is no repository', async () => {
    const into = (at: string): Promise<CliResult> =>
      figaro(['copy', '--repo', repository, '--to', path.join(directory, at)], { directory });
    expect(await into('repo/copy')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside') as string,
    });
    expect(await into('.')).toMatchObject({ exitCode: 2 });
    fs.mkdirSync(copy);
    fs.writeFileSync(path.join(copy, 'mine'), '');
    expect(await into('copy')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('target-not-empty') as string,
    });
    expect(await into('none/copy')).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('repository-missing') as string,
    });
  });

  test('a damaged file: its set and those after it are told, all others are copied', async () => {
    const [full, incremental, newest] = names();
    const log = namesIn(path.join(repository, incremental, 'environment'))[0]!;
    const file = path.join(repository, incremental, 'environment', log);
    fs.writeFileSync(
      file,
      fs.readFileSync(file).map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
    );
    expect(await run()).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(
        /error \[file-checksum\]: .* does not match its SHA-256 in the manifest\nhint: /,
      ) as string,
    });
    expect(setsIn(copy)).toEqual([full, newest]);
    expect(namesIn(copy)).toEqual([full, newest, 'repository.json'].sort());
    expect((await figaro(['verify', '-q', '--repo', copy])).exitCode).toBe(0);
  });

  test.skipIf(lacks.links).each([
    ['a file', (set: string) => path.join(set, 'environment/d.dbxml')],
    ['a directory', (set: string) => path.join(set, 'environment')],
    ['a manifest', (set: string) => path.join(set, 'manifest.json')],
    ['a set', (set: string) => set],
  ])('what a link leads to: %s', async (_what, place) => {
    const [full, incremental, newest] = names();
    const at = place(path.join(repository, newest));
    const elsewhere = path.join(directory, 'elsewhere');
    fs.renameSync(at, elsewhere);
    fs.symlinkSync(elsewhere, at);
    const { exitCode, stderr } = await run();
    expect([4, 5, 6]).toContain(exitCode);
    expect(stderr).toContain(' link');
    expect(setsIn(copy)).toEqual([full, incremental]);
  });

  test('a set without a manifest, and one whose manifest is damaged: where it is the newest, that is an error', async () => {
    const [, incremental, newest] = names();
    fs.rmSync(path.join(repository, newest, 'manifest.json'));
    expect(await run()).toMatchObject({ exitCode: 0, stderr: made });
    fs.writeFileSync(path.join(repository, newest, 'manifest.json'), '{}');
    expect(await run()).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining(`error [chain-gap]: ${newest} is not copied: it is damaged: `) as string,
    });
    expect(setsIn(copy)).toHaveLength(2);
    fs.writeFileSync(path.join(repository, incremental, 'manifest.json'), '{}');
    await figaro(['hot', '-q', '--home', home, '--repo', repository, '--new-source']);
    expect(await run()).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(`warning: ${incremental} is not copied: it is damaged`) as string,
    });
  });

  test('the rest of a chain that goes its own way in the copy', async () => {
    const [full, incremental, newest] = names();
    await run();
    const application = demoApplication(home);
    application.commitUpTo([6, 5737]);
    for (const at of [copy, repository]) await figaro(['incremental', '-q', '--home', home, '--repo', at]);
    await figaro(['hot', '-q', '--home', home, '--repo', repository]);
    const { exitCode, stderr } = await run();
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(new RegExp(`error \\[chain-mismatch\\]: <dir>/copy/.* follows ${newest}, as `));
    const own = setsIn(copy).filter((id) => !setsIn(repository).includes(id));
    expect(own).toHaveLength(1);
    expect(setsIn(copy)).toEqual([full, incremental, newest, own[0], setsIn(repository).at(-1)]);
  });

  test('over what is there and damaged', async () => {
    const [, , newest] = names();
    await run();
    fs.writeFileSync(path.join(copy, newest, 'manifest.json'), '{}');
    expect(await run()).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(
        /error \[manifest-corrupt\]: <dir>\/copy\/.* is damaged: .*\nhint: move it away there/,
      ) as string,
    });
    fs.rmSync(path.join(copy, newest), { recursive: true });
    expect(await run()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(setsIn(copy)).toEqual(names());
  });

  test('older chains, where the newest one there is damaged or cannot be read', async () => {
    const [full, , newest] = names();
    await run();
    await figaro(['hot', '-q', '--home', home, '--repo', repository]);
    await run();
    const last = setsIn(copy).at(-1)!;
    await figaro(['pin', full, '--repo', copy]);
    await figaro(['expire', '-q', '--repo', copy, '--keep-full', '1']);
    expect(setsIn(copy)).not.toContain(newest);
    const manifest = path.join(copy, last, 'manifest.json');
    const hiding = filesWith(nodeFiles, {
      openOwnIfThere: (file) => {
        if (file !== manifest) return nodeFiles.openOwnIfThere(file);
        throw new FigaroError('io', `${file}: cannot open`, { path: file, cause: new Error('EIO') });
      },
    });
    const hidden = await figaro(['copy', '--repo', repository, '--to', copy], { files: hiding });
    expect(hidden).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('nothing was copied') as string });
    fs.writeFileSync(manifest, '{}');
    expect((await run()).exitCode).toBe(4);
    expect(setsIn(copy)).not.toContain(newest);
  });

  test('what is expired meanwhile', async () => {
    const [full, incremental, newest] = names();
    let left = 3;
    const vanishing = filesWith(nodeFiles, {
      openOwnIfThere: (file) => {
        if (file.includes(incremental) && !file.endsWith('.json') && --left === 0) {
          fs.rmSync(path.join(repository, incremental, 'manifest.json'));
          fs.rmSync(path.join(repository, incremental), { recursive: true });
        }
        return nodeFiles.openOwnIfThere(file);
      },
    });
    const opened = openRepository(nodeFiles, repository);
    left = 1;
    const { failures, warnings } = await copySets(vanishing, opened, { to: copy });
    expect({ failures, warnings }).toEqual({
      failures: [],
      warnings: [`${incremental} was removed while it was copied`],
    });
    expect(setsIn(copy)).toEqual([full, newest]);
  });

  test('from a repository that holds nothing', async () => {
    const empty = path.join(directory, 'empty');
    await figaro(['init', '--repo', empty]);
    expect(await figaro(['copy', '--repo', empty, '--to', copy], { directory })).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('<dir>/empty holds no chain: there is nothing to copy') as string,
    });
    expect(fs.existsSync(copy)).toBe(false);
  });
});

describe('the work of copying', () => {
  test('waits for another run that writes to the copy, or ends', async () => {
    await run();
    const lock = takeLock(nodeFiles, copy);
    expect((await run()).exitCode).toBe(7);
    lock.release();
    expect((await run('--lock-wait', '1m')).exitCode).toBe(0);
  });

  test('does not wait for runs in the first repository', async () => {
    const lock = takeLock(nodeFiles, repository);
    expect((await run()).exitCode).toBe(0);
    lock.release();
  });

  test('keeps to a rate', async () => {
    let slept = 0;
    let now = 0;
    const clock = { now: () => now, sleep: (ms: number) => Promise.resolve(void ((slept += ms), (now += ms))) };
    const { copied } = await copySets(nodeFiles, openRepository(nodeFiles, repository), {
      to: copy,
      watch: { pace: new Pace(100_000, clock) },
    });
    const bytes = copied.reduce((sum, set) => sum + set.bytes, 0);
    expect(slept).toBeCloseTo(bytes / 100, -2);
  });

  test('looks for room before it begins a set, and keeps what was whole', async () => {
    const [full] = names();
    let free = 1 << 30;
    const files = filesWith(nodeFiles, { freeSpace: () => free });
    const renaming = filesWith(files, {
      rename: (from, to) => {
        nodeFiles.rename(from, to);
        if (to.endsWith('manifest.json')) free = 1000;
      },
    });
    const result = await figaro(['copy', '--repo', repository, '--to', copy], { files: renaming });
    expect(result.exitCode).toBe(6);
    expect(result.stderr).toMatch(
      /error \[no-space\]: .* has 1000 B free, and .* needs .*\nhint: what was copied before it is whole/,
    );
    expect(setsIn(copy)).toEqual([full]);
    expect((await run()).exitCode).toBe(0);
    expect(setsIn(copy)).toEqual(names());
  });
});

describe('a copy as a stream', () => {
  const toStdout = (...more: string[]): Promise<CliResult & { readonly bytes: Buffer }> =>
    streaming(['copy', '--repo', repository, '--to-stdout', ...more]);

  test('is a chain that recovers, the newest unless another one is named', async () => {
    const [full, incremental, newest] = names();
    for (const [choice, ids] of [
      [[], [newest]],
      [
        ['--chain', full],
        [full, incremental],
      ],
    ] as const) {
      const { exitCode, stderr, bytes } = await toStdout(...choice);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      const target = path.join(directory, `recovered-${ids.length}`);
      const { stdout } = await figaro(['recover', '--from-stdin', '--to', target, '--json'], { stdin: [bytes] });
      const { sets, files } = JSON.parse(stdout) as { sets: string[]; files: { name: string; from: string }[] };
      expect(sets).toEqual(ids);
      expect(files.find(({ name }) => name === 'd.dbxml')!.from).toBe(`${ids[0]}/environment/d.dbxml`);
    }
  });

  test('may be a set alone, to be put behind those before it', async () => {
    const [full, incremental] = names();
    const tars = [(await toStdout('--set', full)).bytes, (await toStdout('--set', incremental)).bytes];
    const target = path.join(directory, 'recovered');
    const { stdout } = await figaro(['recover', '--from-stdin', '--to', target, '--json'], { stdin: tars });
    expect(JSON.parse(stdout)).toMatchObject({ sets: [full, incremental] });
    const { stderr } = await toStdout('--set', full, '--json');
    expect(JSON.parse(stderr)).toMatchObject({ copied: [{ id: full }] });
  });

  test('ends in the middle where the set is damaged, so that nobody takes it for whole', async () => {
    const [, , newest] = names();
    const file = path.join(repository, newest, 'environment/d.dbxml');
    fs.writeFileSync(
      file,
      fs.readFileSync(file).map((byte, i) => (i === 5000 ? byte ^ 1 : byte)),
    );
    const { exitCode, bytes } = await toStdout();
    expect(exitCode).toBe(4);
    expect((await figaro(['verify', '--from-stdin'], { stdin: [bytes] })).exitCode).toBe(5);
  });
});
