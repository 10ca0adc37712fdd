/** Mistakes that people make, and the answers that help. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { takeLock } from '../../src/engine/repository/lock.ts';
import { FigaroError } from '../../src/errors.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { namesIn } from '../support/trees.ts';

let directory: string;
let set: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  layDemoEnvironment(at('env'));
  expect((await run('hot', '--home', '@env', '--repo', '@repo')).exitCode).toBe(0);
  set = namesIn(at('repo')).find((name) => name.includes('-hot-'))!;
  mkdirSync(at('srv'));
  cpSync(at('env'), at('srv/orders'), { recursive: true });
  mkdirSync(at('backups'));
  cpSync(at('repo'), at('backups/orders'), { recursive: true });
  mkdirSync(at('nolog'));
  for (const name of ['d.dbxml', 'e.dbxml']) writeFileSync(at(`nolog/${name}`), readFileSync(at(`env/${name}`)));
  writeFileSync(at('notes.txt'), 'not a database');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => path.join(directory, name);

/** `@name` is a path in the directory of the test, `@set` the set. */
function run(...args: readonly string[]): Promise<CliResult> {
  const given = args.map((arg) => arg.replace('@set', `@repo/${set}`).replace('@', `${directory}/`));
  return figaro(given, { directory });
}

async function refusal(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(...args);
  expect(stdout).toBe('');
  // A first backup says that it makes the repository.
  const said = stderr.replace(/^created repository .*\n/, '');
  return `${exitCode} ${said.replaceAll(set ?? '-', '<set>')}`.trim();
}

describe('a wrong directory is answered with what it is, and what to give:', () => {
  const environmentCommands = [
    ['hot', '--repo', '@new'],
    ['offline', '--repo', '@new'],
    ['incremental', '--repo', '@repo'],
    ['inspect', 'environment'],
    ['logs', 'list'],
    ['failover', 'follow', '--once', '--standby', '@standby'],
  ];

  test.each([
    [
      'a container',
      '@env/d.dbxml',
      'is a container, not an environment\nhint: give the directory that it is in: --home <dir>/env',
    ],
    [
      'a log file',
      '@env/log.0000000003',
      'is a log file, not an environment\nhint: give the directory that it is in: --home <dir>/env',
    ],
    [
      'the parent of an environment',
      '@srv',
      'is not an environment, but holds 1 environment: orders\nhint: give that: --home <dir>/srv/orders',
    ],
    [
      'a repository',
      '@repo',
      'is a repository, not an environment\nhint: give it with --repo, and the environment with --home.',
    ],
    [
      'a set',
      '@set',
      'is a backup set, not an environment\nhint: give the environment with --home; `figaro-backup recover --repo <dir>/repo --chain <set>` is for sets.',
    ],
    ['a file', '@notes.txt', 'is a file, not a directory\nhint: give the directory of the environment with --home.'],
  ])('%s as --home', async (_what, home, text) => {
    const place = home.replace('@set', '@repo/<set>').replace('@', '<dir>/');
    for (const command of environmentCommands) {
      expect(await refusal(...command, '--home', home)).toBe(`3 error [environment-missing]: ${place} ${text}`);
    }
    expect(namesIn(directory)).not.toContain('new');
  });

  test.each([
    [
      'a set',
      '@set',
      'is a backup set, not a copy of an environment\nhint: give --repo <dir>/repo --chain <set>, or the plain copy in it: --from <dir>/repo/<set>/environment',
    ],
    [
      'a repository',
      '@repo',
      'is a repository, not a copy of an environment\nhint: recover from it with --repo <dir>/repo',
    ],
    [
      'a container',
      '@env/d.dbxml',
      'is a container, not a copy of an environment\nhint: give the directory that it is in: --from <dir>/env',
    ],
  ])('%s as --from', async (_what, from, text) => {
    const place = from.replace('@set', '@repo/<set>').replace('@', '<dir>/');
    for (const command of [
      ['recover', '--to', '@out'],
      ['logs', 'list'],
      ['inspect', 'environment'],
    ]) {
      expect(await refusal(...command, '--from', from)).toBe(`3 error [environment-missing]: ${place} ${text}`);
    }
  });

  test.each([
    ['a set', '@set', 'is a backup set, not a repository\nhint: give the repository that it is in: --repo <dir>/repo'],
    [
      'an environment',
      '@env',
      'is an environment, not a repository\nhint: give the repository with --repo, not what it is made of.',
    ],
    [
      'a plain file',
      '@notes.txt',
      'is a file, not a directory\nhint: give the directory of the repository with --repo.',
    ],
    [
      'a container',
      '@env/d.dbxml',
      'is a container, not a repository\nhint: give the directory of the repository with --repo.',
    ],
    [
      'the parent of a repository',
      '@backups',
      'is not a repository, but holds 1 repository: orders\nhint: give that: --repo <dir>/backups/orders',
    ],
  ])('%s as --repo', async (_what, repo, text) => {
    const place = repo.replace('@set', '@repo/<set>').replace('@', '<dir>/');
    for (const command of ['list', 'check', 'verify', 'show']) {
      expect(await refusal(command, '--repo', repo)).toBe(`5 error [repository-missing]: ${place} ${text}`);
    }
    const made = await refusal('hot', '--home', '@srv/orders', '--repo', repo);
    expect(made).toMatch(/^[56] error \[(repository-missing|target-not-empty)\]: /);
    expect(made.replace(/^.*?: /, '')).toBe(`${place} ${text}`);
  });

  test('an environment as --standby', async () => {
    expect(await refusal('failover', 'status', '--standby', '@env')).toBe(
      '5 error [standby-missing]: <dir>/env is an environment, not a standby\nhint: give the standby with --standby, not what it is made of.',
    );
  });

  test('a directory as a container', async () => {
    for (const command of [['dump'], ['inspect', 'container']]) {
      expect(await refusal(...command, '@env')).toContain('<dir>/env is a directory, not a database file');
    }
  });
});

