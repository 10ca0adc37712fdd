import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Command } from 'commander';
import { beforeEach, describe, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli.ts';
import { CommandContext } from '../../../src/commands/context.ts';
import { commandsWithTables } from '../../../src/commands/setting-names.ts';
import { commandName } from '../../../src/commands/settings.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { createRepository } from '../../../src/engine/repository/repository.ts';
import { shellWord } from '../../../src/output/text.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { figaro, withoutDirectory, type CliResult } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';
import { isLongRun } from '../../support/effort.ts';
import { inQuotes, isWindows, lacks } from '../../support/windows.ts';

let directory: string;
let home: string;
let repo: string;
let log: string;
let env: Record<string, string>;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  log = path.join(directory, 'log');
  env = { PATH: process.env['PATH']!, LOG: log };
  layDemoEnvironment(home);
  createRepository(nodeFiles, repo);
});

async function run(...args: readonly string[]): Promise<CliResult> {
  return await figaro(args, { directory, env });
}

/** A backup with the hooks of a test. */
async function hot(...hooks: readonly string[]): Promise<CliResult> {
  return await run('hot', '--home', home, '--repo', repo, ...hooks);
}

/** What the hooks wrote into the log. */
function logged(): string {
  if (!existsSync(log)) return '';
  // In `cmd`, a variable that there is not stays as it is written.
  const text = readFileSync(log, 'utf8').replaceAll('\r\n', '\n').replaceAll(/%\w+%/g, '');
  return withoutDirectory(text, directory);
}

/** A hook that writes into the log, as the shell of this system wants it. */
const note = (text: string): string =>
  isWindows ? `>> "%LOG%" echo ${text.replaceAll(/\$(\w+)/g, '%$1%')}` : `echo "${text}" >> "$LOG"`;
const then = isWindows ? ' & ' : '; ';
const noteAll = [
  ['--run-before', note('before')],
  ['--run-failed', note('failed')],
  ['--run-after', note('after $FIGARO_BACKUP_RESULT')],
].flat();

const fine = { exitCode: 0, stdout: '', stderr: '' };

