/** `report`: the command around the page, which `test/output/report-page.test.ts` and `test/commands/report-in-browser.long.test.ts` look at. */

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { MadeUpRepository } from '../../demo/weeks.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { callsToTry, countCalls, faultKinds, runWithFault } from '../support/fault-kinds.ts';
import { withFaults, type Fault, type SystemCall } from '../support/faulty-system.ts';
import { newPlace } from '../support/place.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { inQuotes, lacks } from '../support/windows.ts';

const hour = 3_600_000;

let directory: string;
let output: string;

beforeEach(() => {
  ({ directory } = newPlace());
  output = path.join(directory, 'report.html');
});

/** A repository with a chain of two sets; `agoHours` is when the newer one was finished. */
function lay(name: string, agoHours = 1): MadeUpRepository {
  const repository = new MadeUpRepository(path.join(directory, name), `/srv/${name}`);
  const finished = (hours: number): Date => new Date(Date.now() - hours * hour);
  repository.add({ kind: 'hot', finished: finished(agoHours + 20), bytes: 5 << 20, commits: 12 });
  repository.add({ kind: 'incremental', finished: finished(agoHours), bytes: 1 << 20, commits: 30 });
  return repository;
}

/** `<dir>` stands for the directory of the test. */
async function report(line: string, surroundings: CliSurroundings = {}): Promise<CliResult> {
  const args = line === '' ? [] : line.replaceAll('<dir>', directory).split(' ');
  return await figaro(['report', ...args], { directory, env: { XDG_CONFIG_HOME: directory }, ...surroundings });
}

const page = (): string => readFileSync(output, 'utf8');
const silent = { exitCode: 0, stdout: '', stderr: '' };
const orders = '--repo <dir>/orders --output <dir>/report.html';

function configure(text: string): void {
  writeFileSync(path.join(directory, 'figaro-backup.toml'), text.replaceAll('<dir>', inQuotes(directory)));
}

describe('the page', () => {
  test('goes to the file that is named, without a word where nobody watches', async () => {
    lay('orders');
    expect(await report(orders)).toEqual(silent);
    expect(page()).toMatch(/^<!doctype html>\n<!-- A report of figaro-backup -->\n<html lang="en">[^]*<\/html>\n$/);
    expect(namesIn(directory)).toEqual(['orders', 'report.html']);
    if (!lacks.owners) expect((statSync(output).mode & 0o777).toString(8)).toBe((0o644 & ~process.umask()).toString(8));
  });

  test('is told of on a terminal, and in one document with --json', async () => {
    lay('orders');
    expect((await report(orders, { terminal: 'stdout' })).stdout).toMatch(
      /^<dir>\/report.html: 1 environment, \d+\.\d KiB\n$/,
    );
    const { stdout } = await report(`${orders} --json`);
    expect(JSON.parse(stdout)).toEqual({
      schema: 1,
      command: 'report',
      output: '<dir>/report.html',
      repository: '<dir>/orders',
      chains: 1,
      sets: 2,
      problems: 0,
    });
  });

  test('goes to standard output without --output, and not to a terminal', async () => {
    lay('orders');
    const { exitCode, stdout, stderr } = await report('--repo <dir>/orders');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/);
    expect(await report('--repo <dir>/orders', { terminal: 'stdout' })).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('hint: give --output FILE') as string,
    });
    const json = await report('--repo <dir>/orders --json');
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'usage', exitCode: 2 } });
  });

  test('shows what check finds, and is no failure for that', async () => {
    lay('orders', 50);
    expect(await report(orders)).toEqual(silent);
    expect(page()).toContain('the newest proven set is 2d 2h old (limit 1d 2h)');
    expect((await figaro(['check', '--repo', path.join(directory, 'orders')])).exitCode).toBe(11);
    expect(await report(`${orders} --max-age 3d`)).toEqual(silent);
    expect(page()).toContain('<code>check</code> finds nothing wrong');
  });

  test('shows what expire would keep, and why, or that no rule says so', async () => {
    const repository = lay('orders', 100);
    const newest = repository.add({ kind: 'hot', finished: new Date(), bytes: 5 << 20, commits: 12 });
    const [full] = namesIn(repository.directory).filter((name) => name.includes('-hot-'));
    await report(orders);
    expect(page()).toContain('No rule says what to keep');
    await report(`${orders} --keep-full 1`);
    expect(page()).toContain('<code>expire</code> would remove 1 chain and free 6.0 MiB');
    expect(page()).toMatch(
      new RegExp(
        `${newest}[^]*?keeps it: [^]*?the newest</bdi>; <bdi>one of the newest 1[^]*?${full}[^]*?would remove it`,
      ),
    );
    const { stdout } = await figaro(['expire', '--repo', repository.directory, '--keep-full', '1', '--dry-run']);
    expect(stdout).toContain(`would go  ${full}`);
    expect(existsSync(path.join(repository.directory, full!))).toBe(true);
  });
});

