/** A repository is of one environment: what shares nothing with it is refused, and whatever became of it goes on. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { Session } from '../../support/session.ts';
import { fingerprint, namesIn } from '../../support/trees.ts';
import { prepared } from '../../support/prepared.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  repo = path.join(directory, 'repo');
});

const take = async (kind: string, ...more: string[]): Promise<CliResult> =>
  await figaro([kind, '--home', home, '--repo', repo, ...more], { directory });

/** Takes a set that has to succeed, and returns what it printed to stderr. */
async function goesOn(kind: string, ...more: string[]): Promise<string> {
  const { exitCode, stderr } = await take(kind, ...more);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stderr;
}

function manifestOf(id: string): string {
  return path.join(repo, id, 'manifest.json');
}

/** The manifests of all sets, changed and sealed again. */
function changeManifests(change: (manifest: Manifest) => Manifest): void {
  for (const id of namesIn(repo).filter((name) => name.includes('-'))) {
    const file = manifestOf(id);
    writeFileSync(file, encodeManifest(change(decodeManifest(readFileSync(file, 'utf8'), file))));
  }
}

const idPattern = /\d{8}T\d{6}Z-(\w+)-[0-9a-f]{6}/g;

describeNative('a repository', () => {
  const a = ['open a auto a.db - btree 1024', 'put a auto 0 300 100 first'];

  /** An application of another environment, with a container of the same name. */
  async function application(where: string, commands: readonly string[], ...options: string[]): Promise<void> {
    const session = new Session(where, ['--log-max', '60000', '--recover', ...options]);
    session.do(...commands, 'checkpoint');
    await session.leave();
  }

  const laid = prepared(async (place) => await application(place.home, a));
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each(['hot', 'offline'])('refuses %s of another environment, and says what both are', async (kind) => {
    await goesOn('hot');
    const [name] = namesIn(repo);
    const other = path.join(directory, 'other');
    layDemoEnvironment(other);
    const before = fingerprint(repo);
    const { exitCode, stderr } = await figaro([kind, '--home', other, '--repo', repo], { directory });
    expect(exitCode).toBe(5);
    expect(stderr).toBe(
      `error [chain-mismatch]: <dir>/other on ${hostname()} is not the environment that <dir>/repo is of: ` +
        `that holds ${name} of <dir>/env on ${hostname()}, which have neither a container nor log in common with it\n` +
        'hint: each environment needs a repository of its own: choose another --repo. If <dir>/other is the same environment, rebuilt or migrated, or takes its place from now on, add --new-source once.\n',
    );
    expect(fingerprint(repo)).toEqual(before);
  });

  test('refuses an environment that was made anew in the same place, with containers of the same names', async () => {
    await goesOn('hot');
    rmSync(home, { recursive: true });
    await application(home, a);
    expect(await take('hot')).toMatchObject({ exitCode: 5 });
    expect(await take('offline')).toMatchObject({ exitCode: 5 });
  });

  test('is of another environment after --new-source, which the manifest and list say, and refuses the former one', async () => {
    await goesOn('hot', '--new-source');
    await goesOn('incremental');
    const former = home;
    home = path.join(directory, 'other');
    await application(home, a);
    await goesOn('hot', '--new-source');
    await application(home, ['open a auto a.db - btree 1024', 'put a auto 0 300 100 second']);
    await goesOn('incremental');
    await goesOn('hot');
    const { stdout } = await figaro(['list', '--repo', repo, '--json']);
    const { chains } = JSON.parse(stdout) as { chains: { sets: { newSource?: boolean }[] }[] };
    // Of the first set of a repository there is nothing to be said.
    expect(chains.map(({ sets }) => sets[0]!.newSource)).toEqual([undefined, true, undefined]);
    expect((await figaro(['list', '--repo', repo])).stdout).toContain('a new source: the chains before it are of');
    home = former;
    expect(await take('hot')).toMatchObject({ exitCode: 5 });
  });

  test('with two environments of an earlier version goes on with both', async () => {
    await goesOn('hot');
    const former = home;
    home = path.join(directory, 'other');
    await application(home, a);
    await goesOn('hot', '--new-source');
    changeManifests(({ newSource: _newSource, ...manifest }) => manifest);
    await goesOn('hot');
    home = former;
    await goesOn('hot');
  });

  test('goes on with an environment that has moved', async () => {
    await goesOn('hot');
    const moved = path.join(directory, 'moved');
    renameSync(home, moved);
    home = moved;
    expect(await goesOn('hot')).toBe('');
    await application(home, [...a, 'put a auto 300 300 100 more']);
    expect(await goesOn('incremental')).toBe('');
  });

  test('goes on with an environment on another host, as cron on a failover host takes it', async () => {
    await goesOn('hot');
    await application(home, [...a, 'put a auto 300 300 100 more']);
    await goesOn('incremental');
    changeManifests((manifest) => ({ ...manifest, host: 'the-other-host' }));
    await application(home, [...a, 'put a auto 600 300 100 more']);
    expect(await goesOn('hot')).toBe('');
    expect(await goesOn('offline')).toBe('');
  });

  test('goes on with an environment that was restored in its place to an earlier point, and written on', async () => {
    await goesOn('hot');
    const [first] = namesIn(repo);
    await application(home, [...a, 'put a auto 300 300 100 more']);
    await goesOn('incremental');
    rmSync(home, { recursive: true });
    expect(await figaro(['recover', '--repo', repo, '--to-set', first!, '--to', home])).toMatchObject({ exitCode: 0 });
    await application(home, [...a, 'put a auto 300 300 100 else']);
    expect(await take('incremental')).toMatchObject({ exitCode: 5 });
    expect(await goesOn('hot')).toBe('');
    await goesOn('offline');
  });

  test('says so when a restored copy elsewhere that went its own way is backed up into it, once', async () => {
    await goesOn('hot');
    const former = home;
    home = path.join(directory, 'copy');
    expect(await figaro(['recover', '--repo', repo, '--to', home])).toMatchObject({ exitCode: 0 });
    await application(home, [...a, 'put a auto 300 300 100 copy']);
    await application(former, [...a, 'put a auto 300 900 100 more']);
    expect(await figaro(['incremental', '--home', former, '--repo', repo])).toMatchObject({ exitCode: 0 });
    expect(await goesOn('hot')).toMatch(
      /^warning: <dir>\/copy on \S+ holds containers of <dir>\/env on .* needs a repository of its own\n$/,
    );
    expect(await goesOn('hot')).toBe('');
  });

  test('goes on with an environment whose log was pruned', async () => {
    await goesOn('hot');
    await application(home, [
      'open a auto a.db - btree 1024',
      ...Array.from({ length: 4 }, () => 'put a auto 0 900 100 more'),
    ]);
    await goesOn('incremental');
    await application(home, [
      'open a auto a.db - btree 1024',
      ...Array.from({ length: 4 }, () => 'put a auto 0 900 100 more'),
      'checkpoint',
      'checkpoint',
      'remove-logs',
    ]);
    expect(namesIn(home)).not.toContain('log.0000000001');
    expect(await goesOn('hot')).toBe('');
  });

  test('goes on with an environment whose containers were all replaced, as its log shows', async () => {
    await goesOn('hot');
    await application(home, ['open b auto b.db - btree 1024', 'remove auto a.db -']);
    expect(await goesOn('hot')).toBe('');
  });

  test('goes on with an environment whose containers are rebuilt one by one', async () => {
    await application(home, ['open b auto b.db - btree 1024', 'put b auto 0 10 100 first']);
    await goesOn('hot');
    for (const name of ['a.db', 'b.db']) {
      const anew = [`remove auto ${name} -`, `open x auto ${name} - btree 1024`, 'put x auto 0 900 100 anew'];
      // The log that shows it is gone when the set is taken.
      await application(home, [...anew, 'put x auto 0 900 100 more', 'checkpoint', 'checkpoint', 'remove-logs']);
      expect(await goesOn('hot')).toBe('');
    }
  });

  test('goes on with environments without a log that are made anew night by night, and says so', async () => {
    home = path.join(directory, 'nightly');
    const load = (): void => {
      rmSync(home, { recursive: true, force: true });
      mkdirSync(home);
      execFileSync('db5.3_load', ['-T', '-t', 'btree', path.join(home, 'n.db')], { input: 'key\nvalue\n' });
    };
    load();
    await goesOn('offline');
    load();
    expect(await goesOn('offline')).toMatch(/^warning: every container of <dir>\/nightly has been made anew since /);
    const other = path.join(directory, 'other');
    renameSync(home, other);
    load();
    home = other;
    await goesOn('offline');
    execFileSync('db5.3_load', ['-T', '-t', 'btree', path.join(home, 'm.db')], { input: 'key\nvalue\n' });
    rmSync(path.join(home, 'n.db'));
    expect(await take('offline')).toMatchObject({ exitCode: 5 });
  });

  test('goes on with an environment without a log that is made anew in its place under the host name of each run', async () => {
    home = path.join(directory, 'nightly');
    const load = (): void => {
      rmSync(home, { recursive: true, force: true });
      mkdirSync(home);
      execFileSync('db5.3_load', ['-T', '-t', 'btree', path.join(home, 'n.db')], { input: 'key\nvalue\n' });
    };
    load();
    await goesOn('offline');
    changeManifests((manifest) => ({ ...manifest, host: '3f2a9c' }));
    load();
    expect(await goesOn('offline')).toMatch(
      /^warning: every container of <dir>\/nightly has been made anew since \S+, which was taken on 3f2a9c\n$/,
    );
    const { stdout } = await figaro(['check', '--repo', repo, '--json'], { directory });
    const { problems } = JSON.parse(stdout) as { problems: { code: string }[] };
    expect(problems.map(({ code }) => code)).not.toContain('chain-mismatch');
  });

  test('says nothing of the log of an environment that has none when it has moved', async () => {
    home = path.join(directory, 'nightly');
    mkdirSync(home);
    execFileSync('db5.3_load', ['-T', '-t', 'btree', path.join(home, 'n.db')], { input: 'key\nvalue\n' });
    await goesOn('offline');
    const moved = path.join(directory, 'moved');
    renameSync(home, moved);
    home = moved;
    expect(await goesOn('offline')).toBe('');
  });

  describe('of an environment whose containers were all loaded anew, and whose older log was removed', () => {
    const refill = Array.from({ length: 2 }, () => 'put a auto 0 900 100 more');

    const older = prepared(async (place) => {
      ({ home, repository: repo } = place);
      await application(home, a);
      await goesOn('hot');
      await application(home, ['remove auto a.db -', ...a, ...refill, 'checkpoint', 'checkpoint', 'remove-logs']);
      expect(namesIn(home)).not.toContain('log.0000000001');
    });
    beforeEach(() => {
      ({ directory, home, repository: repo } = older());
    });

    test('goes on with it in its place, and says so', async () => {
      expect(await goesOn('hot')).toMatch(
        /^warning: every container of <dir>\/env has been made anew since \S+, and no log file of that time is left\n/,
      );
      expect(await goesOn('hot')).toBe('');
    });

    test('refuses it elsewhere, and on another host', async () => {
      const former = home;
      home = path.join(directory, 'moved');
      renameSync(former, home);
      expect(await take('hot')).toMatchObject({ exitCode: 5 });
      renameSync(home, former);
      home = former;
      changeManifests((manifest) => ({ ...manifest, host: 'the-other-host' }));
      expect(await take('hot')).toMatchObject({ exitCode: 5 });
    });

    test('refuses a new environment in its place, with containers and without', async () => {
      await goesOn('hot');
      for (const commands of [a, []]) {
        rmSync(home, { recursive: true });
        await application(home, commands);
        expect(await take('hot')).toMatchObject({ exitCode: 5 });
      }
    });
  });

  test('whose manifests do not tell the ids of containers goes on with its environment, and refuses others', async () => {
    await goesOn('hot');
    changeManifests((manifest) => ({
      ...manifest,
      format: 1,
      files: manifest.files.map(({ databaseId: _databaseId, ...file }) => file),
    }));
    expect(await goesOn('hot')).toBe('');
    const other = path.join(directory, 'other');
    layDemoEnvironment(other);
    home = other;
    expect(await take('hot')).toMatchObject({ exitCode: 5 });
  });

  test('with a set of an environment that had no container yet goes on when it has some', async () => {
    home = path.join(directory, 'new');
    await application(home, []);
    await goesOn('hot');
    await application(home, a);
    await goesOn('hot');
  });

  test('tells whose chain is the newest when an incremental of another environment does not continue it', async () => {
    await goesOn('hot');
    const former = home;
    home = path.join(directory, 'other');
    layDemoEnvironment(home);
    const { exitCode, stderr } = await take('incremental');
    expect(exitCode).toBe(5);
    expect(stderr.replaceAll(idPattern, '<id>')).toContain(
      `\nhint: the chain, <id>, is of <dir>/env on ${hostname()}, and <dir>/other on ${hostname()} has neither a container nor log in common with it`,
    );
    home = former;
    await application(home, [...a, 'put a auto 300 300 100 more']);
    await goesOn('incremental');
  });
});
