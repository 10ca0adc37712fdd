/** A repository may be an attacker's: nothing outside of it is written, followed, removed, or given away. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { checksumLines } from '../../../src/engine/repository/repository.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { fingerprint, namesIn } from '../../support/trees.ts';
import { prepared } from '../../support/prepared.ts';
import { lacks } from '../../support/windows.ts';
import { sampled } from '../../support/effort.ts';

let directory: string;
let home: string;
let repo: string;
let set: string;

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const inRepo = (...args: readonly string[]): Promise<CliResult> => run(...args, '--repo', repo);
const inSet = (name: string): string => path.join(repo, set, name);

const laid = prepared(async (place) => {
  ({ home, repository: repo } = place);
  demoApplication(home).commitUpTo([4, 72_115]);
  expect((await inRepo('hot', '--home', home)).exitCode).toBe(0);
});
beforeEach(() => {
  ({ directory, home, repository: repo } = laid());
  set = namesIn(repo).find((name) => name.includes('-hot-'))!;
});

/** Changes a manifest, and seals it again: the seal is no secret. */
function reseal(change: (manifest: Manifest) => object): void {
  const file = inSet('manifest.json');
  const changed = change(decodeManifest(fs.readFileSync(file, 'utf8'), file)) as Manifest;
  fs.writeFileSync(file, encodeManifest(changed));
  fs.writeFileSync(inSet('SHA256SUMS'), checksumLines(changed));
}

describe.skipIf(lacks.links)('links', () => {
  test('in the place of a set lead nowhere: what is behind them is not removed', async () => {
    const elsewhere = path.join(directory, 'elsewhere');
    fs.renameSync(path.join(repo, set), elsewhere);
    fs.symlinkSync(elsewhere, path.join(repo, set));
    expect((await inRepo('hot', '--home', home)).exitCode).toBe(0);
    const before = fingerprint(elsewhere);
    await inRepo('expire', '--keep-full', '1');
    expect(fingerprint(elsewhere)).toEqual(before);
    expect((await inRepo('list')).stdout).toContain('is a link, not a directory');
  });

  test('in the place of its checks are not written through', async () => {
    const victim = path.join(directory, 'victim');
    fs.writeFileSync(victim, 'mine\n');
    fs.symlinkSync(victim, inSet('checks.jsonl'));
    const { stderr } = await inRepo('verify');
    expect(stderr).toContain('checks.jsonl: is a link');
    expect(fs.readFileSync(victim, 'utf8')).toBe('mine\n');
  });

  test('among its files are findings, and not recovered from', async () => {
    const outside = path.join(directory, 'outside');
    fs.renameSync(inSet('environment/d.dbxml'), outside);
    fs.symlinkSync(outside, inSet('environment/d.dbxml'));
    expect((await inRepo('verify')).stdout).toContain('[file-checksum] d.dbxml is a link');
    expect((await inRepo('recover', '--to', path.join(directory, 'out'))).exitCode).toBe(4);
  });
});

test.each(sampled(['manifest.json', 'pin.json', 'checks.jsonl', 'SHA256SUMS'], 2))(
  'a %s of a terabyte, a pipe or a directory in its place stops no command that does not need it',
  async (name) => {
    const kinds = {
      huge: () => {
        fs.writeFileSync(inSet(name), '');
        fs.truncateSync(inSet(name), 2 ** 40);
      },
      ...(lacks.pipes ? {} : { pipe: () => void spawnSync('mkfifo', [inSet(name)]) }),
      directory: () => fs.mkdirSync(inSet(name)),
    };
    for (const make of Object.values(kinds)) {
      fs.rmSync(inSet(name), { recursive: true, force: true });
      make();
      for (const args of [['list'], ['hot', '--home', home], ['expire', '--keep-full', '9', '--dry-run']]) {
        expect(await inRepo(...args)).toMatchObject({ exitCode: 0 });
      }
      for (const args of [['verify'], ['check']]) {
        expect((await inRepo(...args)).stderr).not.toContain('error [internal]');
      }
    }
  },
);

test('a DB_CONFIG of a terabyte is an error by name', async () => {
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), '');
  fs.truncateSync(path.join(home, 'DB_CONFIG'), 2 ** 40);
  expect(await inRepo('hot', '--home', home)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('DB_CONFIG: has 1.0 TiB'),
  });
});