describe('a repository that cannot be read', () => {
  test('has its page, and the exit code says so', async () => {
    const { exitCode, stderr } = await report('--repo <dir>/nowhere --output <dir>/report.html');
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining(
        'error [repository-missing]: <dir>/nowhere: there is no repository here',
      ) as string,
    });
    expect(page()).toContain('cannot be read');
    expect(page()).toContain('nowhere: there is no repository here');
  });

  test('takes the place of what the page said before', async () => {
    lay('orders');
    await report(orders);
    rmSync(path.join(directory, 'orders'), { recursive: true });
    expect((await report(orders)).exitCode).toBe(5);
    expect(page()).not.toContain('finds nothing wrong');
  });
});

describe('with --all', () => {
  const both = (more = ''): void =>
    configure(
      `[environments.orders]\nrepo = "<dir>/orders"\n${more}\n[environments.billing]\nrepo = "<dir>/billing"\n`,
    );

  test('one page has all environments in the order of the file', async () => {
    lay('orders');
    lay('billing', 50);
    both();
    expect(await report('--all --output <dir>/report.html')).toEqual(silent);
    expect(page().match(/<h2 [^>]*><bdi>.*?<\/bdi>/g)).toEqual([
      '<h2 id="e1-name"><bdi>orders</bdi>',
      '<h2 id="e2-name"><bdi>billing</bdi>',
    ]);
    expect(page()).toContain('1 of 2 environments needs attention');
    const { stdout } = await report('--all --output <dir>/report.html --verbose');
    expect(stdout).toMatch(/^<dir>\/report.html: 2 environments, [\d.]+ KiB\n$/);
    expect((await report('--all')).stdout).toMatch(/^<!doctype html>\n[^]*<\/html>\n$/);
  });

  test('one that cannot be read, or whose settings are wrong, has its place, and the exit code is its own', async () => {
    lay('orders');
    both('max-age = "soon"');
    const { exitCode, stderr } = await report('--all --output <dir>/report.html');
    expect(exitCode).toBe(5);
    expect(stderr).toContain('2 of 2 environments failed:\n');
    expect(page()).toContain('2 of 2 environments need attention');
    expect(page()).toMatch(/orders<\/bdi>[^]*--max-age from [^]*figaro-backup.toml \[environments.orders\]/);
    expect(page()).toContain('billing: there is no repository here');
  });

  test('with --json there is one document, and the page all the same', async () => {
    lay('orders');
    both();
    const { exitCode, stdout } = await report('--all --output <dir>/report.html --json');
    expect(exitCode).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'report',
      environments: [
        { environment: 'orders', exitCode: 0, document: { output: '<dir>/report.html', sets: 2 } },
        { environment: 'billing', exitCode: 5, document: { error: { code: 'repository-missing' } } },
      ],
    });
    expect(page()).toContain('orders');
  });

  test('a terminal is refused once, before anything is read', async () => {
    both();
    const { exitCode, stderr } = await report('--all', { terminal: 'stdout' });
    expect(exitCode).toBe(2);
    expect(stderr.match(/^error/gm)).toHaveLength(1);
  });

  test('a page that cannot be written is an error', async () => {
    lay('orders');
    lay('billing');
    both();
    writeFileSync(output, 'somebody else’s');
    const { exitCode, stderr } = await report('--all --output <dir>/report.html');
    expect(exitCode).toBe(6);
    expect(stderr).toContain('error [target-not-empty]: <dir>/report.html holds something else');
    expect(page()).toBe('somebody else’s');
  });

  test('an interrupted run leaves the page as it was', async () => {
    both();
    writeFileSync(output, '');
    const { exitCode } = await report('--all --output <dir>/report.html', { signal: AbortSignal.abort('SIGINT') });
    expect(exitCode).toBe(130);
    expect(page()).toBe('');
  });
});

