/** Environments whose log is not where DB_CONFIG says: as Bitcoin, 389ds, Cyrus and others have it, by calls of the library. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { FigaroError } from '../../../src/errors.ts';
import { corpusCase } from '../../support/corpus.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { Session } from '../../support/session.ts';

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([4, 72_115]);
});

const inHome = (name: string): string => path.join(home, name);
const beside = (name: string): string => path.join(directory, name);
const cli = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const take = (kind: string, from = home, ...more: readonly string[]): Promise<CliResult> =>
  cli(kind, '--home', from, '--repo', beside('repo'), ...more);
const withoutLog = (from = home): Promise<CliResult> => take('offline', from, '--without-log');

function move(isMoved: (name: string) => boolean, to: string, from = home): void {
  fs.mkdirSync(to, { recursive: true });
  for (const name of fs.readdirSync(from)) {
    if (isMoved(name)) fs.renameSync(path.join(from, name), path.join(to, name));
  }
}
const isLog = (name: string): boolean => name.startsWith('log.');
const isContainer = (name: string): boolean => name.endsWith('.dbxml');

/** What all commands say about where the log is. */
async function requireNamed(place: string, advice: string): Promise<void> {
  for (const result of [await take('hot'), await take('offline'), await withoutLog()]) {
    expect(result).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`${place} does`) });
    expect(result.stderr).toContain(advice);
    expect(result.stderr).not.toContain('removed');
  }
  expect(fs.readdirSync(beside('repo')).filter((name) => name !== 'repository.json')).toEqual([]);
  const inspected = await cli('inspect', 'environment', '--home', home);
  expect(inspected.stdout).toContain(`holds no log files, but ${place}`);
  expect(inspected.stdout).toContain(advice);
  for (const more of [[], ['--reset-lsns']]) {
    const recovered = await cli('recover', '--from', home, '--to', beside('out'), ...more);
    expect(recovered.exitCode).not.toBe(0);
    expect(recovered.stderr).toContain(place);
    expect(recovered.stderr).toContain('`--from <dir>');
  }
  const listed = await cli('logs', 'list', '--home', home);
  expect(listed).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(`--from ${place}`) });
}

test.each(['database', 'var/lib/log'])('log files in %s below are named by every command', async (below) => {
  move(isLog, inHome(below));
  await requireNamed(`<dir>/env/${below}`, `\`set_lg_dir ${below}\``);
  fs.writeFileSync(inHome('DB_CONFIG'), `set_lg_dir ${below}\n`);
  expect(await take('hot')).toMatchObject({ exitCode: 0 });
});

test.each(['logs', 'var/log'])('log files in %s beside are named by every command', async (name) => {
  move(isLog, beside(name));
  await requireNamed(`<dir>/${name}`, `\`--log-dir <dir>/${name}\``);
  expect(await take('hot', home, '--log-dir', beside(name))).toMatchObject({ exitCode: 0 });
});

test('the log in the environment itself, where DB_CONFIG names another directory, is named', async () => {
  fs.writeFileSync(inHome('DB_CONFIG'), 'set_lg_dir logs\n');
  fs.mkdirSync(inHome('logs'));
  const taken = await withoutLog();
  expect(taken).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('take that line out') });
});

describeNative('a directory below an environment that keeps its log to itself', () => {
  test('is not taken for the environment, as the names in the log tell', async () => {
    const whole = beside('whole');
    fs.mkdirSync(path.join(whole, 'users'), { recursive: true });
    const session = new Session(whole);
    session.do('open x auto users/x.db - btree', 'put x auto 1 10 20 text', 'checkpoint');
    await session.leave();
    const taken = await withoutLog(path.join(whole, 'users'));
    expect(taken).toMatchObject({ exitCode: 3 });
    expect(taken.stderr).toContain('the environment is <dir>/whole: back it up');
    const recovered = await cli('recover', '--from', path.join(whole, 'users'), '--to', beside('out'));
    expect(recovered.stderr).toContain('give that directory, `--from <dir>/whole`');
  });
});