describe('hooks', () => {
  test('run before and after a run that goes well, without its lock', async () => {
    const look = "fs.readdirSync(process.env.FIGARO_BACKUP_REPO).filter((name) => name.includes('lock')).length";
    const seen = `${shellWord(process.execPath)} -p "${look}" >> ${isWindows ? '"%LOG%"' : '"$LOG"'}`;
    const hooks = ['--run-before', seen + then + note('before'), '--run-after', seen + then + note('after')];
    expect(await hot(...hooks)).toEqual(fine);
    expect(logged()).toBe('0\nbefore\n0\nafter\n');
  });

  test('run after a run that fails', async () => {
    expect(await run('hot', '--home', '/none', '--repo', repo, ...noteAll)).toMatchObject({ exitCode: 3 });
    expect(logged()).toBe('before\nfailed\nafter failure\n');
  });

  test('run after a run that finds something', async () => {
    await hot();
    const [set] = namesIn(repo);
    writeFileSync(path.join(repo, set!, 'SHA256SUMS'), '');
    const told = note('$FIGARO_BACKUP_EXIT_CODE $FIGARO_BACKUP_ERROR_CODE $FIGARO_BACKUP_ERROR');
    expect(await run('verify', '--repo', repo, '--run-failed', told)).toMatchObject({ exitCode: 4 });
    expect(logged()).toBe(`4 file-checksum ${set}: SHA256SUMS differs from the manifest\n`);
    const old = ['check', '--repo', repo, '--max-age', '0s', '--nagios', '--run-failed', told];
    expect(await run(...old)).toMatchObject({ exitCode: 2 });
    expect(logged()).toContain('\n2 not-recoverable the last verification found something wrong in');
  });

  test('are told what happened in variables, and nothing of other hooks', async () => {
    env = { ...env, FIGARO_BACKUP_ERROR: 'of an earlier run', FIGARO_BACKUP_RUN_FAILED: 'x', FIGARO_BACKUP_SET: 'old' };
    const all = isWindows ? 'set FIGARO_BACKUP_>> "%LOG%"' : 'env | grep ^FIGARO_BACKUP_ | sort >> "$LOG"';
    expect(await hot('--run-before', all, '--run-after', all)).toEqual(fine);
    const set = namesIn(repo)[0]!;
    expect(
      logged()
        .replaceAll(set, '<set>')
        .replace(/SECONDS=\d+/, 'SECONDS=n'),
    ).toMatchInlineSnapshot(`
      "FIGARO_BACKUP_COMMAND=hot
      FIGARO_BACKUP_HOME=<dir>/env
      FIGARO_BACKUP_HOOK=run-before
      FIGARO_BACKUP_REPO=<dir>/repo
      FIGARO_BACKUP_COMMAND=hot
      FIGARO_BACKUP_EXIT_CODE=0
      FIGARO_BACKUP_HOME=<dir>/env
      FIGARO_BACKUP_HOOK=run-after
      FIGARO_BACKUP_REPO=<dir>/repo
      FIGARO_BACKUP_RESULT=success
      FIGARO_BACKUP_SECONDS=n
      FIGARO_BACKUP_SET=<set>
      "
    `);
  });

  test('are not told of a repository, nor of an environment, that variables name and the run does not use', async () => {
    env = { ...env, FIGARO_BACKUP_REPO: repo, DB_HOME: home };
    const told = note('$FIGARO_BACKUP_COMMAND: [$FIGARO_BACKUP_HOME] [$FIGARO_BACKUP_REPO] [$FIGARO_BACKUP_TARGET]');
    expect(await run('hot', '--run-after', told)).toEqual(fine);
    expect(await run('verify', '--run-after', told)).toEqual(fine);
    const target = path.join(directory, 'target');
    const copy = ['recover', '--from', home, '--to', target, '--quiet'];
    expect(await run(...copy, '--run-before', told, '--run-after', told)).toEqual(fine);
    expect(logged()).toBe(
      'hot: [<dir>/env] [<dir>/repo] []\n' +
        'verify: [] [<dir>/repo] []\n' +
        'recover: [] [] [<dir>/target]\n'.repeat(2),
    );
  });

  test('do not run around a dry run', async () => {
    await hot();
    const target = path.join(directory, 'target');
    expect(await run('recover', '--repo', repo, '--to', target, '--dry-run', ...noteAll)).toMatchObject({
      exitCode: 0,
    });
    expect(await run('expire', '--repo', repo, '--keep-full', '1', '--dry-run', ...noteAll)).toMatchObject({
      exitCode: 0,
    });
    expect(await run('logs', 'prune', '--home', home, '--repo', repo, ...noteAll)).toMatchObject({ exitCode: 0 });
    expect(logged()).toBe('');
    expect(await run('logs', 'prune', '--home', home, '--repo', repo, '--confirm', ...noteAll)).toEqual(fine);
    expect(await run('recover', '--repo', repo, '--to', target, '--quiet', ...noteAll)).toEqual(fine);
    expect(await run('expire', '--repo', repo, '--keep-full', '1', ...noteAll)).toEqual(fine);
    expect(logged()).toBe('before\nafter success\n'.repeat(3));
  });

  test('of a run that a hook starts are those of its command line', async () => {
    env = { ...env, FIGARO_BACKUP_HOOK: 'run-after', FIGARO_BACKUP_RUN_BEFORE: note('from a variable') };
    expect(await hot('--run-after', note('after'))).toEqual(fine);
    expect(logged()).toBe('after\n');
  });
});

