/** `--log-file`: what runs leave behind in it. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { type AddressInfo } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { createRepository } from '../../../src/engine/repository/repository.ts';
import { FigaroError } from '../../../src/errors.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { newPlace } from '../../support/place.ts';
import { program } from '../../support/program.ts';
import { figaro, withoutDirectory, type CliResult } from '../../support/run-cli.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { inQuotes, lacks } from '../../support/windows.ts';

let directory: string;
let home: string;
let repo: string;
let log: string;
let config: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  log = path.join(directory, 'figaro.log');
  config = path.join(directory, 'figaro-backup.toml');
  layDemoEnvironment(home);
});

const hot = (...more: readonly string[]): Promise<CliResult> =>
  figaro(['hot', '--home', home, '--repo', repo, '--log-file', log, ...more]);

/** What is in the log, without what differs from run to run. */
function logged(file = log): string {
  return withoutDirectory(fs.readFileSync(file, 'utf8'), directory)
    .replaceAll(/^[\d-]{10}T[\d:.]{12}Z \[\d+\] /gm, '')
    .replaceAll(/after (under )?[\d.]+ ?m?s/g, 'after <time>')
    .replaceAll(/about .* are free$/gm, '<room>')
    .replaceAll(/figaro-backup \d+\.\d+\.\d+/g, 'figaro-backup <version>')
    .replaceAll(/\b\d{8}T\d{6}Z-\w+-\w+/g, '<set>');
}

/** A run that is over soon. */
const list = (files?: Files): Promise<CliResult> => {
  createRepository(nodeFiles, repo);
  return figaro(['list', '--repo', repo, '--log-file', log], files ? { files } : {});
};

function configure(text: string): void {
  fs.writeFileSync(config, text.replaceAll('<dir>', inQuotes(directory)));
}

describe('a log file', () => {
  test('says when a run began, what it told, and how it ended; the next one goes on behind it', async () => {
    expect(await hot()).toMatchObject({ exitCode: 0, stdout: '' });
    expect(await figaro(['hot', '--home', `${home}.away`, '--repo', repo, '--log-file', log])).toMatchObject({
      exitCode: 3,
    });
    expect(logged()).toMatchInlineSnapshot(`
      "hot: start, figaro-backup <version>, <dir>/env to <dir>/repo
      hot: created repository <dir>/repo
      hot: needs <room>
      hot: end, exit code 0 after <time>, made set <set>
      hot: start, figaro-backup <version>, <dir>/env.away to <dir>/repo
      hot: error [environment-missing]: <dir>/env.away: no such directory
      hot: hint: give the directory that holds the containers and log files.
      hot: end, exit code 3 after <time>
      "
    `);
  });

  test('has an object a line as JSON', async () => {
    await hot('--log-format', 'json');
    await figaro(['check', '--repo', repo, '--max-age', '0s', '--log-file', log, '--log-format=json', '--quiet']);
    const lines = fs
      .readFileSync(log, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ command, event }) => `${String(command)} ${String(event)}`)).toEqual([
      'hot start',
      'hot note',
      'hot note',
      'hot end',
      'check start',
      'check error',
      'check end',
    ]);
    expect(lines[0]).toMatchObject({ pid: process.pid, home, repo });
    expect(lines[3]).toMatchObject({ exitCode: 0, set: expect.any(String), seconds: expect.any(Number) });
    expect(lines[5]).toMatchObject({ code: 'stale', message: expect.any(String) });
    expect(lines[6]).toMatchObject({ exitCode: 11 });
  });

  test('has warnings and errors that --quiet and --json keep from stderr, in one line each', async () => {
    await hot();
    const failing = ['--run-after', 'exit 3', '--hook-fails', 'continue'];
    expect(await hot('--quiet', ...failing)).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(await hot('--json', ...failing)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(logged().match(/^hot: warning: .*$/gm)).toEqual([
      'hot: warning: run-after ended with exit status 3',
      'hot: warning: run-after ended with exit status 3',
    ]);
    const name = '/none\n2026-01-01T00:00:00.000Z [1] hot: end, exit code 0';
    expect((await figaro(['hot', '--home', name, '--repo', repo, '--log-file', log])).exitCode).toBe(3);
    expect(logged().match(/end, exit code 0 after/g)).toHaveLength(3);
    await figaro(['hot', '--home', home, '--repo', repo, '--log-file', log], { signal: AbortSignal.abort('SIGTERM') });
    expect(logged()).toMatch(/hot: error \[interrupted\]: .*\nhot: end, exit code 143 after .*\n$/);
  });

  test('has what problem a run found, where that was a result and no error', async () => {
    await hot();
    const { exitCode, stdout } = await figaro(['check', '--repo', repo, '--max-age', '0s', '--log-file', log]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 11, stdout: expect.stringContaining('stale') });
    expect(logged()).toMatch(/^check: error \[stale\]: .*\ncheck: end, exit code 11 after/m);
  });

  test('has neither colours nor the URL of a heartbeat', async () => {
    const server = http.createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await figaro(
      ['hot', '--home', '/none', '--repo', repo, '--log-file', log, '--heartbeat', `http://${host}/6f7b1c5e`],
      {
        env: { FORCE_COLOR: '1' },
      },
    );
    server.close();
    expect(fs.readFileSync(log, 'utf8')).not.toMatch(/6f7b1c5e|\[3\dm/);
    expect(logged()).toContain(`hot: warning: the heartbeat http://${host}/…`);
  });

  test('tells of a command line that is wrong, and of a configuration file that cannot be read', async () => {
    await hot('--no-such-option');
    const missing = path.join(directory, 'missing.toml');
    await figaro(['hot', 'orders', '--config', missing], { env: { FIGARO_BACKUP_LOG_FILE: log } });
    await figaro(['list', 'orders', '--config', missing], { env: { FIGARO_BACKUP_LOG_FILE: log } });
    expect(logged().match(/error \[usage\]: .*/g)).toEqual([
      "error [usage]: unknown option '--no-such-option'",
      'error [usage]: <dir>/missing.toml: there is no such configuration file',
    ]);
  });
});

