/** `schedule`: what it writes for systemd, cron and the Task Scheduler, and what it leaves alone. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { quoted } from '../../src/commands/schedule/systemd.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { filesWith } from '../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { createRepository } from '../../src/engine/repository/repository.ts';
import { newPlace } from '../support/place.ts';
import { program } from '../support/program.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { describeWith } from '../support/tools.ts';

/** A name with all that cron, shells, systemd and XML take for something else. */
const awkward = '-o % \\% x"ä\'$HOME`&<>;#';

let directory: string;
let env: Record<string, string>;
let config: string;
let crontab: string;
let called: string;

beforeEach(() => {
  // What is written has this in it, too.
  directory = path.join(newPlace().directory, 'it\'s 1% "ä$x\\');
  const bin = path.join(directory, 'bin');
  fs.mkdirSync(bin, { recursive: true });
  config = path.join(directory, 'figaro-backup.toml');
  crontab = path.join(directory, 'crontab');
  called = path.join(directory, 'called');
  env = {
    PATH: `${bin}:${process.env['PATH']!}`,
    XDG_CONFIG_HOME: directory,
    SystemRoot: path.join(directory, 'Windows'),
    CRONTAB: crontab,
    CALLED: called,
  };
  tool(
    'crontab',
    `case $1 in
      -l) cat "$CRONTAB" 2>/dev/null || { echo "no crontab for tester" >&2; exit 1; } ;;
      -r) rm "$CRONTAB" ;;
      -) cat > "$CRONTAB" ;;
    esac`,
  );
  tool('systemctl', 'echo "$@" >> "$CALLED"');
  // The Task Scheduler keeps tasks as files, in its own words.
  tool(
    'schtasks',
    `file="$SystemRoot/System32/Tasks/$(printf %s "$3" | tr '\\\\\\\\' /)"
    case $1 in
      /Create) mkdir -p "\${file%/*}" && iconv -f UTF-16 -t UTF-8 "$5" | sed 's/^ *//' > "$file" ;;
      /Delete) rm "$file" ;;
    esac`,
  );
  const quotedName = JSON.stringify(awkward);
  configure(`
[environments.orders]
home = "/srv/orders"
repo = "/backup/orders"
keep-within = "30d"
heartbeat = "https://example.org/secret"
[environments.${quotedName}]
home = '''${directory}/env'''
repo = '''${directory}/repo'''
`);
});

function tool(name: string, script: string): void {
  fs.writeFileSync(path.join(directory, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function configure(text: string): void {
  fs.writeFileSync(config, text);
}

const schedulers = ['systemd', 'cron', 'task-scheduler'] as const;

/** `--user`: tests are not to write into /etc. */
async function schedule(command: string, ...args: readonly string[]): Promise<CliResult> {
  return await figaro(['schedule', command, '--user', ...args], { env, directory, files: machine() });
}

/** A machine whose processes have these names, from the first one on. */
function machine({ processes = ['init', 'cron'], hasSystemd = false, hasGenerator = false } = {}): Files {
  const proc = path.join(path.dirname(directory), 'proc');
  fs.rmSync(proc, { recursive: true, force: true });
  processes.forEach((name, index) => {
    fs.mkdirSync(path.join(proc, String(index + 1)), { recursive: true });
    fs.writeFileSync(path.join(proc, String(index + 1), 'comm'), `${name}\n`);
  });
  const there = (file: string): string => file.replace(/^\/proc(?=\/|$)/, proc);
  return filesWith(nodeFiles, {
    statIfThere(file) {
      if (file.endsWith('/systemd-crontab-generator')) {
        return hasGenerator ? nodeFiles.statIfThere(directory) : undefined;
      }
      if (file !== '/run/systemd/system') return nodeFiles.statIfThere(file);
      return hasSystemd ? nodeFiles.statIfThere(directory) : undefined;
    },
    listIfThere: (file) => nodeFiles.listIfThere(there(file)),
    openIfThere: (file) => nodeFiles.openIfThere(there(file)),
  });
}

interface Document {
  readonly scheduler: string;
  readonly parts: readonly {
    readonly place: string;
    readonly text: string;
    readonly change?: string;
    readonly state?: string;
  }[];
  readonly warnings?: readonly string[];
}

async function documentOf(command: string, ...args: readonly string[]): Promise<Document> {
  return JSON.parse((await schedule(command, '--json', ...args)).stdout) as Document;
}

async function textsOf(...args: readonly string[]): Promise<string[]> {
  return (await documentOf('install', '--dry-run', ...args)).parts.map(({ text }) => text);
}

/** All files below the directory, but for the tools. */
function filesThere(): Record<string, string> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => fs.statSync(path.join(directory, name)).isFile() && !/^(bin|called)/.test(name));
  return Object.fromEntries(files.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]));
}