describe('a hook that fails', () => {
  test('before the run keeps it from being done; the one after it runs all the same', async () => {
    expect(await hot('--run-before', 'exit 3', '--run-after', note('$FIGARO_BACKUP_ERROR_CODE')))
      .toMatchInlineSnapshot(`
      {
        "exitCode": 12,
        "stderr": "error [hook-failed]: run-before ended with exit status 3
      hint: nothing was done. What the hook printed is above; with --hook-fails continue the run goes on all the same.
      ",
        "stdout": "",
      }
    `);
    expect(namesIn(repo)).toEqual(['repository.json']);
    expect(logged()).toBe('hook-failed\n');
  });

  test.skipIf(lacks.signals)('before the run is a warning when the run is to go on', async () => {
    expect(await hot('--hook-fails', 'continue', '--run-before', 'kill -9 $$')).toEqual({
      ...fine,
      stderr: 'warning: run-before was ended by SIGKILL\n',
    });
    expect(namesIn(repo)).toHaveLength(2);
  });

  test('after a run that went well shows in the exit status; the set is there', async () => {
    expect(await hot('--quiet', '--run-after', 'exit 1')).toEqual({
      ...fine,
      exitCode: 12,
      stderr: 'error [hook-failed]: run-after ended with exit status 1\n',
    });
    expect(namesIn(repo)).toHaveLength(2);
    expect(await hot('--run-after', 'exit 1', '--hook-fails', 'continue')).toEqual({
      ...fine,
      stderr: 'warning: run-after ended with exit status 1\n',
    });
  });

  test('after a run that failed does not hide why', async () => {
    const { exitCode, stderr } = await run('hot', '--home', '/none', '--repo', repo, '--run-after', 'exit 1');
    expect(exitCode).toBe(3);
    expect(stderr).toContain('error [hook-failed]: run-after ended with exit status 1\nerror [environment-missing]: ');
  });

  test('leaves one JSON document', async () => {
    const after = await hot('--json', '--run-after', `echo noise${then}exit 1`);
    expect([after.exitCode, JSON.parse(after.stdout)]).toMatchObject([
      12,
      { set: { kind: 'hot' }, warnings: ['run-after ended with exit status 1'] },
    ]);
    const before = await hot('--json', '--run-before', `echo noise${then}exit 1`, '--run-after', 'exit 2');
    expect([before.exitCode, JSON.parse(before.stdout)]).toMatchObject([
      12,
      {
        error: { code: 'hook-failed', message: 'run-before ended with exit status 1', exitCode: 12 },
        warnings: ['run-after ended with exit status 2'],
      },
    ]);
  });

  test('because it cannot be started', async () => {
    const { exitCode, stderr } = await hot('--run-before', 'echo a\0b');
    expect([exitCode, stderr]).toEqual([12, expect.stringContaining('run-before could not be started: ') as string]);
  });
});

describe('a hook that takes too long', () => {
  test.runIf(isLongRun && !lacks.shell)(
    'is stopped, and all it started',
    async () => {
      // Nobody in the group heeds SIGTERM; the one in the background would write into the log.
      const stubborn = `trap '' TERM; (trap '' TERM; while sleep 0.2; do ${note('alive')}; done) & sleep 60`;
      const began = performance.now();
      expect(await hot('--hook-timeout', '1s', '--run-before', stubborn)).toMatchObject({
        exitCode: 12,
        stderr: expect.stringContaining('run-before took longer than 1s and was stopped\n') as string,
      });
      expect(performance.now() - began).toBeLessThan(15_000);
      const before = logged();
      expect(before).toContain('alive');
      await setTimeout(600);
      expect(logged()).toBe(before);
    },
    60_000,
  );

  test.skipIf(lacks.shell)('may leave something running when it ends by itself', async () => {
    expect(await hot('--run-after', `(sleep 0.5; ${note('running')}) & true`)).toEqual(fine);
    await setTimeout(1500);
    expect(logged()).toBe('running\n');
  });

  test('has to be given a time', async () => {
    for (const time of ['0', 'soon']) expect(await hot('--hook-timeout', time)).toMatchObject({ exitCode: 2 });
  });
});