describe('settings', () => {
  test('of check and expire are those that the page goes by', async () => {
    lay('orders', 50);
    configure(
      '[environments.orders]\nrepo = "<dir>/orders"\n' +
        '[environments.orders.check]\nmax-age = "9d"\n[environments.orders.expire]\nkeep-full = 3\n',
    );
    expect(await report('orders --output <dir>/report.html')).toEqual(silent);
    expect(page()).toContain('<code>check</code> finds nothing wrong');
    expect(page()).toContain('one of the newest 3');
    expect(page()).toMatch(/<title>Backups of orders: /);
    await report('orders --output <dir>/report.html --max-age 1h --keep-full 2');
    expect(page()).toContain('(limit 1h)');
    expect(page()).toContain('one of the newest 2');
  });
});

describe('the file', () => {
  beforeEach(() => void lay('orders'));

  test.skipIf(lacks.links)(
    'is replaced when it is a report, keeps its mode, and is reached through a link',
    async () => {
      await report(orders);
      chmodSync(output, 0o640);
      const link = path.join(directory, 'index.html');
      symlinkSync('report.html', link);
      writeFileSync(output, page().replaceAll('orders', 'yesterday'));
      expect(await report('--repo <dir>/orders --output <dir>/index.html')).toEqual(silent);
      expect(page()).not.toContain('yesterday');
      expect(statSync(output).mode & 0o777).toBe(0o640);
    },
  );

  test('is not replaced when it is something else', async () => {
    writeFileSync(output, '<!doctype html>\n<title>intranet</title>');
    const { exitCode, stderr } = await report(orders);
    expect(exitCode).toBe(6);
    expect(stderr).toContain('error [target-not-empty]: <dir>/report.html holds something else: it is not replaced');
    expect(page()).toContain('intranet');
  });

  test('is never written into a repository or an environment', async () => {
    const inside = await report('--repo <dir>/orders --output <dir>/orders/report.html');
    expect(inside).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside the repository') as string,
    });
    expect(existsSync(path.join(directory, 'orders/report.html'))).toBe(false);
    const home = path.join(directory, 'env');
    mkdirSync(home);
    const repository = new MadeUpRepository(path.join(directory, 'here'), home);
    repository.add({ kind: 'hot', finished: new Date(), bytes: 1, commits: 1, manifest: { host: hostname() } });
    const source = await report('--repo <dir>/here --output <dir>/env/report.html');
    expect(source).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('lies inside the environment') as string,
    });
    expect(namesIn(home)).toEqual([]);
  });

  test.each(['create', 'writeSync', 'fsyncSync', 'renameSync'])('stays whole when %s fails', async (call) => {
    await report(orders);
    const before = page();
    const decide = ({ name, path: file }: SystemCall): Fault =>
      name === call && file.includes('report.html') ? 'ENOSPC' : undefined;
    const failed = await withFaults(directory, decide, async () => await report(orders));
    expect(failed).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('error [no-space]: ') as string });
    expect(page()).toBe(before);
    expect(namesIn(directory)).toEqual(['orders', 'report.html']);
  });

  test.each(Object.keys(faultKinds))('is the old or the new one, whole, when the disk %s', async (what) => {
    const kind = faultKinds[what]!;
    const args = ['report', '--repo', path.join(directory, 'orders'), '--output', output];
    await figaro(args);
    const before = page();
    const { calls } = await countCalls(directory, args);
    expect(calls[what]).toBeGreaterThan(0);
    for (const at of callsToTry(calls[what]!, `report ${what}`)) {
      writeFileSync(output, before);
      const { result } = await runWithFault(directory, args, kind, at);
      expect([0, kind.exitCode], `call ${at}: ${result.stderr}`).toContain(result.exitCode);
      expect(page(), `call ${at}`).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
    }
  });
});

test('only manifests and notes are opened, and nothing is written into the repository', async () => {
  const repository = lay('orders');
  const [full] = namesIn(repository.directory).filter((name) => name.includes('-hot-'));
  repository.check(full!, new Date(), { rehearsed: true });
  writeFileSync(path.join(repository.directory, full!, 'environment/orders.dbxml'), 'never looked into');
  const opened = new Set<string>();
  const changed: string[] = [];
  const files = watchedFiles(nodeFiles, {
    before: (operation, name) => {
      const inside = path.relative(repository.directory, name);
      if (inside.startsWith('..')) return;
      if (operation === 'readAt') opened.add(path.basename(name));
      if (['writeAt', 'create', 'rename', 'remove', 'makeDirectory'].includes(operation)) changed.push(name);
    },
  });
  expect(await report(orders, { files })).toEqual(silent);
  expect([...opened].sort()).toEqual(['checks.jsonl', 'manifest.json', 'repository.json']);
  expect(changed).toEqual([]);
});