describe('a manifest that was sealed again', () => {
  test.skipIf(lacks.owners)(
    'cannot make a program that runs as its owner, nor directories that everybody can write to',
    async () => {
      reseal((manifest) => ({
        ...manifest,
        files: manifest.files.map((file) => ({ ...file, mode: 0o4777 })),
        directories: manifest.directories!.map((entry) => ({ ...entry, mode: 0o1777 })),
      }));
      const out = path.join(directory, 'out');
      expect((await inRepo('recover', '--to', out)).exitCode).toBe(0);
      for (const name of ['', ...namesIn(out)]) {
        const { mode } = fs.statSync(path.join(out, name));
        expect({ name, mode: mode & 0o7002 }).toEqual({ name, mode: 0 });
      }
    },
  );

  test('cannot give files to users that the source did not know', async () => {
    reseal((manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => (file.path === 'd.dbxml' ? { ...file, uid: 4321, gid: 4321 } : file)),
      directories: manifest.directories!.map((entry) => ({ ...entry, uid: 4321, gid: 4321 })),
    }));
    const out = path.join(directory, 'out');
    expect((await inRepo('recover', '--to', out)).exitCode).toBe(0);
    for (const name of ['', 'd.dbxml']) expect(fs.statSync(path.join(out, name)).uid).not.toBe(4321);
  });

  test.each<[string, (manifest: Manifest) => object]>([
    ['a time that is none', (manifest) => ({ ...manifest, started: 'garbage' })],
    ['a time of no calendar', (manifest) => ({ ...manifest, finished: '2026-13-45T99:00:00Z' })],
    [
      'a commit behind the end of time',
      (manifest) => ({
        ...manifest,
        log: { ...manifest.log!, lastCommit: { lsn: manifest.log!.end, time: Number.MAX_SAFE_INTEGER } },
      }),
    ],
    ['a mode of another type', (manifest) => ({ ...manifest, files: [{ ...manifest.files[0], mode: 'x' }] })],
    ['a directory outside', (manifest) => ({ ...manifest, directories: [{ path: '../x', mode: 0, uid: 0, gid: 0 }] })],
  ])('and says %s is a damaged set, by name', async (_what, change) => {
    reseal(change);
    for (const args of [['list'], ['list', '--json'], ['show'], ['expire', '--keep-weekly', '2', '--dry-run']]) {
      const { exitCode, stdout, stderr } = await inRepo(...args);
      expect(exitCode).not.toBe(1);
      if (args[0] !== 'expire') expect(stdout + stderr).toContain('manifest.json: ');
    }
  });
});

test('recover --to inside the repository, a set or the source is refused before anything is made', async () => {
  const link = path.join(directory, 'link');
  if (!lacks.links) fs.symlinkSync(repo, link);
  const before = [fingerprint(repo), fingerprint(home)];
  const byLink = lacks.links ? [] : [path.join(link, 'x', 'y')];
  for (const to of [inSet('environment/x'), path.join(repo, 'x'), ...byLink]) {
    expect(await inRepo('recover', '--to', to)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside the repository'),
    });
  }
  expect((await run('recover', '--from', home, '--to', path.join(home, 'x'))).exitCode).toBe(2);
  expect((await run('hot', '--home', path.join(repo, set, 'environment'), '--repo', repo)).exitCode).toBe(2);
  const standby = ['failover', 'follow', '--once', '--standby'];
  expect((await run(...standby, path.join(home, 'sb'), '--home', home)).exitCode).toBe(2);
  expect((await inRepo(...standby, path.join(repo, 'sb'))).exitCode).toBe(2);
  expect([fingerprint(repo), fingerprint(home)]).toEqual(before);
});

test.skipIf(lacks.anyName)(
  'names with line breaks begin no line of their own in anything that is printed',
  async () => {
    const name = 'x\nFAKE LINE.dbxml';
    fs.renameSync(path.join(home, 'd.dbxml'), path.join(home, name));
    const from = ['--from', home];
    const outputs = await Promise.all([
      run('recover', ...from, '--to', path.join(directory, 'out'), '--dry-run'),
      run('inspect', 'environment', ...from),
      run('inspect', 'container', path.join(home, name)),
      run('inspect', 'page', path.join(home, name), '0'),
      run('dump', path.join(home, name), '--list'),
      run('logs', 'timeline', ...from),
      run('hot', '--home', home, '--repo', path.join(directory, 'repo2'), '-v'),
    ]);
    for (const { stdout, stderr } of outputs) expect(`${stdout}\n${stderr}`).not.toMatch(/^ *FAKE/m);
    expect(outputs.map(({ stdout, stderr }) => stdout + stderr).join('')).toContain(String.raw`x\nFAKE LINE.dbxml`);
  },
);

