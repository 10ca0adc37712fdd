import { chmodSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { withFaults } from '../support/faulty-system.ts';
import { figaro, withoutDirectory, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';
import { lacks } from '../support/windows.ts';

const taken = new Date('2026-11-22T10:00:00Z');
const hours = (n: number): Date => new Date(taken.getTime() + n * 3_600_000);

let directory: string;
let repo: string;

const laid = prepared(async ({ home, repository }) => {
  vi.useFakeTimers({ toFake: ['Date'], now: taken });
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  await figaro(['offline', '--quiet', '--home', home, '--repo', repository]);
  application.commitUpTo([6, 5737]);
  await figaro(['incremental', '--quiet', '--home', home, '--repo', repository]);
  vi.useRealTimers();
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: taken });
  ({ directory, repository: repo } = laid());
});

afterEach(() => {
  vi.useRealTimers();
});

async function check(...args: readonly string[]): Promise<CliResult> {
  const result = await figaro(['check', '--repo', repo, ...args], { directory });
  const plain = (text: string): string =>
    text
      .replaceAll(/\d{8}T\d{6}Z-(\w+)-[0-9a-f]{6}/g, '<set>-$1')
      .replaceAll(/(free[ =]?)[\d.]+/g, '$1<n>')
      .replaceAll(/[\d.]+ [KMGT]iB free/g, '<n> free')
      .replaceAll(/has [\d.]+ [KMGT]iB free/g, 'has <n> free');
  return { ...result, stdout: plain(result.stdout), stderr: plain(result.stderr) };
}

const silent = { exitCode: 0, stdout: '', stderr: '' };

test('says nothing when all is well, and tells when asked', async () => {
  vi.setSystemTime(hours(2));
  expect(await check()).toEqual(silent);
  expect((await check('-v')).stdout).toMatchInlineSnapshot(`
    "newest proven set  <set>-incremental, 2h old
    restorable until   2026-11-22T09:23:25Z
    last verified      never
    last rehearsed     never
    repository         1 chain, 2 sets, 1.3 MiB, <n> free
    "
  `);
});

describe('says what is wrong, and fails:', () => {
  test('the newest set is too old', async () => {
    vi.setSystemTime(hours(27));
    expect(await check()).toMatchInlineSnapshot(`
      {
        "exitCode": 11,
        "stderr": "",
        "stdout": "[stale] the newest proven set is 1d 3h old (limit 1d 2h), of 2026-11-22T10:00:00Z
        run \`figaro-backup incremental\` or \`hot\`, and see why the last scheduled run did not make one.
      newest proven set  <set>-incremental, 1d 3h old
      restorable until   2026-11-22T09:23:25Z
      last verified      never
      last rehearsed     never
      repository         1 chain, 2 sets, 1.3 MiB, <n> free
      ",
      }
    `);
    expect(await check('--max-age', '2d')).toEqual(silent);
  });

  test('no recovery was rehearsed, or long ago', async () => {
    expect(await check('--max-rehearsal-age', '7d')).toMatchObject({
      exitCode: 11,
      stdout: expect.stringContaining(
        '[stale] the last rehearsal of a recovery: there is none (limit 7d)\n  run `figaro-backup verify --rehearse`.\n',
      ) as string,
    });
    await figaro(['verify', '--repo', repo, '--rehearse']);
    expect(await check('--max-rehearsal-age', '7d')).toEqual(silent);
    vi.setSystemTime(hours(8 * 24));
    expect(await check('--max-age', '30d', '--max-rehearsal-age', '7d')).toMatchObject({
      exitCode: 11,
      stdout: expect.stringContaining(
        '[stale] the last rehearsal of a recovery is 8d old (limit 7d), of 2026-11-22T10:00:00Z\n',
      ) as string,
    });
  });

  test('the last verification found something', async () => {
    const set = namesIn(repo).find((name) => name.includes('offline'))!;
    writeFileSync(path.join(repo, set, 'environment/e.dbxml'), '');
    expect((await figaro(['verify', '--repo', repo])).exitCode).toBe(4);
    expect(await check()).toMatchObject({
      exitCode: 4,
      stdout: expect.stringContaining(
        '[not-recoverable] the last verification found something wrong in <set>-offline\n',
      ) as string,
    });
  });

  test('the chain is broken', async () => {
    const set = namesIn(repo).find((name) => name.includes('offline'))!;
    const manifest = path.join(repo, set, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('offline', 'online'));
    const { exitCode, stdout } = await check();
    expect(exitCode).toBe(5);
    expect(stdout).toContain(
      '[chain-gap] <set>-incremental continues <set>-offline, which is not in the repository\n[chain-gap] <set>-offline is damaged: ',
    );
  });

  test('there is too little room', async () => {
    expect(await check('--min-free', '1K')).toEqual(silent);
    expect(await check('--min-free', '999999999G')).toMatchObject({
      exitCode: 6,
      stdout: expect.stringContaining('[no-space] <dir>/repo has <n> free, less than 976562.5 TiB\n') as string,
    });
  });

  test('there is no repository', async () => {
    expect(await check('--repo', path.join(directory, 'none'))).toMatchObject({ exitCode: 5, stdout: '' });
  });
});