test.each([
  ['hot', '--repo', '@new', '--home'],
  ['list', '--repo'],
  ['recover', '--to', '@out', '--from'],
  ['recover', '--repo', '@repo', '--to'],
  ['failover', 'status', '--standby'],
  ['failover', 'follow', '--standby', '@out', '--repo'],
])('%s %s %s %s with an empty text asks whether a variable is empty', async (...args) => {
  const option = args.findLast((arg) => arg.startsWith('--'))!;
  expect(await refusal(...args, '')).toBe(
    `2 error [usage]: ${option} is empty\nhint: is a variable in the command line that has no value?`,
  );
});

test.each([
  [
    ['recover', '--repo', '@repo', '--to', '@out', '--dir-at', '/data=/copy'],
    '--dir-at is for plain copies, and needs --from',
  ],
  [['logs', 'list', '--home', '@env', '--dir-at', '/data=/copy'], '--dir-at is for plain copies, and needs --from'],
  [['logs', 'list', '--repo', '@repo', '--dir-at', '/data=/copy'], '--dir-at is for plain copies, and needs --from'],
  [['logs', 'list', '--from', '@env', '--data-dir', '/data'], '--data-dir and --from cannot be used together'],
  [['inspect', 'environment', '--from', '@env', '--log-dir', '/log'], '--log-dir and --from cannot be used together'],
  [['logs', 'list', '--repo', '@repo', '--log-dir', '/log'], '--log-dir and --repo cannot be used together'],
  [
    ['failover', 'follow', '--repo', '@repo', '--standby', '@out', '--once', '--data-dir', '/data'],
    '--data-dir and --repo cannot be used together',
  ],
])('directories that would be ignored are refused: %j', async (args, message) => {
  expect(await refusal(...args)).toContain(`2 error [usage]: ${message}`);
});

test('a directory that may not be read is told, and no file that is not there', async () => {
  for (const [args, place] of [
    [['inspect', 'environment', '--home', at('env')], at('env')],
    [['hot', '--home', at('env'), '--repo', at('new')], at('env')],
    [['list', '--repo', at('repo')], at('repo')],
  ] as const) {
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        const isLook = operation === 'statThrough' || operation === 'statIfThere';
        const isHidden = isLook ? path.dirname(file) === place : file === place || path.dirname(file) === place;
        if (isHidden)
          throw new FigaroError('not-permitted', `${file}: cannot ${operation}: permission denied (EACCES)`);
      },
    });
    const { exitCode, stderr } = await figaro(args, { files, directory });
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/^error \[not-permitted\]: <dir>\/(env|repo): cannot \w+: permission denied \(EACCES\)\n/);
  }
});

