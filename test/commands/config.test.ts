import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { inQuotes, isWindows } from '../support/windows.ts';

let directory: string;
let file: string;
let env: Record<string, string>;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'figaro-backup.toml');
  env = { XDG_CONFIG_HOME: directory };
});

/** `<dir>` in the text is the directory of the test. */
function configure(text: string): void {
  writeFileSync(file, text.replaceAll('<dir>', inQuotes(directory)));
}

async function run(...args: readonly string[]): Promise<CliResult> {
  return await figaro(args, { directory, env });
}

/** Standard output; how wide columns are depends on the name of the directory. */
async function shown(...args: readonly string[]): Promise<string> {
  return (await run(...args)).stdout.replaceAll(/ {2,}/g, '  ');
}

const orders = `
[defaults]
lock-wait = "15m"
keep-full = 3

[environments.orders]
home = "<dir>/orders"
repo = "<dir>/backup/orders"
max-rate = "50M"
`;

test('a directory that is empty, as of a variable that is not set, is refused, and not the one that the program runs in', async () => {
  const none = { exitCode: 2, stdout: '' };
  const home = path.join(directory, 'orders');
  layDemoEnvironment(home);
  const says = (text: string): unknown => expect.stringContaining(text);
  expect(await run('hot', '--home', home, '--repo', '')).toMatchObject({ ...none, stderr: says('--repo is empty') });
  expect(await run('hot', '--home', '', '--repo', directory)).toMatchObject({
    ...none,
    stderr: says('--home is empty'),
  });
  expect(await run('logs', 'list', '--home', '')).toMatchObject({ ...none, stderr: says('--home is empty') });
  env = { ...env, FIGARO_BACKUP_STANDBY: '' };
  expect(await run('failover', 'status')).toMatchObject({ ...none, stderr: says('--standby is missing') });
});

test('a standby that a variable names is the one that is looked at, and shown among the settings', async () => {
  env = { ...env, FIGARO_BACKUP_STANDBY: path.join(directory, 'standby') };
  expect(await shown('config', 'show')).toBe('standby  <dir>/standby  $FIGARO_BACKUP_STANDBY\n');
  expect(await run('failover', 'status')).toMatchObject({
    exitCode: 5,
    stderr: expect.stringContaining('<dir>/standby'),
  });
  const other = path.join(directory, 'other');
  expect((await run('failover', 'status', '--standby', other)).stderr).toContain('<dir>/other');
});

describe('an environment of the configuration file', () => {
  beforeEach(() => {
    configure(orders);
    layDemoEnvironment(path.join(directory, 'orders'));
    mkdirSync(path.join(directory, 'backup'));
  });

  test('is named in place of its options', async () => {
    expect(await run('hot', 'orders')).toEqual({
      exitCode: 0,
      stdout: '',
      stderr: 'created repository <dir>/backup/orders\n',
    });
    expect(namesIn(path.join(directory, 'backup/orders'))).toHaveLength(2);
    expect(await run('verify', 'orders')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await run('list', 'orders')).stdout).toContain('1 set');
    expect((await run('logs', 'list', 'orders')).stdout).toContain(
      'recovery of the containers as they are reads 5 files',
    );
    expect((await run('expire', 'orders', '--dry-run')).stdout).toContain('one of the newest 3');
    const target = path.join(directory, 'recovered');
    expect((await run('recover', 'orders', '--to', target)).exitCode).toBe(0);
    expect(namesIn(target)).toContain('d.dbxml');
  });

  test('is not mixed with another one that variables name', async () => {
    env = { ...env, DB_HOME: '/elsewhere', FIGARO_BACKUP_REPO: '/elsewhere', FIGARO_BACKUP_MAX_RATE: '70M' };
    expect(await shown('config', 'show', 'orders')).toMatchInlineSnapshot(`
      "home  <dir>/orders  <dir>/figaro-backup.toml [environments.orders]
      repo  <dir>/backup/orders  <dir>/figaro-backup.toml [environments.orders]
      lock-wait  15m  <dir>/figaro-backup.toml [defaults]
      max-rate  70M  $FIGARO_BACKUP_MAX_RATE
      keep-full  3  <dir>/figaro-backup.toml [defaults]
      "
    `);
    expect(await shown('config', 'show')).toMatchInlineSnapshot(`
      "home  /elsewhere  $DB_HOME
      repo  /elsewhere  $FIGARO_BACKUP_REPO
      lock-wait  15m  <dir>/figaro-backup.toml [defaults]
      max-rate  70M  $FIGARO_BACKUP_MAX_RATE
      keep-full  3  <dir>/figaro-backup.toml [defaults]
      "
    `);
    expect((await run('hot', 'orders')).exitCode).toBe(0);
  });

  test('gives way to the command line', async () => {
    const repo = path.join(directory, 'other');
    expect((await run('hot', 'orders', '--repo', repo)).exitCode).toBe(0);
    expect(namesIn(repo)).toHaveLength(2);
    const target = path.join(directory, 'recovered');
    const copy = path.join(directory, 'orders');
    env = { ...env, FIGARO_BACKUP_REPO: repo };
    expect((await run('recover', '--from', copy, '--to', target)).exitCode).toBe(0);
  });

  test('has no repository when that is empty in its table', async () => {
    configure(`${orders}\n[environments.orders.hot]\nrepo = ""\n`);
    const missing =
      'error [usage]: --repo is missing\nhint: give --repo DIR, set FIGARO_BACKUP_REPO, or name an environment that has repo in the configuration file.\n';
    expect(await run('hot', 'orders')).toEqual({ exitCode: 2, stdout: '', stderr: missing });
    configure('[environments.orders]\nhome = "<dir>/orders"\nrepo = ""\n');
    expect((await run('logs', 'list', 'orders')).stdout).toContain('reads 5 files');
  });

  test('that is not there is refused', async () => {
    expect(await run('hot', 'odrers')).toMatchInlineSnapshot(`
      {
        "exitCode": 2,
        "stderr": "error [usage]: <dir>/figaro-backup.toml has no environment odrers
      hint: it has orders.
      ",
        "stdout": "",
      }
    `);
    env = {};
    expect(await run('hot', 'orders')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no configuration file, so orders is not a known name') as string,
    });
  });
});