describe.each(schedulers)('a schedule with %s', (scheduler) => {
  const install = (...args: readonly string[]): Promise<CliResult> =>
    schedule('install', 'orders', '--with', scheduler, ...args);
  const remove = (...args: readonly string[]): Promise<CliResult> =>
    schedule('remove', 'orders', '--with', scheduler, ...args);
  const changes = async (...args: readonly string[]): Promise<(string | undefined)[]> =>
    (await documentOf('install', 'orders', '--with', scheduler, ...args)).parts.map(({ change }) => change);

  test('is printed by a dry run, and nothing is there after it', async () => {
    const before = filesThere();
    const { exitCode, stdout } = await install('--dry-run');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('would be written\n');
    expect(stdout).toContain('incremental orders');
    expect(filesThere()).toEqual(before);
  });

  test('is the same when it is written twice, another one in its place, and gone when it is removed', async () => {
    fs.writeFileSync(crontab, 'MAILTO=me\n0 0 * * * true\n');
    const before = filesThere();
    expect((await install()).exitCode).toBe(0);
    const first = filesThere();
    expect(first).not.toEqual(before);
    expect(new Set(await changes())).toEqual(new Set(['none']));
    expect(filesThere()).toEqual(first);
    expect(await changes('--every', '1h')).toContain('written');
    const second = filesThere();
    expect(second).not.toEqual(first);
    expect(Object.keys(second)).toEqual(Object.keys(first));
    await install('--full', 'never');
    expect(JSON.stringify(filesThere())).not.toContain('expire orders');
    await install();
    expect(filesThere()).toEqual(first);
    expect((await remove()).stdout).toContain(': removed\n');
    expect(filesThere()).toEqual(before);
    expect(await remove()).toEqual({ exitCode: 0, stdout: `${scheduler} has no schedule of orders\n`, stderr: '' });
  });

  test('is left alone once it was edited, unless that is meant', async () => {
    await install();
    const [edited, text] = Object.entries(filesThere()).find(([, each]) => each.includes('incremental orders'))!;
    fs.writeFileSync(path.join(directory, edited), text.replace('14m', '13m'));
    const before = filesThere();
    for (const attempt of [install('--every', '1h'), remove()]) {
      expect(await attempt).toMatchObject({
        exitCode: 6,
        stderr: expect.stringContaining('was edited since it was written'),
      });
    }
    expect(filesThere()).toEqual(before);
    expect((await schedule('show', 'orders', '--with', scheduler)).stdout).toContain(': edited since it was written\n');
    expect((await install('--force')).exitCode).toBe(0);
    expect((await documentOf('show', 'orders', '--with', scheduler)).parts.map(({ state }) => state)).not.toContain(
      'edited',
    );
    fs.writeFileSync(path.join(directory, edited), text.replace('14m', '13m'));
    expect((await remove('--force')).exitCode).toBe(0);
    expect((await documentOf('show', 'orders', '--with', scheduler)).parts).toEqual([]);
  });

  test('has whole paths, settings instead of variables, and neither hooks nor heartbeats', async () => {
    const text = (await textsOf('orders', '--with', scheduler, '--log-file', path.join(directory, 'log'))).join('');
    expect(text).not.toContain('secret');
    expect(text).toContain(process.execPath);
    expect(text).toContain(program);
    expect(text.match(/--config/g)).toHaveLength(3);
    expect(text.match(/--log-file/g)).toHaveLength(3);
    expect(text.match(/--lock-wait (14m|1h|12h)/g)).toHaveLength(3);
    configure(`${fs.readFileSync(config, 'utf8')}\n[defaults]\nlock-wait = "5m"\n`);
    expect((await textsOf('orders', '--with', scheduler)).join('')).not.toContain('--lock-wait');
  });
});