describe('the command line', () => {
  test.each([
    ['logs', 'list, print, timeline and prune'],
    ['inspect', 'environment, container and page'],
    ['failover', 'follow, status and promote'],
    ['config', 'show'],
  ])('%s alone lists its commands', async (group, names) => {
    expect(await refusal(group)).toBe(
      `2 error [usage]: ${group} needs one of its commands\nhint: it has ${names}: see \`figaro-backup ${group} --help\`.`,
    );
  });

  test('help takes the words of a command', async () => {
    for (const words of [['logs', 'print'], ['logs'], ['failover', 'promote'], ['hot']]) {
      const { exitCode, stdout } = await run('help', ...words);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: (await run(...words, '--help')).stdout });
      expect(stdout).toMatch(new RegExp(`^Usage: figaro-backup ${words.join(' ')} `));
    }
    expect(await refusal('help', 'logs', 'nope')).toContain('there is no command nope\nhint: it has list, print,');
  });

  test('a path in place of the name of an environment is taken for what it may have been meant for', async () => {
    const meant = 'is a path, and not the name of an environment in the configuration file\nhint: did you mean';
    expect(await refusal('hot', '@env')).toBe(`2 error [usage]: <dir>/env ${meant} --home <dir>/env?`);
    expect(await refusal('incremental', '@repo')).toBe(`2 error [usage]: <dir>/repo ${meant} --repo <dir>/repo?`);
    expect(await refusal('list', '@repo')).toBe(`2 error [usage]: <dir>/repo ${meant} --repo <dir>/repo?`);
    expect(await refusal('list', 'orders')).toContain('no configuration file, so orders is not a known name');
  });

  test('common options may stand before the command', async () => {
    for (const args of [
      ['--json', 'list', '--repo', '@repo'],
      ['--no-color', '--json', 'list', '--repo', '@repo'],
      ['--json', 'logs', 'list', '--repo', '@repo'],
      ['logs', '--json', 'list', '--repo', '@repo'],
    ]) {
      const { exitCode, stdout } = await run(...args);
      const command = args.filter((arg) => /^[a-z]/.test(arg)).join(' ');
      expect({ exitCode, command: (JSON.parse(stdout) as { command: string }).command }).toEqual({
        exitCode: 0,
        command,
      });
    }
    expect(await refusal('--config', '@none.toml', '-v', 'list')).toContain(
      '<dir>/none.toml: there is no such configuration file',
    );
  });

  test.each([
    ['restore', '`recover`'],
    ['backup', '`hot`, `offline` or `incremental`'],
    ['snapshots', '`list`'],
    ['prune', '`expire` or `logs prune`'],
    ['status', '`check` or `failover status`'],
    ['forget', '`expire`'],
  ])('%s, a word of other tools, suggests ours', async (word, ours) => {
    expect(await refusal(word)).toContain(`unknown command '${word}'\nhint: that is ${ours} here: see `);
  });
});

test('busy says with which option to wait for the other run', async () => {
  const lock = takeLock(nodeFiles, at('repo'));
  try {
    const busy = await refusal('expire', '--repo', '@repo', '--keep-full', '1');
    expect(busy).toMatch(
      /^7 error \[busy\]: .* since .*Z\nhint: with --lock-wait 15m, this run waits for it\. Otherwise, try again/,
    );
  } finally {
    lock.release();
  }
});

test('hot, offline, incremental and inspect say the same of containers without a log', async () => {
  const truth = '<dir>/nolog holds no log files, but d.dbxml was written through a log';
  for (const [command, repo] of [
    ['hot', '@new1'],
    ['offline', '@new2'],
    ['incremental', '@repo'],
  ] as const) {
    expect(await refusal(command, '--home', '@nolog', '--repo', repo)).toMatch(
      new RegExp(
        `^3 error \\[log-missing\\]: ${truth}\nhint: bring the log files back\\. .*\`figaro-backup offline --without-log\`\\.$`,
      ),
    );
  }
  // No repository is made for what cannot be backed up.
  expect(namesIn(directory)).not.toContain('new2');
  const { stdout } = await run('inspect', 'environment', '--home', '@nolog');
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`- ${truth} bring the log files back. `);
});