test.skipIf(lacks.owners)('what another user planted beside a target is not swept', async () => {
  const target = path.join(directory, 'before');
  const planted = `${target}.recovering-00000000-00000000-00000000-1-1.abcdef`;
  fs.mkdirSync(planted);
  fs.chmodSync(planted, 0o777);
  fs.writeFileSync(path.join(planted, 'precious'), 'x');
  const { exitCode, stderr } = await inRepo('recover', '--to', target);
  expect(exitCode).toBe(0);
  expect(stderr).toContain('belongs to another user');
  expect(fs.existsSync(path.join(planted, 'precious'))).toBe(true);
});

test.skipIf(lacks.links)('a directory inside a set that is a link makes it no set', async () => {
  const sub = path.join(home, 'sub');
  fs.mkdirSync(sub);
  fs.writeFileSync(path.join(sub, 'notes.txt'), 'mine');
  expect((await inRepo('hot', '--home', home, '--include', 'sub/*')).exitCode).toBe(0);
  fs.rmSync(path.join(repo, set), { recursive: true });
  const newest = namesIn(repo).find((name) => name.includes('-hot-'))!;
  const inside = path.join(repo, newest, 'environment/sub');
  const outside = path.join(directory, 'outside');
  fs.renameSync(inside, outside);
  fs.symlinkSync(outside, inside);
  const before = fingerprint(outside);
  expect((await inRepo('list')).stdout).toContain('sub is a link, not a directory');
  expect(await inRepo('recover', '--to', path.join(directory, 'out'))).toMatchObject({ exitCode: 4 });
  await inRepo('expire', '--keep-full', '1');
  expect(fingerprint(outside)).toEqual(before);
});

test('metrics are not written into a repository', async () => {
  const before = fingerprint(repo);
  for (const file of [inSet('environment/d.dbxml'), inSet('x.prom'), path.join(repo, 'x.prom')]) {
    expect((await inRepo('check', '--prometheus', file)).exitCode).toBe(2);
  }
  expect(fingerprint(repo)).toEqual(before);
});

test('a set that says it is unsound, and not why, is damaged, by name', async () => {
  reseal((manifest) => ({ ...manifest, unsound: [] }));
  for (const command of ['check', 'list', 'show', 'verify']) {
    const { exitCode, stdout, stderr } = await inRepo(command);
    expect(exitCode).not.toBe(1);
    expect(stdout + stderr).toContain('"unsound" is empty');
  }
});

test('what looks like a stage and holds something else is not swept', async () => {
  const target = path.join(directory, 'before');
  const planted = `${target}.recovering-00000000-00000000-00000000-1-1.abcdef`;
  fs.mkdirSync(planted, { mode: 0o700 });
  fs.writeFileSync(path.join(planted, 'precious'), 'x');
  const { exitCode, stderr } = await inRepo('recover', '--to', target);
  expect(exitCode).toBe(0);
  expect(stderr).toContain('but holds precious: it is left alone');
  expect(fs.existsSync(path.join(planted, 'precious'))).toBe(true);
});

test('checks that cannot be read are told of, and their set stands in for no other until it is verified again', async () => {
  expect((await inRepo('hot', '--home', home)).exitCode).toBe(0);
  const older = set;
  set = namesIn(repo).find((name) => name.includes('-hot-') && name !== older)!;
  fs.writeFileSync(inSet('checks.jsonl'), '');
  fs.truncateSync(inSet('checks.jsonl'), 2 ** 35);
  const told = `checks.jsonl of ${set} cannot be read`;
  expect(await inRepo('check')).toMatchObject({ exitCode: 4, stdout: expect.stringContaining(told) });
  expect((await inRepo('list')).stdout).toContain('checks.jsonl cannot be read: verify it again');
  expect((await inRepo('show', '--chain', set)).stdout).toContain('not known: checks.jsonl of');
  expect((await inRepo('list', '--json')).stdout).toContain('"checksDamaged": true');
  expect((await inRepo('expire', '--keep-full', '1')).exitCode).toBe(0);
  expect(namesIn(repo)).toContain(older);
  // With one line more the newest is known again.
  await inRepo('verify');
  expect((await inRepo('check')).stdout).not.toContain('cannot be read');
  await inRepo('expire', '--keep-full', '1');
  expect(namesIn(repo)).not.toContain(older);
});

test('what of a file of a set is beyond its size in the manifest is not read, as it may have no end', async () => {
  for (const name of ['environment/d.dbxml', 'environment/log.0000000004']) {
    const { size } = fs.statSync(inSet(name));
    fs.truncateSync(inSet(name), 2 ** 42);
    for (const args of [['verify'], ['show', '--timeline'], ['recover', '--to', path.join(directory, 'out')]]) {
      expect((await inRepo(...args)).exitCode).toBe(4);
    }
    fs.truncateSync(inSet(name), size);
  }
  expect((await inRepo('verify')).exitCode).toBe(0);
});