test('what another configuration file has scheduled under the name is left alone', async () => {
  await schedule('install', 'orders', '--with', 'systemd');
  const other = path.join(directory, 'other.toml');
  fs.copyFileSync(config, other);
  for (const command of ['install', 'remove']) {
    expect(await schedule(command, 'orders', '--with', 'systemd', '--config', other)).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('is of another configuration file'),
    });
  }
});

test('what is to be copied stays whole on a narrow terminal', async () => {
  const line = /^ {2}\*\/15 .* incremental orders .*--config .*$/m;
  const terminal = { env, directory, terminal: 'stdout', columns: 60 } as const;
  const { stdout } = await figaro(['schedule', 'install', 'orders', '--with', 'cron', '--dry-run'], terminal);
  expect(stdout).toMatch(line);
  await schedule('install', 'orders', '--with', 'cron');
  expect((await figaro(['schedule', 'show', 'orders', '--with', 'cron'], terminal)).stdout).toMatch(line);
});

test('what is scheduled of an environment that the configuration file has no longer is shown and removed', async () => {
  await schedule('install', 'orders', '--with', 'cron');
  configure('');
  expect(await schedule('install', 'orders', '--with', 'cron')).toMatchObject({ exitCode: 2 });
  expect((await schedule('show', 'orders', '--with', 'cron')).stdout).toMatch(
    /^crontab: unchanged since it was written\n/,
  );
  expect((await schedule('remove', 'orders', '--with', 'cron')).stdout).toBe('crontab: removed\n');
  expect(fs.existsSync(crontab)).toBe(false);
  fs.rmSync(config);
  expect(await schedule('show', 'orders', '--with', 'cron')).toMatchObject({ exitCode: 2 });
});

test('what one scheduler runs is not given to another one as well', async () => {
  await schedule('install', 'orders', '--with', 'cron');
  expect(await schedule('install', 'orders', '--with', 'systemd')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('cron has a schedule of orders already'),
  });
  await schedule('remove', 'orders', '--with', 'cron');
  expect((await schedule('install', 'orders', '--with', 'systemd')).exitCode).toBe(0);
});

test.each([
  ['cron', true],
  ['systemd', false],
] as const)(
  'what %s has is shown and removed, whether or not it would be chosen here',
  async (scheduler, hasSystemd) => {
    const files = machine({ hasSystemd });
    const run = (command: string, ...args: readonly string[]): Promise<CliResult> =>
      figaro(['schedule', command, 'orders', '--user', ...args], { env, directory, files });
    const before = filesThere();
    expect((await run('install', '--with', scheduler)).exitCode).toBe(0);
    const { scheduler: shown, parts } = JSON.parse((await run('show', '--json')).stdout) as Document;
    expect(shown).toBe(scheduler);
    expect(new Set(parts.map(({ state }) => state))).toEqual(new Set(['own']));
    const other = scheduler === 'cron' ? 'systemd' : 'cron';
    expect((await run('remove', '--with', other)).stdout).toBe(`${other} has no schedule of orders\n`);
    expect((await run('remove')).stdout).toMatch(/^(<dir>.*|crontab): removed\n/);
    expect(filesThere()).toEqual(before);
    for (const command of ['show', 'remove']) {
      expect((await run(command)).stdout).toBe(
        `neither ${hasSystemd ? 'systemd nor cron' : 'cron nor systemd'} has a schedule of orders\n`,
      );
    }
  },
);

test('what several schedulers have is shown and removed all together, and not a part of it when another one was edited', async () => {
  await schedule('install', 'orders', '--with', 'cron');
  const inCron = fs.readFileSync(crontab, 'utf8');
  await schedule('remove', 'orders');
  await schedule('install', 'orders', '--with', 'systemd');
  fs.writeFileSync(crontab, inCron.replace('14m', '13m'));
  const before = filesThere();
  expect((await documentOf('show', 'orders')).parts.map(({ state }) => state)).toEqual([
    'edited',
    ...Array.from({ length: 6 }, () => 'own'),
  ]);
  expect(await schedule('remove', 'orders')).toMatchObject({ exitCode: 6 });
  expect(filesThere()).toEqual(before);
  fs.writeFileSync(crontab, inCron);
  expect((await documentOf('remove', 'orders')).parts).toHaveLength(7);
  expect(JSON.stringify(filesThere())).not.toContain('incremental orders');
});