describe('a data directory that is taken for the environment', () => {
  test('is told by the DB_CONFIG above it', async () => {
    fs.writeFileSync(inHome('DB_CONFIG'), 'set_data_dir data\nset_lg_dir logs\n');
    move(isContainer, inHome('data'));
    move(isLog, inHome('logs'));
    const taken = await withoutLog(inHome('data'));
    expect(taken).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('<dir>/env/logs does') });
    expect(taken.stderr).toContain('`figaro-backup hot --home <dir>/env`');
    expect(await take('hot')).toMatchObject({ exitCode: 0 });
  });
});

test('of two directories with the log, the one that goes further is meant, and both are named', async () => {
  move(isLog, inHome('database'));
  fs.cpSync(inHome('database'), inHome('database.old'), { recursive: true });
  fs.unlinkSync(inHome('database.old/log.0000000004'));
  const { stderr } = await withoutLog();
  expect(stderr).toContain('<dir>/env/database does, and so does <dir>/env/database.old');
  expect(stderr).toContain('`set_lg_dir database`');
});

describe('databases copied alone are taken without their log', () => {
  beforeEach(() => {
    fs.rmSync(home, { recursive: true });
    fs.cpSync(corpusCase('dbxml-clean').backup, beside('alone/env'), { recursive: true });
    fs.rmSync(alone(), { recursive: true, force: true });
    move(isContainer, alone(), beside('alone/env'));
    fs.rmSync(beside('alone/env'), { recursive: true });
  });
  const alone = (): string => beside('alone/wallets');
  const requireTaken = async (warning?: string): Promise<void> => {
    const taken = await withoutLog(alone());
    expect(taken).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('has no log, and its databases') });
    if (warning === undefined) expect(taken.stderr).not.toContain('holds log files');
    else expect(taken.stderr).toContain(warning);
    const reset = await cli('recover', '--from', alone(), '--to', beside('out'), '--reset-lsns');
    expect(reset).toMatchObject({ exitCode: 0 });
  };

  test('beside the log of another environment', async () => {
    fs.cpSync(corpusCase('btree-48-hot').backup, beside('alone/other'), { recursive: true });
    move(isLog, beside('alone/logs'), beside('alone/other'));
    await requireTaken();
  });

  test('beside the environment that they were copied from', async () => {
    fs.cpSync(corpusCase('dbxml-clean').backup, beside('alone/env'), { recursive: true });
    await requireTaken();
  });

  test('inside of the environment that they were copied from', async () => {
    fs.cpSync(corpusCase('dbxml-clean').backup, beside('alone'), { recursive: true });
    await requireTaken();
  });

  test('beside a standby of the environment that they were copied from', async () => {
    fs.cpSync(corpusCase('dbxml-clean').backup, beside('source'), { recursive: true });
    const followed = await cli(
      'failover',
      'follow',
      '--home',
      beside('source'),
      '--standby',
      beside('standby'),
      '--once',
    );
    expect(followed).toMatchObject({ exitCode: 0 });
    fs.rmSync(beside('source'), { recursive: true });
    fs.renameSync(beside('standby'), beside('alone/standby'));
    await requireTaken();
  });

  test('beside a log that cannot be read, which is told', async () => {
    fs.mkdirSync(beside('alone/logs'));
    fs.writeFileSync(beside('alone/logs/log.0000000001'), Buffer.alloc(4096, 7));
    await requireTaken('<dir>/alone/logs holds log files, and whether they are of <dir>/alone/wallets is not known');
  });

  test('where directories around them cannot be looked into', async () => {
    fs.mkdirSync(beside('alone/secret'));
    const list = nodeFiles.listIfThere.bind(nodeFiles);
    const files = {
      ...nodeFiles,
      listIfThere(name: string) {
        if (name === beside('alone/secret')) throw new FigaroError('not-permitted', 'cannot list', { path: name });
        return list(name);
      },
    };
    const args = ['offline', '--without-log', '--home', alone(), '--repo', beside('repo')];
    expect(await figaro(args, { directory, files })).toMatchObject({ exitCode: 0 });
  });
});