describe('for Nagios', () => {
  test.each([
    [2, [], 0],
    [48, [], 2],
    [2, ['--repo', '/none'], 3],
  ])('after %d hours with %j', async (later, args, exitCode) => {
    vi.setSystemTime(hours(later));
    const result = await check('--nagios', ...args);
    expect(result).toMatchObject({ exitCode, stderr: '' });
    expect(result.stdout).toMatchSnapshot();
  });
});

describe('for Prometheus', () => {
  test('writes what there is to tell', async () => {
    vi.setSystemTime(hours(2));
    const file = path.join(directory, 'figaro.prom');
    expect(await check('--prometheus', file)).toEqual(silent);
    const text = withoutDirectory(readFileSync(file, 'utf8'), directory).replace(
      /free_bytes\{(.*)\} \d+/,
      'free_bytes{$1} <n>',
    );
    expect(text).toMatchSnapshot();
    expect(namesIn(directory)).toEqual(['env', 'figaro.prom', 'repo']);
  });

  test.runIf(process.platform === 'linux')(
    'can be read by the user of node_exporter, as far as the umask lets him',
    async () => {
      const file = path.join(directory, 'figaro.prom');
      const modeOf = (): string => (statSync(file).mode & 0o7777).toString(8);
      // A worker of the tests cannot set its own.
      const umask = Number.parseInt(/^Umask:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!, 8);
      await check('--prometheus', file);
      expect(modeOf()).toBe((0o644 & ~umask).toString(8));
      chmodSync(file, 0o600);
      await check('--prometheus', file);
      expect(modeOf()).toBe('600');
    },
  );

  test.skipIf(lacks.links)('is written where a link leads, and the link stays', async () => {
    const file = path.join(directory, 'metrics');
    const link = path.join(directory, 'figaro.prom');
    symlinkSync(file, link);
    const { exitCode, stderr } = await check('--prometheus', link);
    expect([exitCode, stderr]).toEqual([6, expect.stringContaining('is a link that leads nowhere')]);
    writeFileSync(file, '');
    expect(await check('--prometheus', link)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(file, 'utf8')).toContain('figaro_backup_ok');
    expect(readlinkSync(link)).toBe(file);
  });

  test('takes no directory’s place, and no device’s', async () => {
    for (const file of [directory, ...(lacks.pipes ? [] : ['/dev/null'])]) {
      const { exitCode, stderr } = await check('--prometheus', file);
      expect([exitCode, stderr]).toEqual([6, expect.stringContaining('is not a regular file')]);
    }
    if (!lacks.pipes) expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('leaves nothing beside itself on a full disk', async () => {
    const file = path.join(directory, 'figaro.prom');
    const args = ['check', '--repo', path.join(directory, 'repo'), '--max-age', '100000d', '--prometheus', file];
    for (const failing of ['create', 'writeSync', 'fsyncSync', 'renameSync']) {
      const { exitCode } = await withFaults(
        directory,
        ({ name }) => (name === failing ? 'ENOSPC' : undefined),
        () => figaro(args),
      );
      expect(exitCode).toBe(6);
      expect(namesIn(directory)).toEqual(['env', 'repo']);
    }
  });

  test('says so when there is nothing to be seen', async () => {
    const file = path.join(directory, 'figaro.prom');
    expect((await check('--prometheus', file, '--repo', '/none')).exitCode).toBe(5);
    expect(readFileSync(file, 'utf8')).toContain('figaro_backup_ok{repository="/none"} 0\n');
  });
});