test('cron that does not run is warned of, where all processes can be seen', async () => {
  const warningsOn = async (files: Files): Promise<unknown> => {
    const args = ['schedule', 'install', 'orders', '--with', 'cron', '--json'];
    return (JSON.parse((await figaro(args, { env, files })).stdout) as Document).warnings;
  };
  const warningsWith = async (...processes: string[]): Promise<unknown> => await warningsOn(machine({ processes }));
  const warning = 'cron does not run here, so nothing begins until it is started';
  expect(await warningsWith('init', 'sshd')).toEqual([warning]);
  // Also where it was written before.
  expect(await warningsWith('init', 'sshd')).toEqual([warning]);
  expect(await warningsWith('init', 'crond')).toEqual([]);
  expect(await warningsWith('init', 'sshd', 'cron')).toEqual([]);
  // Those of others are hidden, or there is no /proc.
  expect(await warningsWith('', 'sh')).toEqual([]);
  expect(await warningsWith()).toEqual([]);
  // Systemd runs what is in crontabs, with systemd-cron.
  const processes = ['systemd', 'sshd'];
  expect(await warningsOn(machine({ processes, hasSystemd: true, hasGenerator: true }))).toEqual([]);
  expect(await warningsOn(machine({ processes, hasSystemd: true }))).toEqual([warning]);
  expect(await warningsOn(machine({ processes, hasGenerator: true }))).toEqual([warning]);
});

test('cron that is not installed has nothing, and is not given anything', async () => {
  fs.rmSync(path.join(directory, 'bin', 'crontab'));
  env['PATH'] = path.join(directory, 'bin');
  expect((await documentOf('install', 'orders', '--with', 'cron', '--dry-run')).warnings).toEqual([
    'cron is not installed here: there is no program crontab',
  ]);
  expect(await schedule('install', 'orders', '--with', 'cron')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/^error \[io\]: there is no program crontab here\n/),
  });
  expect((await schedule('remove', 'orders')).stdout).toBe('neither cron nor systemd has a schedule of orders\n');
  await schedule('install', 'orders', '--with', 'systemd');
  expect((await documentOf('remove', 'orders')).parts).toHaveLength(6);
});

test('a schedule needs an environment that the configuration file describes, whatever variables say', async () => {
  configure('[environments.orders]\nhome = "/srv/orders"\n');
  env['FIGARO_BACKUP_REPO'] = '/backup/orders';
  expect(await schedule('install', 'orders', '--with', 'cron')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('does not say the repo of orders'),
  });
  expect(await schedule('install', 'others', '--with', 'cron')).toMatchObject({ exitCode: 2 });
  configure('[environments.orders]\nhome = "srv/orders"\nrepo = "s3://bucket/orders"\n');
  expect(await schedule('install', 'orders', '--with', 'cron')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('has srv/orders as the home of orders: no whole path'),
  });
  configure('[environments."a\\nb"]\nhome = "/srv/orders"\nrepo = "/backup/orders"\n');
  expect(await schedule('install', 'a\nb', '--with', 'cron')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('control characters'),
  });
});

test('times that do not come out even are refused', async () => {
  for (const wrong of ['7m', '45s', '5h', '0m', '2d']) {
    expect(await schedule('install', 'orders', '--with', 'cron', '--every', wrong)).toMatchObject({ exitCode: 2 });
  }
  for (const wrong of ['24:00', '3:7', 'noon']) {
    expect(await schedule('install', 'orders', '--with', 'cron', '--at', wrong)).toMatchObject({ exitCode: 2 });
  }
});

test('a run that nobody would hear of is warned of', async () => {
  const { warnings } = await documentOf('install', '--dry-run', '--with', 'cron', '--', awkward);
  expect(warnings).toEqual([expect.stringContaining('set run-failed or heartbeat')]);
  expect((await documentOf('install', '--dry-run', '--with', 'cron', 'orders')).warnings).toEqual([]);
});

test('what only variables say now is warned of', async () => {
  env = { ...env, FIGARO_BACKUP_MAX_RATE: '5M', FIGARO_BACKUP_REPO: '/elsewhere' };
  expect((await documentOf('install', '--dry-run', '--with', 'cron', 'orders')).warnings).toEqual([
    'a scheduled run does not have what variables say now: $FIGARO_BACKUP_MAX_RATE (max-rate)',
  ]);
});