describe('hooks in the configuration file', () => {
  let file: string;

  beforeEach(() => {
    file = path.join(directory, 'figaro-backup.toml');
    env = { ...env, XDG_CONFIG_HOME: directory };
  });

  function configure(text: string): void {
    writeFileSync(file, text.replaceAll('<dir>', inQuotes(directory)));
  }

  const orders = `
[defaults]
hook-timeout = "30s"

[defaults.expire]
keep-full = 2

[environments.orders]
home = "<dir>/env"
repo = "<dir>/repo"
run-failed = '${note('failed')}'
heartbeat = "https://user:word@hc-ping.com:8443/the-secret?and=another"

[environments.orders.hot]
heartbeat = ""
run-before = '${note('before $FIGARO_BACKUP_ENVIRONMENT')}'

[environments.orders.logs-prune]
heartbeat = ""
run-before = ""
`;

  test('are for an environment, or for one of its commands', async () => {
    configure(orders);
    expect(await run('hot', 'orders')).toEqual(fine);
    expect(logged()).toBe('before orders\n');
    expect(await run('logs', 'prune', 'orders', '--confirm')).toEqual(fine);
    expect(await run('hot', 'orders', '--repo', home)).toMatchObject({ exitCode: 2 });
    expect(logged()).toBe('before orders\nbefore orders\nfailed\n');
    env = { ...env, FIGARO_BACKUP_RUN_BEFORE: 'exit 1' };
    expect(await run('hot', 'orders')).toMatchObject({ exitCode: 12 });
    expect(await run('hot', 'orders', '--run-before', 'exit 0')).toEqual(fine);
  });

  test('are shown, without what is secret', async () => {
    configure(orders);
    const { stdout } = await run('config', 'show', 'orders');
    const shown = stdout.replaceAll(/ {2,}/g, '  ').replaceAll(/(?:echo|>> "%LOG%") .*(?=  <dir>)/g, '<note>');
    expect(shown).toMatchInlineSnapshot(`
      "home  <dir>/env  <dir>/figaro-backup.toml [environments.orders]
      repo  <dir>/repo  <dir>/figaro-backup.toml [environments.orders]
      run-failed  <note>  <dir>/figaro-backup.toml [environments.orders]
      hook-timeout  30s  <dir>/figaro-backup.toml [defaults]
      heartbeat  https://hc-ping.com:8443/…  <dir>/figaro-backup.toml [environments.orders]
      hot: run-before  <note>  <dir>/figaro-backup.toml [environments.orders.hot]
      hot: heartbeat  ""  <dir>/figaro-backup.toml [environments.orders.hot]
      expire: keep-full  2  <dir>/figaro-backup.toml [defaults.expire]
      logs prune: run-before  ""  <dir>/figaro-backup.toml [environments.orders.logs-prune]
      logs prune: heartbeat  ""  <dir>/figaro-backup.toml [environments.orders.logs-prune]
      "
    `);
    expect((await run('config', 'show', 'orders', '--json')).stdout).not.toMatch(/secret|another|word/);
  });

  test.skipIf(lacks.owners)('are not taken from a file into which others may write', async () => {
    configure(orders);
    chmodSync(file, 0o666);
    expect(await run('hot', 'orders')).toMatchInlineSnapshot(`
      {
        "exitCode": 6,
        "stderr": "error [not-permitted]: <dir>/figaro-backup.toml: it names commands to run, and can be written by everybody
      hint: let it belong to you or to root, and take the permission to write from others.
      ",
        "stdout": "",
      }
    `);
    expect(await run('list', 'orders')).toMatchObject({ exitCode: 0 });
    chmodSync(file, 0o600);
    if (process.getuid!() !== 0) return;
    chownSync(file, 4711, 0);
    expect((await run('hot', 'orders')).stderr).toContain('belongs to another user');
    expect(logged()).toBe('');
  });

  test.each([
    ['a table for no command', '[defaults.dump]\nhome = "/srv"'],
    ['a setting nobody knows', '[environments.orders.hot]\nhoem = "/srv"'],
    ['a policy nobody knows', '[defaults]\nhome = "/none"\nrepo = "/none"\nhook-fails = "retry"'],
  ])('are refused with %s', async (_what, text) => {
    configure(text);
    expect(await run('hot')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/^error \[usage\]: .*<dir>\/figaro-backup\.toml/) as string,
    });
  });
});

test('commands have hooks where they can have a table of their own', async () => {
  const leaves = (command: Command): Command[] => [command, ...command.commands.flatMap(leaves)];
  const program = await buildProgram(
    new CommandContext({ stdout: process.stdout, stderr: process.stderr, env: {} }, nodeFiles),
  );
  const hooked = leaves(program).filter(({ options }) => options.some(({ long }) => long === '--run-before'));
  expect(hooked.map(commandName).sort()).toEqual([...commandsWithTables].sort());
});
