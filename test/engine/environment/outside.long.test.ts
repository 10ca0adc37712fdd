/** Directories of an environment that are outside of it: the log on another disk, containers on a third. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openEnvironment } from '../../../src/index.ts';
import { appendTails, copyOver } from '../../support/by-hand.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, recoverNatively } from '../../support/native.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { Session } from '../../support/session.ts';
import { fingerprint, namesIn } from '../../support/trees.ts';

let directory: string;
let home: string;
let repo: string;
let logs: string;
let data: string;

beforeEach(() => {
  directory = temporaryDirectory();
  [home, repo, logs, data] = ['env', 'repo', 'disk2/logs', 'disk3/data'].map((name) => path.join(directory, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const made of [home, logs, data]) fs.mkdirSync(made, { recursive: true });
});

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const take = (kind: string, ...more: readonly string[]): Promise<CliResult> =>
  run(kind, '--home', home, '--repo', repo, ...more);

/** An application whose containers and log are where DB_CONFIG says. */
function begin(config: string): Session {
  fs.writeFileSync(path.join(home, 'DB_CONFIG'), config);
  const session = new Session(home, ['--shared']);
  session.do('open a auto a.db - btree', 'put a auto 1 200 30 first', 'checkpoint');
  return session;
}

/** What a directory outside is called in a set. */
function inside(where: string, base: string): string {
  return namesIn(where).find((name) => name.startsWith(`outside-${base}-`))!;
}

function setsIn(): string[] {
  return namesIn(repo).filter((name) => /^\d{8}T/.test(name));
}