describe('a configuration file', () => {
  test.each([
    ['that is no TOML', '[environments'],
    ['with a stranger', 'home = "/srv"'],
    ['with a setting nobody knows', '[defaults]\nhoem = "/srv"'],
    ['with a list', '[defaults]\nhome = ["/srv"]'],
    ['with a value for a section', 'environments = 3'],
    ['with a value that does not fit', '[defaults]\nmax-age = "soon"\nrepo = "/none"'],
    ['with a truth that is none', '[defaults]\nany-order = "maybe"\nrepo = "/none"'],
  ])('%s is refused', async (_how, text) => {
    configure(text);
    const command = text.includes('any-order') ? 'verify' : 'check';
    const { exitCode, stdout, stderr } = await run(command);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^error \[usage\]: .*<dir>\/figaro-backup\.toml.*\n(hint: .*\n)?$/);
  });

  test('can be anywhere', async () => {
    env = {};
    configure(orders);
    expect((await run('config', 'show', 'orders', '--config', file)).stdout).toContain('<dir>/orders');
    env = { FIGARO_BACKUP_CONFIG: file };
    expect(JSON.parse((await run('config', 'show', 'orders', '--json')).stdout)).toMatchObject({
      settings: expect.arrayContaining([
        { name: 'max-rate', value: '50M', source: '<dir>/figaro-backup.toml [environments.orders]' },
      ]) as object,
    });
    expect(await run('config', 'show', '--config', '/none')).toMatchObject({ exitCode: 2 });
  });

  test('that says nothing for every environment names those that it has', async () => {
    configure('[environments.orders]\nhome = "/srv/orders"\n[environments.archive]\nhome = "/srv/archive"\n');
    expect((await run('config', 'show')).stdout).toBe(
      'nothing is set for every environment; to see the settings of one that <dir>/figaro-backup.toml has: figaro-backup config show orders|archive\n',
    );
    configure('');
    expect((await run('config', 'show')).stdout).toBe('nothing is set in <dir>/figaro-backup.toml\n');
  });

  test('need not be there', async () => {
    env = { ...env, ProgramData: 'C:\\ProgramData' };
    const forAll = isWindows ? 'C:\\ProgramData\\figaro-backup.toml' : '/etc/figaro-backup.toml';
    expect((await run('config', 'show')).stdout).toBe(
      `nothing is set; the configuration file would be <dir>/figaro-backup.toml or ${forAll}\n`,
    );
  });
});