describe('a log file of the configuration file', () => {
  beforeEach(() =>
    configure(`
[defaults]
log-file = "<dir>/figaro.log"
[environments.orders]
home = "<dir>/env"
repo = "<dir>/repo"
[environments.none]
home = "<dir>/none"
repo = "<dir>/repo-of-none"
log-file = "<dir>/none.log"
`),
  );

  test('has a run for each environment of --all, in the file of each', async () => {
    expect((await figaro(['hot', '--all', '--config', config])).exitCode).toBe(3);
    expect(logged()).toMatch(
      /^hot orders: start, .*\nhot orders: created .*\nhot orders: needs .*\nhot orders: end, exit code 0 .*\n$/,
    );
    expect(logged(path.join(directory, 'none.log'))).toMatch(
      /^hot none: start, .*\nhot none: error \[environment-missing\]: .*\n(hot none: hint: .*\n)?hot none: end, exit code 3 .*\n$/,
    );
  });

  test('is for what runs by itself, and for others when they are asked to', async () => {
    await figaro(['hot', 'orders', '--config', config]);
    const before = fs.readFileSync(log, 'utf8');
    expect((await figaro(['list', 'orders', '--config', config])).exitCode).toBe(0);
    expect(fs.readFileSync(log, 'utf8')).toBe(before);
    expect((await figaro(['--log-file', log, 'list', 'orders', '--config', config])).exitCode).toBe(0);
    expect(logged()).toContain('list orders: start, ');
  });

  test.skipIf(lacks.owners)('is refused where somebody else may have written its name', async () => {
    fs.chmodSync(config, 0o666);
    expect(await figaro(['hot', 'orders', '--config', config])).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('error [not-permitted]:'),
    });
    expect(fs.existsSync(log)).toBe(false);
  });
});