describeNative('directories outside of the environment', () => {
  test('a directory that begins like a drive of Windows is one like others here, as long as it is there', async () => {
    fs.mkdirSync(path.join(home, 'a:b'));
    await begin('set_data_dir a:b\n').die();
    // One that is made when there is something to put into it.
    fs.appendFileSync(path.join(home, 'DB_CONFIG'), 'set_ext_file_dir a:c\n');
    expect(await take('hot')).toMatchObject({ exitCode: 0 });
    const target = path.join(directory, 'recovered');
    expect(await run('recover', '--repo', repo, '--to', target)).toMatchObject({ exitCode: 0 });
    expect(namesIn(path.join(target, 'a:b'))).toEqual(['a.db']);

    // Of an environment that was brought from Windows, what is in it is lacking.
    fs.rmSync(path.join(home, 'a:b'), { recursive: true });
    expect(await take('offline')).toMatchObject({
      exitCode: 3,
      stderr: expect.stringMatching(
        /^error \[container-missing\]: there is no directory .*a:b, but .* has files in it/,
      ),
    });
  });

  test.each(['absolute', 'relative'])(
    'the log and the containers elsewhere, %s, are backed up and restored inside',
    async (how) => {
      const [to, at] = how === 'absolute' ? [logs, data] : ['../disk2/logs', '../disk3/data'];
      const session = begin(`set_data_dir ${at}\nset_lg_dir ${to}\n`);
      expect(namesIn(data)).toContain('a.db');
      const outside = (): unknown => [
        fingerprint(logs),
        fingerprint(data),
        namesIn(home).filter((name) => !name.startsWith('__db')),
      ];
      const before = outside();
      expect((await take('hot')).exitCode).toBe(0);
      expect(outside()).toEqual(before);

      // A container that is made later goes where it belongs.
      session.do('open b auto b.db - hash', 'put b auto 1 50 30 second', 'put a auto 1 20 40 third');
      expect(await take('incremental')).toMatchObject({ exitCode: 0, stderr: '' });
      const full = path.join(repo, setsIn()[0]!, 'environment');
      const [dataInside, logsInside] = [inside(full, 'data'), inside(full, 'logs')];
      expect([dataInside, logsInside]).not.toContain(undefined);
      expect(fs.readFileSync(path.join(full, 'DB_CONFIG'), 'utf8')).toBe(
        `set_data_dir ${dataInside}\nset_lg_dir ${logsInside}\n`,
      );

      const target = path.join(directory, 'restored');
      expect(await run('recover', '--repo', repo, '--to', target)).toMatchObject({ exitCode: 0 });
      expect(namesIn(path.join(target, dataInside))).toEqual(['a.db', 'b.db']);
      expect(namesIn(path.join(target, logsInside))).toEqual(['log.0000000001']);
      expect(await run('verify', '--repo', repo, '--rehearse')).toMatchObject({ exitCode: 0 });
      session.do('leave');
      expect(contentsOf(target)).toEqual(contentsOf(home));
    },
  );

  test('copies by hand and db_recover make of the sets what recover makes', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect((await take('hot')).exitCode).toBe(0);
    session.do('put a auto 1 20 40 third');
    expect((await take('incremental')).exitCode).toBe(0);
    const byHand = path.join(directory, 'by-hand');
    fs.mkdirSync(byHand);
    copyOver(
      setsIn().map((set) => ({ directory: path.join(repo, set) })),
      byHand,
    );
    appendTails(
      path.join(
        byHand,
        namesIn(byHand).find((name) => name.startsWith('outside-logs'))!,
      ),
    );
    const before = [fingerprint(logs), fingerprint(data)];
    recoverNatively(byHand);
    const target = path.join(directory, 'restored');
    expect((await run('recover', '--repo', repo, '--to', target)).exitCode).toBe(0);
    expect(contentsOf(target)).toEqual(contentsOf(byHand));
    expect([fingerprint(logs), fingerprint(data)]).toEqual(before);
  });

  test('offline takes them, a standby follows them, and old log files of theirs can go', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    const standby = path.join(directory, 'standby');
    const follow = (): Promise<CliResult> => run('failover', 'follow', '--home', home, '--standby', standby, '--once');
    expect(await follow()).toMatchObject({ exitCode: 0, stderr: '' });
    session.do('put a auto 1 20 40 third');
    expect(await follow()).toMatchObject({ exitCode: 0 });
    expect((await run('failover', 'status', '--standby', standby)).stdout).toMatch(/behind +nothing/);
    session.do('leave');
    expect(await take('offline')).toMatchObject({ exitCode: 0 });
    expect(await run('failover', 'promote', '--standby', standby)).toMatchObject({ exitCode: 0 });
    const pruned = await run('logs', 'prune', '--home', home, '--repo', repo);
    expect(pruned).toMatchObject({ exitCode: 0 });
    expect(pruned.stdout).toContain('recovery needs it');
    expect((await run('inspect', 'environment', '--home', home)).stdout).toContain('a.db');
    expect((await run('logs', 'timeline', '--home', home)).exitCode).toBe(0);
  });

  test('those that only the application knows are given by options', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    fs.rmSync(path.join(home, 'DB_CONFIG'));
    const without = await take('hot');
    expect(without.exitCode).toBe(3);
    expect(without.stderr).toContain('--data-dir');
    const given = ['--data-dir', data, '--log-dir', logs];
    expect(await take('hot', ...given)).toMatchObject({ exitCode: 0 });
    session.do('put a auto 1 20 40 third');
    const { exitCode, stdout } = await take('incremental', ...given, '--json');
    expect([exitCode, (JSON.parse(stdout) as { set: { outside: unknown } }).set.outside]).toEqual([
      0,
      [
        { directory: '<dir>/disk3/data', path: expect.stringMatching(/^outside-data-/) as string },
        { directory: '<dir>/disk2/logs', path: expect.stringMatching(/^outside-logs-/) as string },
      ],
    ]);
    expect(fs.existsSync(path.join(home, 'DB_CONFIG'))).toBe(false);
    const target = path.join(directory, 'restored');
    expect(await run('recover', '--repo', repo, '--to', target)).toMatchObject({ exitCode: 0 });
    expect(fs.readFileSync(path.join(target, 'DB_CONFIG'), 'utf8')).toBe(
      `add_data_dir ${inside(target, 'data')}\nset_lg_dir ${inside(target, 'logs')}\n`,
    );
    session.do('leave');
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), `set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });

  test('the log that is left of them is recovered to its end', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect((await take('hot')).exitCode).toBe(0);
    session.do('put a auto 1 20 40 third', 'flush');
    await session.die();
    const target = path.join(directory, 'restored');
    const recover = await run('recover', '--repo', repo, '--to', target, '--surviving-logs', home);
    expect(recover).toMatchObject({ exitCode: 0 });
    recoverNatively(home);
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });

  test('they can be put where they were, or anywhere that is free', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect((await take('hot')).exitCode).toBe(0);
    session.do('leave');
    const target = path.join(directory, 'restored');
    const recover = (...moves: readonly string[]): Promise<CliResult> =>
      run('recover', '--repo', repo, '--to', target, ...moves.flatMap((move) => ['--map-dir', move]));
    const elsewhere = path.join(directory, 'disk4/logs');
    expect((await recover(`${logs}=${logs}`)).stderr).toContain(
      'error [target-not-empty]: <dir>/disk2/logs already holds',
    );
    expect((await recover(`${logs}=${target}/deep`)).stderr).toContain('error [usage]');
    expect((await recover(`/nowhere=${elsewhere}`)).stderr).toContain(
      'hint: it names <dir>/disk3/data, <dir>/disk2/logs.',
    );
    expect(fs.existsSync(target)).toBe(false);
    expect(await recover(`${logs}=${elsewhere}`, `${data}=containers`)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(namesIn(elsewhere)).toEqual(['log.0000000001']);
    expect(namesIn(path.dirname(elsewhere))).toEqual(['logs']);
    expect(namesIn(target)).toEqual(['DB_CONFIG', 'containers']);
    expect(fs.readFileSync(path.join(target, 'DB_CONFIG'), 'utf8')).toBe(
      `set_data_dir containers\nset_lg_dir ${elsewhere}\n`,
    );
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });

  test('one beside what a link to the environment leads to is that one', async () => {
    const real = path.join(directory, 'disk1/env');
    fs.mkdirSync(path.join(directory, 'disk1/data'), { recursive: true });
    fs.renameSync(home, real);
    fs.symlinkSync(real, home);
    // One that is there by chance.
    fs.mkdirSync(path.join(directory, 'data'));
    fs.writeFileSync(path.join(real, 'DB_CONFIG'), 'set_data_dir ../data\n');
    const session = new Session(real, ['--shared']);
    session.do('open a auto a.db - btree', 'put a auto 1 20 30 x', 'checkpoint');
    expect(await take('hot')).toMatchObject({ exitCode: 0 });
    const full = path.join(repo, setsIn()[0]!, 'environment');
    expect(namesIn(path.join(full, inside(full, 'data')))).toEqual(['a.db']);
    session.do('leave');
  });

  test('the order of lines in DB_CONFIG does not matter to a chain', async () => {
    const other = path.join(directory, 'disk4/data');
    fs.mkdirSync(other, { recursive: true });
    const lines = [`set_data_dir ${data}\n`, `add_data_dir ${other}\n`];
    const session = begin(lines.join(''));
    fs.copyFileSync(path.join(data, 'a.db'), path.join(directory, 'kept'));
    expect((await take('hot')).exitCode).toBe(0);
    session.do('put a auto 1 20 40 third');
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), lines.toReversed().join(''));
    expect((await take('incremental')).exitCode).toBe(0);
    const [first, second] = ['na', 'nb'].map((name) => path.join(directory, name)) as [string, string];
    const target = path.join(directory, 'restored');
    const moves = ['--map-dir', `${data}=${first}`, '--map-dir', `${other}=${second}`];
    expect((await run('recover', '--repo', repo, '--to', target, ...moves)).exitCode).toBe(0);
    expect([namesIn(first), namesIn(second)]).toEqual([['a.db'], []]);
  });

  test('one inside of another that get places of their own are where DB_CONFIG says', async () => {
    fs.mkdirSync(path.join(home, 'data/logs'), { recursive: true });
    const session = begin('set_data_dir data\nset_lg_dir data/logs\n');
    expect((await take('hot')).exitCode).toBe(0);
    session.do('leave');
    const target = path.join(directory, 'restored');
    const [first, second] = ['x', 'y'].map((name) => path.join(directory, name)) as [string, string];
    const moves = ['--map-dir', `data=${first}`, '--map-dir', `data/logs=${second}`];
    expect((await run('recover', '--repo', repo, '--to', target, ...moves)).exitCode).toBe(0);
    expect([namesIn(first), namesIn(second)]).toEqual([['a.db'], ['log.0000000001']]);
    const inward = path.join(directory, 'inward');
    const into = ['--map-dir', 'data=store', '--map-dir', `data/logs=${directory}/z`];
    expect((await run('recover', '--repo', repo, '--to', inward, ...into)).exitCode).toBe(0);
    expect([namesIn(path.join(inward, 'store')), namesIn(path.join(directory, 'z'))]).toEqual([
      ['a.db'],
      ['log.0000000001'],
    ]);
  });

  test('nothing is recovered into them, nor a standby made there', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect((await take('hot')).exitCode).toBe(0);
    session.do('leave');
    const before = [fingerprint(data), fingerprint(home)];
    const target = path.join(directory, 'restored');
    for (const args of [
      ['recover', '--repo', repo, '--to', path.join(data, 'new')],
      ['recover', '--repo', repo, '--to', target, '--map-dir', `${data}=${path.join(home, 'placed')}`],
      ['failover', 'follow', '--once', '--repo', repo, '--standby', path.join(data, 'standby')],
    ]) {
      const { exitCode, stderr } = await run(...args);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('lies inside')]);
    }
    expect([fingerprint(data), fingerprint(home)]).toEqual(before);
  });

  test('a standby goes on, and is promoted without the log, when the disks are gone', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    const standby = path.join(directory, 'standby');
    const follow = (): Promise<CliResult> => run('failover', 'follow', '--home', home, '--standby', standby, '--once');
    expect((await follow()).exitCode).toBe(0);
    session.do('put a auto 1 20 40 third', 'flush');
    fs.renameSync(data, `${data}.gone`);
    expect(await follow()).toMatchObject({ exitCode: 0 });
    await session.die();
    fs.renameSync(logs, `${logs}.gone`);
    expect((await run('failover', 'promote', '--standby', standby)).exitCode).toBe(3);
    expect((await run('failover', 'promote', '--standby', standby, '--without-log')).exitCode).toBe(0);
  });

  test('a standby remembers where only the application knows the log to be', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    fs.rmSync(path.join(home, 'DB_CONFIG'));
    const standby = path.join(directory, 'standby');
    const given = ['--data-dir', data, '--log-dir', logs];
    const follow = ['failover', 'follow', '--home', home, '--standby', standby, '--once'];
    expect((await run(...follow, ...given)).exitCode).toBe(0);
    session.do('put a auto 1 20 40 third', 'flush');
    expect(await run(...follow)).toMatchObject({ exitCode: 0 });
    expect((await run('failover', 'status', '--standby', standby)).stdout).toMatch(/behind +nothing/);
    session.do('put a auto 1 20 40 fourth', 'leave');
    expect(await run('failover', 'promote', '--standby', standby)).toMatchObject({ exitCode: 0 });
  });

  test('one inside that is named in full, and as a set would call it, is one inside', async () => {
    const inward = path.join(home, 'outside-logs-3f2a1c');
    fs.mkdirSync(inward);
    const session = begin(`set_lg_dir ${inward}\n`);
    expect((await take('hot')).exitCode).toBe(0);
    session.do('leave');
    const full = path.join(repo, setsIn()[0]!, 'environment');
    expect(fs.readFileSync(path.join(full, 'DB_CONFIG'), 'utf8')).toBe('set_lg_dir outside-logs-3f2a1c\n');
    expect(namesIn(path.join(full, 'outside-logs-3f2a1c'))).toEqual(['log.0000000001']);
  });

  test('a directory that is not there is told by name', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    session.do('leave');
    fs.renameSync(logs, `${logs}.unmounted`);
    const { exitCode, stderr } = await take('hot');
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`error [log-missing]: there is no directory <dir>/disk2/logs`);
    expect(stderr).toContain('is the disk mounted');
    fs.renameSync(`${logs}.unmounted`, logs);
    fs.renameSync(data, `${data}.unmounted`);
    expect((await take('hot')).stderr).toContain('error [container-missing]: there is no directory <dir>/disk3/data');
  });

  test('a repository in one of them is refused', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    const inside = path.join(data, 'repo');
    const { exitCode, stderr } = await run('hot', '--home', home, '--repo', inside);
    expect([exitCode, fs.existsSync(inside)]).toEqual([2, false]);
    expect(stderr).toContain('lies inside the environment');
    session.do('leave');
  });

  test('of plain copies, it is said where the copies of them are', async () => {
    const session = begin(`set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    session.do('leave');
    const copies = path.join(directory, 'copies');
    for (const [from, to] of [
      [home, 'env'],
      [logs, 'logs'],
      [data, 'data'],
    ] as const) {
      fs.cpSync(from, path.join(copies, to), { recursive: true });
    }
    const from = ['recover', '--from', path.join(copies, 'env'), '--to', path.join(directory, 'restored')];
    const refused = await run(...from);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain(`--dir-at <dir>/disk3/data=DIR`);
    const at = ['--dir-at', `${data}=${path.join(copies, 'data')}`, '--dir-at', `${logs}=${path.join(copies, 'logs')}`];
    expect(await run(...from, ...at)).toMatchObject({ exitCode: 0 });
    expect(contentsOf(path.join(directory, 'restored'))).toEqual(contentsOf(home));
  });

  test('a program sees what is in them, and recovers a copy of which it says where they are', async () => {
    const session = begin('');
    session.do('leave');
    for (const name of namesIn(home)) {
      const to = name === 'a.db' ? data : name.startsWith('log.') ? logs : undefined;
      if (to !== undefined) fs.renameSync(path.join(home, name), path.join(to, name));
    }
    const named = { dataDirectories: [data], logDirectory: logs };
    const seen = (options?: typeof named): unknown =>
      openEnvironment(home)
        .contents(options)
        .files.map(({ name }) => name)
        .filter((name) => name !== 'DB_CONFIG')
        .sort();
    const all = [
      expect.stringMatching(/^outside-data[^/]*\/a\.db$/),
      expect.stringMatching(/^outside-logs[^/]*\/log\.0000000001$/),
    ];
    expect(seen()).toEqual([]);
    expect(seen(named)).toEqual(all);
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), `set_data_dir ${data}\nset_lg_dir ${logs}\n`);
    expect(seen()).toEqual(all);
    const copies = path.join(directory, 'copies');
    fs.cpSync(home, path.join(copies, 'env'), { recursive: true });
    fs.cpSync(logs, path.join(copies, 'logs'), { recursive: true });
    fs.cpSync(data, path.join(copies, 'data'), { recursive: true });
    const copy = openEnvironment(path.join(copies, 'env'));
    const target = path.join(directory, 'restored');
    await expect(copy.recover({ target })).rejects.toMatchObject({ code: 'format-unsupported' });
    const directoriesAt = new Map([
      [data, path.join(copies, 'data')],
      [logs, path.join(copies, 'logs')],
    ]);
    await copy.recover({ target, directoriesAt });
    expect(contentsOf(target)).toEqual(contentsOf(home));
  });

  test('a program is refused a new source for an incremental, which could not be one', async () => {
    const session = begin('');
    session.do('leave');
    const environment = openEnvironment(home);
    await environment.hot({ repository: repo });
    const options = { repository: repo, newSource: true };
    await expect(environment.incremental(options)).rejects.toMatchObject({ code: 'usage' });
  });
});