describe('an option that can be given several times', () => {
  const patterns = (include: string): void =>
    configure(`[environments.orders]\nhome = "<dir>/orders"\nrepo = "<dir>/repo"\ninclude = ${include}\n`);

  test('is a list in the file, or one text', async () => {
    layDemoEnvironment(path.join(directory, 'orders'));
    for (const name of ['a.txt', 'b.xml', 'c.md']) writeFileSync(path.join(directory, 'orders', name), name);
    patterns('["*.txt", "b.xml"]');
    const { stdout } = await run('hot', 'orders', '--json');
    const plain = JSON.parse(stdout).set.files.filter(({ kind }: { kind: string }) => kind === 'plain');
    expect(plain.map(({ path: name }: { path: string }) => name)).toEqual(['a.txt', 'b.xml']);
    expect(await shown('config', 'show', 'orders')).toContain('include  *.txt b.xml');
    const settings = JSON.parse(await shown('config', 'show', 'orders', '--json')).settings;
    expect(settings).toContainEqual(expect.objectContaining({ name: 'include', value: ['*.txt', 'b.xml'] }));
    patterns('"*.md"');
    expect(await shown('config', 'show', 'orders')).toContain('include  *.md');
  });

  test('is what the command line says, when it says anything', async () => {
    layDemoEnvironment(path.join(directory, 'orders'));
    for (const name of ['a.txt', 'c.md']) writeFileSync(path.join(directory, 'orders', name), name);
    patterns('["*.txt"]');
    const { stdout } = await run('hot', 'orders', '--include', 'c.md', '--json');
    const plain = JSON.parse(stdout).set.files.filter(({ kind }: { kind: string }) => kind === 'plain');
    expect(plain.map(({ path: name }: { path: string }) => name)).toEqual(['c.md']);
  });

  test.each([
    ['include = ["a", 1]', 'include in defaults is a list of something other than texts'],
    ['include = [["a"]]', 'include in defaults is a list of something other than texts'],
    ['include = 2026-11-22', 'include in defaults is neither a single value nor a list'],
    ['repo = ["a", "b"]', 'repo in defaults is a list, and that option can be given only once'],
    ['run-before = ["a"]', 'run-before in defaults is a list, and that option can be given only once'],
  ])('is refused by name where it is no list of texts, as all others are that are one: %s', async (line, problem) => {
    configure(`[defaults]\n${line}\n`);
    expect(await run('config', 'show')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(problem) });
  });
});

describe('directories that are told of one environment', () => {
  const text = `
[environments.orders]
home = "<dir>/orders"

[environments.customers]
home = "<dir>/customers"
data-dir = "<dir>/elsewhere"
log-dir = "<dir>/logs"

[environments.invoices]
data-dir = "<dir>/elsewhere"
`;
  const directories = async (environment: string): Promise<string> =>
    (await shown('config', 'show', environment)).replaceAll(/^(?!data-dir|log-dir).*\n/gm, '');

  beforeEach(() => {
    for (const name of ['orders', 'customers', 'elsewhere']) layDemoEnvironment(path.join(directory, name));
    rmSync(path.join(directory, 'elsewhere/log.0000000001'));
    configure(text);
  });

  /** The directories that a set was taken of. */
  async function outsideOf(...args: readonly string[]): Promise<unknown> {
    const repo = mkdtempSync(path.join(directory, 'repo-'));
    const { exitCode, stderr } = await run('hot', '--repo', repo, ...args);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const [set] = namesIn(repo).filter((name) => name.includes('-'));
    const manifest = JSON.parse(readFileSync(path.join(repo, set!, 'manifest.json'), 'utf8')) as { outside?: unknown };
    return manifest.outside;
  }

  test('by a variable are not backed up with an environment that is named, nor with --home', async () => {
    env = { ...env, FIGARO_BACKUP_DATA_DIR: path.join(directory, 'elsewhere'), FIGARO_BACKUP_LOG_DIR: directory };
    expect(await directories('orders')).toBe('');
    expect(await outsideOf('orders')).toBeUndefined();
    expect(await outsideOf('--home', path.join(directory, 'orders'))).toBeUndefined();
    expect(await directories('customers')).toContain('[environments.customers]');
  });

  test('by the table of another environment, or of all, are not backed up with --home', async () => {
    const home = path.join(directory, 'orders');
    expect(await outsideOf('customers', '--home', home)).toBeUndefined();
    configure(`[defaults]\ndata-dir = "<dir>/elsewhere"\n${text}`);
    expect(await directories('orders')).toBe('');
    expect(await outsideOf('--home', home)).toBeUndefined();
  });

  test('hold for the home of their source, by whatever it is named, and inside of it for every environment', async () => {
    configure(`[defaults]\ndata-dir = "data"\n${text}`);
    expect(await directories('orders')).toContain('data-dir  data ');
    expect(await directories('invoices')).toContain('data-dir  <dir>/elsewhere ');
    env = {
      ...env,
      DB_HOME: path.join(directory, 'orders'),
      FIGARO_BACKUP_DATA_DIR: path.join(directory, 'elsewhere'),
    };
    expect(await directories('orders')).toContain('$FIGARO_BACKUP_DATA_DIR');
  });

  test('of an environment do not stand in the way of what is looked at instead of it', async () => {
    env = {
      ...env,
      DB_HOME: path.join(directory, 'orders'),
      FIGARO_BACKUP_DATA_DIR: path.join(directory, 'elsewhere'),
    };
    const { exitCode, stderr } = await run('inspect', 'environment', '--from', path.join(directory, 'customers'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});
