/** `--all`: every environment of the configuration file. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { worstStatus } from '../../src/output/exit-codes.ts';
import { demoApplication, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, withoutDirectory, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { inQuotes, isWindows } from '../support/windows.ts';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
  for (const name of ['orders', 'billing']) demoApplication(path.join(directory, name)).commitUpTo([4, 72_115]);
  mkdirSync(path.join(directory, 'backup'));
});

/** Environments in the order of the file, each with settings of its own. */
function configure(tables: Readonly<Record<string, string>>, general = ''): void {
  const sections = Object.entries(tables).map(
    ([name, more]) =>
      `[environments.${name}]\nhome = "<dir>/${name}"\nrepo = "<dir>/backup/${name}"\n${more.replaceAll('; ', '\n')}\n`,
  );
  const text = `${general}\n${sections.join('\n')}`;
  writeFileSync(path.join(directory, 'figaro-backup.toml'), text.replaceAll('<dir>', inQuotes(directory)));
}

async function all(line: string, surroundings: CliSurroundings = {}): Promise<CliResult> {
  const { env = {}, ...others } = surroundings;
  const args = line.replaceAll('<dir>', directory).split(' ');
  return await figaro([...args, '--all'], { directory, env: { XDG_CONFIG_HOME: directory, ...env }, ...others });
}

interface Part {
  readonly environment: string;
  readonly exitCode: number;
  readonly document: Readonly<Record<string, unknown>> & { readonly error?: { readonly code: string } };
}

async function documents(line: string): Promise<readonly Part[]> {
  return (JSON.parse((await all(`${line} --json`)).stdout) as { readonly environments: readonly Part[] }).environments;
}

const setsOf = (name: string): readonly string[] =>
  namesIn(path.join(directory, 'backup', name)).filter((each) => /^\d{8}T/.test(each));

const says = (text: string): unknown => expect.stringContaining(text);