test('a schedule whose tool fails is an error with what that said', async () => {
  tool('crontab', 'echo "you may not" >&2; exit 1');
  expect(await schedule('install', 'orders', '--with', 'cron')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/^error \[io\]: crontab -l failed: you may not\n/),
  });
});

describe('cron', () => {
  /**
   * The command of a line, as cron hands it on: up to a `%` without a backslash, and what has one without it.
   *
   * @param escaped what a backslash before it is taken from
   */
  function commandOf(line: string, escaped: string): string {
    let command = '';
    let isEscaped = false;
    for (const character of line.split(/ {2}(.*)/s)[1]!) {
      if (isEscaped && escaped.includes(character)) command = command.slice(0, -1);
      else if (!isEscaped && character === '%') break;
      isEscaped = !isEscaped && character === '\\';
      command += character;
    }
    return command;
  }

  test('begins at times of its own', async () => {
    const times = async (...args: readonly string[]): Promise<string[]> =>
      (await textsOf('orders', '--with', 'cron', ...args))[0]!
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => line.split('  ', 1)[0]!);
    expect(await times()).toEqual(['*/15 * * * *', '7 3 * * 0', '27 3 * * 0']);
    expect(await times('--every', '1h', '--full', 'monthly', '--at', '23:50')).toEqual([
      '0 * * * *',
      '50 23 1 * *',
      '10 0 2 * *',
    ]);
    expect(await times('--every', '6h', '--full', 'daily')).toEqual(['0 */6 * * *', '7 3 * * *', '27 3 * * *']);
    expect(await times('--every', '1d', '--full', 'never')).toEqual(['0 0 * * *']);
    expect(await times('--every', '1m', '--full', 'weekly', '--at', '23:59')).toEqual([
      '* * * * *',
      '59 23 * * 0',
      '19 0 * * 1',
    ]);
  });

  test('leaves the lines before, between and behind its blocks as they are', async () => {
    fs.writeFileSync(crontab, 'MAILTO=me\n');
    await schedule('install', 'orders', '--with', 'cron');
    fs.appendFileSync(crontab, '1 1 1 1 1 between\n');
    await schedule('install', '--with', 'cron', '--', awkward);
    fs.appendFileSync(crontab, '2 2 2 2 2 behind');
    await schedule('install', 'orders', '--with', 'cron', '--every', '5m');
    const lines = fs.readFileSync(crontab, 'utf8').split('\n');
    expect(lines.filter((line) => !/^#|figaro-backup\.js/.test(line))).toEqual([
      'MAILTO=me',
      '1 1 1 1 1 between',
      '2 2 2 2 2 behind',
    ]);
    expect(lines[3]).toMatch(/^\*\/5 /);
    await schedule('remove', 'orders', '--with', 'cron');
    await schedule('remove', '--with', 'cron', '--', awkward);
    expect(fs.readFileSync(crontab, 'utf8')).toBe('MAILTO=me\n1 1 1 1 1 between\n2 2 2 2 2 behind');
    fs.writeFileSync(crontab, 'MAILTO=me');
    await schedule('install', 'orders', '--with', 'cron');
    fs.writeFileSync(crontab, fs.readFileSync(crontab, 'utf8').replace(/^# end .*\n/m, ''));
    expect(await schedule('remove', 'orders', '--with', 'cron', '--force')).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('without its last line'),
    });
  });

  test.each([
    ['one that takes a backslash from what ends a command', '%'],
    ['one that takes it from backslashes, too, as that of Debian', '%\\'],
  ])('%s runs the very line with nothing in its environment, whatever is in the names', async (_cron, escaped) => {
    const repo = path.join(directory, 'repo');
    createRepository(nodeFiles, repo);
    const log = path.join(directory, String.raw`log % \\ \\\% \.txt`);
    const [text] = await textsOf('--with', 'cron', '--log-file', log, '--', awkward);
    const line = text!.split('\n').find((each) => each.includes(' incremental '))!;
    const { status, stderr } = spawnSync('env', ['-i', 'sh', '-c', commandOf(line, escaped)], { encoding: 'utf8' });
    // There is no environment of Berkeley DB: the run came as far as to look for it.
    expect({ status, stderr }).toEqual({ status: 3, stderr: expect.stringContaining(`${directory}/env`) });
    expect(fs.readFileSync(log, 'utf8')).toContain(`incremental ${awkward}: end, exit code 3`);
  });
});

const canMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/var/spool/cron']).status === 0;
if (!canMount) console.warn('SKIPPED, since this user cannot mount: the crontab command of this system');

describeWith('crontab', 'cron', 'the crontab command of this system', () => {
  test.runIf(canMount)('takes what is written, and has the rest of the crontab afterwards', () => {
    const installed = `set -e
      mkdir /var/spool/cron/crontabs
      printf '# mine\\n1 2 3 4 5 true\\n' | crontab -
      run() { command=$1; shift; "$NODE" "$PROGRAM" schedule "$command" --with cron --quiet "$@" -- "$NAME"; }
      run install --every 1h
      run install
      crontab -l > "$OUT/installed"
      run remove
      crontab -l > "$OUT/removed"
      crontab -r
      run install
      run remove
      crontab -l 2>&1 || true`;
    const own = ['--mount', 'sh', '-c', `mount -t tmpfs tmpfs /var/spool/cron && ${installed}`];
    const { status, stdout, stderr } = spawnSync('unshare', own, {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        NODE: process.execPath,
        PROGRAM: program,
        NAME: awkward,
        OUT: directory,
        XDG_CONFIG_HOME: directory,
      },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^no crontab for /);
    expect(fs.readFileSync(path.join(directory, 'installed'), 'utf8')).toMatch(
      /^# mine\n1 2 3 4 5 true\n# figaro-backup schedule of .*\n# sealed .*\n\*\/15 /,
    );
    expect(fs.readFileSync(path.join(directory, 'removed'), 'utf8')).toBe('# mine\n1 2 3 4 5 true\n');
  });
});

describeWith('systemd-analyze', 'systemd', 'systemd', () => {
  const units = (): string[] =>
    fs
      .readdirSync(path.join(directory, 'systemd/user'))
      .filter((name) => name.startsWith('figaro-backup'))
      .map((name) => path.join(directory, 'systemd/user', name));
  const analyze = (...args: readonly string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };

  test('finds nothing wrong with units, whatever is in the names', async () => {
    fs.writeFileSync(config, `${fs.readFileSync(config, 'utf8')}keep-full = 3\n`);
    expect((await schedule('install', '--with', 'systemd', '--full', 'monthly', '--', awkward)).exitCode).toBe(0);
    expect(units()).toHaveLength(6);
    expect(analyze('verify', ...units())).toEqual({ status: 0, output: '' });
  });

  test('reads the times as they are meant', async () => {
    const times = async (...args: readonly string[]): Promise<string[]> =>
      (await textsOf('orders', '--with', 'systemd', ...args)).flatMap(
        (text) => /^OnCalendar=(.*)$/m.exec(text)?.[1] ?? [],
      );
    const normalized = (calendar: string): string =>
      /Normalized form: (.*)/.exec(analyze('calendar', calendar).output)?.[1] ?? calendar;
    const all = [
      ...(await times()),
      ...(await times('--every', '1h', '--full', 'monthly', '--at', '23:50')),
      ...(await times('--every', '6h', '--full', 'daily')),
      ...(await times('--every', '1d', '--full', 'never')),
    ];
    expect(all.map(normalized)).toEqual([
      '*-*-* *:00/15:00',
      'Sun *-*-* 03:07:00',
      'Sun *-*-* 03:27:00',
      '*-*-* *:00:00',
      '*-*-01 23:50:00',
      '*-*-02 00:10:00',
      '*-*-* 00/6:00:00',
      '*-*-* 03:07:00',
      '*-*-* 03:27:00',
      '*-*-* 00:00:00',
    ]);
  });

  test('takes quoted words for what they are', () => {
    // What it says of a program that is not there names the path as it was read.
    for (const name of [
      'plain',
      'with space',
      '100% %h %%',
      'quote"s\'',
      'back\\slash\\',
      'ä',
      '; true',
      '#x',
      '$HOME ${HOME}',
    ]) {
      const missing = path.join(directory, name);
      const unit = path.join(directory, 'x.service');
      fs.writeFileSync(unit, `[Service]\nType=oneshot\nExecStart=${quoted(missing)}\n`);
      const said = analyze('verify', unit).output;
      const read = /Command (.*) is not executable|special characters: (.*)/.exec(said);
      expect(read?.[1] ?? read?.[2], said).toBe(missing);
    }
  });
});