describe('a log file that cannot be written', () => {
  /** The one line on stderr, beside a backup that was made. */
  async function warned(...more: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await hot('--quiet', ...more);
    expect(exitCode).toBe(0);
    return withoutDirectory(stderr, directory);
  }

  test('is told once, and fails no backup', async () => {
    fs.mkdirSync(log);
    expect(await warned()).toBe(
      'warning: the log file could not be written: <dir>/figaro.log: is not a regular file\n',
    );
    const { stdout } = await hot('--json');
    expect((JSON.parse(stdout) as { warnings: string[] }).warnings).toEqual([
      expect.stringContaining('is not a regular file'),
    ]);
    expect(await warned('--log-file', '/none/figaro.log')).toMatch(/^warning: .*\(ENOENT\)\n$/);
  });

  test.skipIf(lacks.links)('because it is a link, leaves alone what the link leads to', async () => {
    const other = path.join(directory, 'other');
    fs.writeFileSync(other, '');
    fs.symlinkSync(other, log);
    expect(await warned()).toContain('is a link');
    expect(fs.readFileSync(other, 'utf8')).toBe('');
  });

  test.skipIf(lacks.links)('for it is one by the time of a line, has none of it either', () => {
    const [file, pipe, link] = ['file', 'pipe', 'link'].map((name) => path.join(directory, name)) as [
      string,
      string,
      string,
    ];
    nodeFiles.append(file, Buffer.from('one\n'));
    nodeFiles.append(file, Buffer.from('two\n'));
    fs.symlinkSync(file, link);
    execFileSync('mkfifo', [pipe]);
    const line = Buffer.from('three\n');
    expect(() => nodeFiles.append(link, line)).toThrow('is a link');
    expect(() => nodeFiles.append(pipe, line)).toThrow(FigaroError);
    expect(() => nodeFiles.append(directory, line)).toThrow(FigaroError);
    expect(fs.readFileSync(file, 'utf8')).toBe('one\ntwo\n');
  });

  test('because it holds something else, is left as it is', async () => {
    fs.writeFileSync(log, 'precious\n');
    expect(await warned()).toContain('holds something else');
    expect(fs.readFileSync(log, 'utf8')).toBe('precious\n');
  });

  test.skipIf(lacks.shell)('since the directory is gone that this runs in, fails no run', () => {
    createRepository(nodeFiles, repo);
    fs.mkdirSync(path.join(directory, 'gone'));
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', 'rmdir ../gone; "$0" "$@"', process.execPath, program, 'list', '--repo', repo, '--log-file', 'x.log'],
      { cwd: path.join(directory, 'gone'), encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('the log file could not be written'),
    });
  });

  test('because the disk is full, is told once', async () => {
    const full = watchedFiles(nodeFiles, {
      before: (operation, file) => {
        if (operation === 'append') throw new FigaroError('no-space', `${file}: no space left`);
      },
    });
    const { exitCode, stderr } = await list(full);
    expect({ exitCode, warnings: stderr.match(/warning:/g) }).toEqual({ exitCode: 0, warnings: ['warning:'] });
  });
});

describe('a log file that grows', () => {
  const line = `2026-01-01T00:00:00.000Z [1] hot: ${'x'.repeat(1000)}\n`;
  const asides = (): string[] => fs.readdirSync(directory).filter((name) => name.startsWith('figaro.log.'));

  test('is put aside, and the oldest of those that were are removed', async () => {
    const others = ['figaro.log.1', 'figaro.log.bak', 'figaro.log-20260101T000000Z-1'];
    for (const name of others) fs.writeFileSync(path.join(directory, name), '');
    for (let i = 1; i <= 5; i++) {
      fs.writeFileSync(path.join(directory, `figaro.log.2026010${i}T000000Z-1`), '');
    }
    fs.writeFileSync(log, line.repeat(5200));
    await list();
    expect(logged()).toMatch(/^list: start, .*\n/);
    const kept = asides().filter((name) => !others.includes(name));
    expect(kept).toHaveLength(4);
    expect(kept.slice(0, 3)).toEqual([3, 4, 5].map((i) => `figaro.log.2026010${i}T000000Z-1`));
    expect(fs.statSync(path.join(directory, kept[3]!)).size).toBe(line.length * 5200);
    expect(fs.readdirSync(directory)).toEqual(expect.arrayContaining(others));
  });

  test('where it cannot be put aside grows on, and that is told', async () => {
    fs.writeFileSync(log, line.repeat(5200));
    const files = watchedFiles(nodeFiles, {
      before: (operation, file) => {
        if (operation === 'rename' && file === log) throw new FigaroError('not-permitted', `${file}: not permitted`);
      },
    });
    const { stderr } = await list(files);
    expect(stderr.match(/warning: .*/g)).toEqual([expect.stringContaining('not permitted')]);
    expect(fs.readFileSync(log, 'utf8')).toContain('list: end, exit code 0');
  });

  test('behind a line that was cut off begins a line of its own', async () => {
    fs.writeFileSync(log, line.slice(0, -10));
    await list();
    expect(logged().split('\n')[1]).toMatch(/^list: start, /);
  });

  test('has all lines of many runs at once, whole', async () => {
    fs.writeFileSync(log, line.repeat(5240));
    const run = async (): Promise<void> => {
      const args = [program, 'check', '--repo', repo, '--log-file', log, '--log-format', 'json', '--quiet'];
      await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'close');
    };
    await Promise.all([run(), run(), run(), run()]);
    const text = [...asides(), 'figaro.log']
      .map((name) => fs.readFileSync(path.join(directory, name), 'utf8'))
      .join('');
    const lines = text.trimEnd().replaceAll(line, '').split('\n').filter(Boolean);
    const events = lines.map((each) => (JSON.parse(each) as { readonly event: string }).event);
    expect(events.sort()).toEqual([...Array(4).fill('end'), ...Array(4).fill('error'), ...Array(4).fill('start')]);
  });
});