test('every environment is backed up, listed, checked and verified, one after the other', async () => {
  configure({ orders: '', billing: '' });
  expect(await all('hot --quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect([setsOf('orders').length, setsOf('billing').length]).toEqual([1, 1]);
  expect(await all('incremental')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(await all('check')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  const { stdout } = await all('list');
  expect(stdout).toMatch(
    /^orders:\n\d{8}T\S+-hot-\S+: <dir>\/orders on [^]*\n\nbilling:\n\d{8}T\S+: <dir>\/billing on /,
  );
  expect((await all('verify -v')).stdout).toMatch(/^orders:\n1 set, .*: all good\n\nbilling:\n1 set, .*: all good\n$/);
  expect(await all('expire --keep-full 1')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
});

test('an environment that fails keeps none after it from its turn, and has a line at the end', async () => {
  configure({ gone: '', orders: '', empty: '', billing: 'max-age = "0s"' });
  mkdirSync(path.join(directory, 'empty'));
  const { exitCode, stderr } = await all('hot --quiet');
  expect([setsOf('orders').length, setsOf('billing').length]).toEqual([1, 1]);
  expect(exitCode).toBe(3);
  expect(stderr.split('\n').filter((line) => !line.startsWith('hint: '))).toEqual([
    says('error [environment-missing]: gone: <dir>/gone'),
    says('error [environment-missing]: empty: <dir>/empty'),
    '2 of 4 environments failed:',
    '  gone   exit code 3  [environment-missing]',
    '  empty  exit code 3  [environment-missing]',
    '',
  ]);
  const checked = await all('check');
  expect(checked).toMatchObject({ exitCode: 5, stdout: says('billing:\n[stale] the newest proven set is') });
  // What its result says on stdout has its line among the errors as well.
  expect(checked.stderr).toContain('error [stale]: billing: the newest proven set is');
  expect(checked.stderr).toMatch(/3 of 4 environments failed:\n {2}gone +exit code 5 +\[repository-missing\]\n/);
  expect(checked.stdout).not.toContain('orders:');
});

test('each has its own settings: retention, hooks, password and limits', async () => {
  const named = ['FIGARO_BACKUP_ENVIRONMENT', 'FIGARO_BACKUP_REPO'];
  const values = named.map((name) => (isWindows ? `%${name}%` : `$${name}`)).join(' ');
  configure(
    {
      orders: `keep-full = 1; run-after = "echo ${values} >> <dir>/hooks"`,
      billing: 'keep-full = 2; password-file = "<dir>/missing"',
    },
    '[defaults]\nmax-age = "9d"\n',
  );
  for (const name of ['orders', 'billing']) {
    const places = ['--home', path.join(directory, name), '--repo', path.join(directory, 'backup', name)];
    for (const kind of ['offline', 'hot']) await figaro([kind, '--quiet', ...places]);
  }
  const [orders, billing] = await documents('expire --dry-run');
  const kept = (part: Part): unknown =>
    (part.document['chains'] as { readonly kept: boolean }[]).map((chain) => chain.kept);
  expect([kept(orders!), kept(billing!)]).toEqual([
    [false, true],
    [true, true],
  ]);
  expect(await documents('verify')).toMatchObject([
    { environment: 'orders', exitCode: 0, document: { command: 'verify', findings: [] } },
    { environment: 'billing', exitCode: 10, document: { command: 'verify', error: { code: 'password' } } },
  ]);
  expect(readFileSync(path.join(directory, 'hooks'), 'utf8').trimEnd()).toBe(`orders ${directory}/backup/orders`);
  // Variables that stand for one environment do not take the place of those in the file.
  const { stdout } = await all('list', { env: { FIGARO_BACKUP_REPO: '/elsewhere', DB_HOME: '/elsewhere' } });
  expect(stdout).toMatch(/<dir>\/orders on [^]*<dir>\/billing on /);
});

test('with --json, one document holds that of each', async () => {
  configure({ orders: '', gone: '' });
  await all('hot --quiet');
  expect(JSON.parse((await all('check --json')).stdout)).toMatchObject({
    schema: 1,
    command: 'check',
    environments: [
      { environment: 'orders', exitCode: 0, document: { schema: 1, command: 'check', problems: [] } },
      { environment: 'gone', exitCode: 5, document: { command: 'check', error: { code: 'repository-missing' } } },
    ],
  });
});

describe('is refused', () => {
  test.each([
    ['list orders', 'the name of an environment (orders)'],
    ['check --repo <dir>/backup/orders', '--repo'],
    ['incremental --home <dir>/orders', '--home'],
    ['hot --log-dir <dir>', '--log-dir'],
    ['hot --to-stdout', '--to-stdout'],
  ])('with what names one environment: %s', async (line, what) => {
    configure({ orders: '', billing: '' });
    const { exitCode, stdout, stderr } = await all(line);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(`error [usage]: --all and ${what} cannot be used together\nhint: `);
    expect(namesIn(path.join(directory, 'backup'))).toEqual([]);
  });

  test('where no configuration file names an environment', async () => {
    const none = { exitCode: 2, stdout: '', stderr: says('error [usage]: no configuration file names an environment') };
    expect(await all('check')).toMatchObject(none);
    configure({}, '[defaults]\nmax-age = "2h"');
    expect(await all('check')).toMatchObject(none);
  });
});

test('where it says something else, it does not mean environments', async () => {
  configure({ orders: '' });
  await all('hot --quiet');
  const copied = await all('copy --quiet --repo <dir>/backup/orders --to <dir>/backup/copy');
  expect(copied).toMatchObject({ exitCode: 0, stderr: '' });
  expect(setsOf('copy')).toEqual(setsOf('orders'));
});

test('Ctrl-C ends the environment whose turn it is, and those after it do not begin', async () => {
  configure({ orders: '', billing: '' });
  const stop = new AbortController();
  const files: Files = watchedFiles(nodeFiles, {
    before: (_operation, name) => {
      if (name.includes('-hot-') && !stop.signal.aborted) stop.abort('SIGINT');
    },
  });
  const { exitCode, stderr } = await all('hot --quiet', { files, signal: stop.signal });
  expect(exitCode).toBe(130);
  expect(stderr).toContain('error [interrupted]: orders: stopped before it was finished\n');
  expect(stderr).toContain('  orders   exit code 130  [interrupted]\n  billing  not begun\n');
  expect(setsOf('orders')).toEqual([]);
  expect(existsSync(path.join(directory, 'backup/billing'))).toBe(false);
});

test('check writes the metrics of all into one file, and each into its own where they have one', async () => {
  configure({ orders: '', gone: '', billing: '' });
  await all('hot --quiet');
  rmSync(path.join(directory, 'backup/billing'), { recursive: true });
  const file = path.join(directory, 'figaro.prom');
  expect((await all(`check --prometheus ${file}`)).exitCode).toBe(5);
  const text = withoutDirectory(readFileSync(file, 'utf8'), directory);
  expect(text.match(/^figaro_backup_ok.*$/gm)).toEqual([
    'figaro_backup_ok{repository="<dir>/backup/orders"} 1',
    'figaro_backup_ok{repository="<dir>/backup/gone"} 0',
    'figaro_backup_ok{repository="<dir>/backup/billing"} 0',
  ]);
  expect(text.match(/^# TYPE figaro_backup_ok gauge$/gm)).toHaveLength(1);
  configure({ orders: 'prometheus = "<dir>/orders.prom"', billing: 'prometheus = "<dir>/billing.prom"' });
  await all('check');
  expect(readFileSync(path.join(directory, 'orders.prom'), 'utf8')).not.toContain('billing');
  expect(readFileSync(path.join(directory, 'billing.prom'), 'utf8')).toContain('billing"} 0\n');
});

test('check says to Nagios what is wrong in the first line, and how each environment is below it', async () => {
  configure({ orders: '', gone: '' });
  await all('hot --quiet');
  const { exitCode, stdout } = await all('check --nagios');
  expect(exitCode).toBe(3);
  const [first, ...others] = stdout.trimEnd().split('\n');
  expect(first).toMatch(
    /^FIGARO UNKNOWN: gone: <dir>\/backup\/gone: there is no repository here \| 'orders age'=\d+s;;93600 'orders sets'=1 /,
  );
  expect(others).toEqual([
    expect.stringMatching(/^orders OK: newest set .* old, 1 chain$/),
    'gone UNKNOWN: <dir>/backup/gone: there is no repository here',
  ]);
  expect(await all('check --nagios --max-age 0s')).toMatchObject({ exitCode: 2, stdout: says('FIGARO CRITICAL: ') });
});

test('the worst exit code is that of damage, and that another run holds the lock comes last', () => {
  expect(worstStatus([0, 0])).toBe(0);
  expect(worstStatus([0, 7, 11])).toBe(11);
  expect(worstStatus([11, 4, 12])).toBe(4);
  expect(worstStatus([4, 143, 1])).toBe(143);
});