test('timers begin where systemd runs, and end before they are removed', async () => {
  const running = machine({ hasSystemd: true });
  const run = (command: string, ...args: readonly string[]): Promise<CliResult> =>
    figaro(['schedule', command, 'orders', '--user', ...args], { env, files: running });
  const calls = (): string[] => {
    const lines = fs.readFileSync(called, 'utf8').trimEnd().split('\n');
    fs.rmSync(called);
    return lines;
  };
  const timers = (...jobs: readonly string[]): string =>
    jobs.map((job) => `figaro-backup-orders-${job}.timer`).join(' ');
  expect((await run('install')).stderr).toContain('loginctl enable-linger');
  expect(calls()).toEqual([
    '--user daemon-reload',
    `--user enable --now ${timers('incremental', 'full', 'expire')}`,
    `--user restart ${timers('incremental', 'full', 'expire')}`,
  ]);
  await run('install', '--at', '04:00');
  expect(calls().at(-1)).toBe(`--user restart ${timers('full', 'expire')}`);
  await run('install', '--full', 'never');
  expect(calls()).toEqual([
    `--user disable --now ${timers('full', 'expire')}`,
    '--user daemon-reload',
    `--user enable --now ${timers('incremental')}`,
  ]);
  await run('remove');
  expect(calls()).toEqual([`--user disable --now ${timers('incremental')}`, '--user daemon-reload']);
});

test('where systemd does not run, its links to timers go with these', async () => {
  const wanted = path.join(directory, 'systemd/user/timers.target.wants');
  await schedule('install', 'orders', '--with', 'systemd');
  fs.mkdirSync(wanted);
  // As `systemctl enable` makes them.
  for (const job of ['incremental', 'full', 'expire']) {
    const name = `figaro-backup-orders-${job}.timer`;
    fs.symlinkSync(path.join(directory, 'systemd/user', name), path.join(wanted, name));
  }
  fs.symlinkSync('/lib/systemd/system/apt-daily.timer', path.join(wanted, 'apt-daily.timer'));
  await schedule('install', 'orders', '--with', 'systemd', '--full', 'never');
  expect(fs.readdirSync(wanted)).toEqual(['apt-daily.timer', 'figaro-backup-orders-incremental.timer']);
  await schedule('remove', 'orders', '--with', 'systemd');
  expect(fs.readdirSync(wanted)).toEqual(['apt-daily.timer']);
});

describe('the Task Scheduler', () => {
  test('is not given names in which Windows would put a value', async () => {
    expect(await schedule('install', '--with', 'task-scheduler', '--dry-run', '--', awkward)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('Windows would take a part of it for a variable'),
    });
  });

  describeWith('xmllint', 'libxml2-utils', 'its XML', () => {
    const valueOf = (xml: string, element: string): string => {
      const expression = `string(//*[local-name()="${element}"])`;
      return spawnSync('xmllint', ['--xpath', expression, '-'], { input: xml, encoding: 'utf8' }).stdout.trim();
    };

    test('has whole paths and words as Windows takes them apart', async () => {
      const name = 'o "ä\\" <&>\'';
      const file = path.join(path.dirname(directory), 'a b\\.toml');
      fs.writeFileSync(file, `[environments.${JSON.stringify(name)}]\nhome = "/srv/env"\nrepo = "/srv/repo"\n`);
      const [incremental, full] = await textsOf('--config', file, '--with', 'task-scheduler', name);
      const utf8 = (xml: string): string => xml.replace('UTF-16', 'UTF-8');
      expect(valueOf(utf8(incremental!), 'Command')).toBe(process.execPath);
      expect(valueOf(utf8(incremental!), 'Arguments')).toBe(
        `${program} incremental "o \\"ä\\\\\\" <&>'" --lock-wait 14m --config "${file}"`,
      );
      expect(valueOf(utf8(incremental!), 'Interval')).toBe('PT15M');
      expect(valueOf(utf8(full!), 'StartBoundary')).toBe('2020-01-01T03:07:00');
      expect(valueOf(utf8(full!), 'Description')).toContain(`figaro-backup schedule of ${JSON.stringify(name)} in `);
    });
  });
});
