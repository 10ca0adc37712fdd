/** What documents have people type, followed word for word. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { timeArgument } from '../src/commands/options.ts';
import { demoApplication, temporaryDirectory } from './support/demo-environment.ts';
import { callsIn } from './support/command-lines.ts';
import { contentsOf, describeNative, verifyNatively } from './support/native.ts';
import { figaro, type CliResult } from './support/run-cli.ts';
import { Session } from './support/session.ts';
import { describeWith } from './support/tools.ts';
import { lacks } from './support/windows.ts';
import { isLongRun } from './support/effort.ts';

const root = path.join(import.meta.dirname, '..');

/** The part of a page below one of its headings. */
function partOf(page: string, title: string): string {
  const text = readFileSync(path.join(root, page), 'utf8');
  const start = text.indexOf(`\n## ${title}\n`);
  expect(start, `${page} has no ${title}`).toBeGreaterThan(0);
  return `${text}\n## `.slice(start, `${text}\n## `.indexOf('\n## ', start + 1));
}

/** Blocks of code of one language, in such a part. */
function blocks(page: string, title: string, language: string): string[] {
  const found = partOf(page, title).matchAll(new RegExp(`^ *\`\`\`${language}\n([^]*?)^ *\`\`\``, 'gm'));
  return [...found].map(([, code]) => code!);
}

interface Step {
  readonly typed: string;
  readonly printed: string;
}

/** What a transcript has people type, and what was printed then. */
function stepsOf(page: string, title: string): Step[] {
  return blocks(page, title, 'console').flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => ({ typed: step.slice(0, step.indexOf('\n')), printed: step.slice(step.indexOf('\n') + 1) })),
  );
}

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'srv/orders');
  for (const name of ['bin', 'srv', 'backup', 'tmp', 'standby', 'config']) mkdirSync(path.join(directory, name));
  const program = path.join(directory, 'bin/figaro-backup');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, 'bin/figaro-backup.js')}' "$@"\n`);
  chmodSync(program, 0o755);
  const [configuration] = blocks('README.md', 'The whole story', 'toml');
  writeFileSync(path.join(directory, 'config/figaro-backup.toml'), inHere(configuration!));
});

/** The directories of the documents are below the test's. */
function inHere(text: string): string {
  return text.replaceAll(/(?<=^|[\s'"=])\/(srv|backup|tmp|standby|copies)\b/gm, `${directory}/$1`);
}

type Surroundings = Record<'PATH' | 'HOME' | 'XDG_CONFIG_HOME', string>;

const surroundings = (): Surroundings => ({
  PATH: `${path.join(directory, 'bin')}:${process.env['PATH']}`,
  HOME: directory,
  XDG_CONFIG_HOME: path.join(directory, 'config'),
});

/** Runs lines as bash does, the program as a process of its own. */
function shell(commands: string): CliResult {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', commands], {
    encoding: 'utf8',
    cwd: directory,
    env: surroundings(),
  });
  return { exitCode: status ?? -1, stdout, stderr };
}

/** Runs a line: the program in this process, which takes less time than to start it. */
async function runLine(line: string): Promise<CliResult> {
  const calls = callsIn(line);
  // What bash would make of the line is what is made of it here.
  if (calls.length === 0 || /[|;><$]/.test(line)) return shell(line);
  let [stdout, stderr] = ['', ''];
  for (const words of calls) {
    const result = await figaro(words, { env: surroundings() });
    stdout += result.stdout;
    if (result.exitCode !== 0) return { ...result, stdout };
    stderr += result.stderr;
  }
  return { exitCode: 0, stdout, stderr };
}

/** What is printed by lines that have to succeed. */
async function followed(commands: string): Promise<string> {
  let printed = '';
  for (const line of inHere(commands).trim().split('\n')) {
    const { exitCode, stdout, stderr } = await runLine(line);
    expect({ line, exitCode, stderr }).toMatchObject({ line, exitCode: 0 });
    printed += stdout;
  }
  return printed;
}

/** What stays when ids, times, names, sizes and room are taken away, the directory of the test among them. */
function shapeOf(text: string): string {
  return text
    .replaceAll(directory, '')
    .replaceAll(/\d{8}T\d{6}Z-([a-z]+)-[0-9a-f]{6}/g, '<$1>')
    .replaceAll(/\b[0-9a-f]{16}\b/g, '<id>')
    .trimEnd();
}

describe('the whole story', () => {
  const steps = stepsOf('README.md', 'The whole story');

  test.skipIf(lacks.shell)('goes and prints as the README has it, and leaves an environment of that time', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    expect(steps.map(({ typed }) => typed.split(' ')[1])).toEqual([
      'init',
      'hot',
      'incremental',
      'verify',
      'recover',
      'dump',
    ]);
    for (const { typed, printed } of steps) {
      if (typed.includes('incremental')) application.commitUpTo([5, 110_402]);
      // As on a terminal.
      const found = shapeOf(await followed(`${typed}${/ (hot|incremental|verify) /.test(typed) ? ' --verbose' : ''}`));
      const [beginning = '', rest] = shapeOf(printed).split('\n  …');
      if (rest === undefined && printed !== '') expect(found).toBe(beginning);
      else expect(found.slice(0, beginning.length)).toBe(beginning);
    }
    expect(existsSync(path.join(directory, 'tmp/before/d.dbxml'))).toBe(true);
  });

  test.skipIf(lacks.shell)('goes on in the lines of the crontab, which are silent', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await followed('figaro-backup hot orders');
    application.commitUpTo([5, 110_402]);
    const [crontab] = blocks('README.md', 'The whole story', 'cron');
    const [first, ...lines] = crontab!.trimEnd().split('\n');
    expect(first).toBe('PATH=/usr/local/bin:/usr/bin:/bin');
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      const [, command] = /^(?:\S+\s+){5}(.*)$/.exec(line)!;
      expect(await runLine(inHere(command!))).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    }
  });

  test.skipIf(lacks.shell)('is told a PATH that can be tried as cron will', async () => {
    const [, tried] = blocks('README.md', 'Installation', 'sh');
    expect(shell(tried!.replace('/usr/local/bin', 'bin')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

test('the configuration file of its page is understood', async () => {
  const [configuration] = blocks('docs/configuration.md', 'The file', 'toml');
  writeFileSync(path.join(directory, 'config/figaro-backup.toml'), configuration!);
  const [command] = blocks('docs/configuration.md', 'The file', 'sh');
  const shown = await followed(command!);
  for (const setting of [...configuration!.matchAll(/^([a-z-]+) = /gm)].map(([, name]) => name!)) {
    expect(shown).toMatch(new RegExp(`^(hot: )?${setting} `, 'm'));
  }
});

describe('times typed in Berlin', () => {
  const zone = process.env['TZ'];
  beforeEach(() => {
    process.env['TZ'] = 'Europe/Berlin';
  });
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });

  const rows = [...partOf('docs/recovery.md', 'Time zones').matchAll(/^\| (`.*) \| (.*) \|$/gm)].map(
    ([, typed, meaning]) => ({ typed: typed!.match(/[\dT:Z+ -]{10,}/g)!, meaning: meaning! }),
  );

  test.each(rows)('$typed are what the table says', ({ typed, meaning }) => {
    for (const text of typed) {
      if (meaning.startsWith('refused')) {
        const named = meaning.match(/(?<=`)\d[^`]+(?=`)/g) ?? [];
        for (const part of ['Clocks', ...named]) expect(() => timeArgument(text)).toThrow(part);
      } else {
        const expected = meaning.startsWith('midnight') ? '2026-11-21T23:00:00.000Z' : '2026-11-22T08:15:00.000Z';
        expect(timeArgument(text).time.toISOString()).toBe(expected);
      }
    }
  });

  test('are in the table', () => expect(rows.flatMap(({ typed }) => typed)).toHaveLength(7));
});

test.skipIf(lacks.shell)(
  'a standby is made, tells how far it is behind, and takes the place of the primary',
  async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const step = (title: string): string => blocks('docs/standby.md', title, 'sh')[0]!.trim();
    await followed(`${step('Following')} --once`);
    application.commitUpTo([5, 110_402]);
    await followed(`${step('Following')} --once`);
    expect(await followed(step('How far behind'))).toMatch(/^behind +nothing$/m);
    expect(await followed(step('When the primary is lost'))).toContain('standby/orders/environment');
    expect(existsSync(path.join(directory, 'standby/orders/environment/e.dbxml'))).toBe(true);
  },
);

test.skipIf(lacks.shell)('the line of a crontab for a copy elsewhere makes one, and keeps it up to date', async () => {
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  await followed('figaro-backup hot orders');
  const [line] = blocks('docs/scheduling.md', 'A copy elsewhere', 'cron');
  const typed = line!.replace(/^(\S+\s+){5}/, '').replaceAll('/mnt/offsite', '/tmp');
  await followed(typed);
  application.commitUpTo([6, 5737]);
  await followed('figaro-backup incremental orders');
  expect(await followed(typed)).toBe('');
  await followed('figaro-backup verify --repo /tmp/orders');
  expect(await followed('figaro-backup recover --repo /tmp/orders --to /tmp/found')).toContain('[5][254138]');
});

describeWith('rsync', 'rsync', 'a copy elsewhere', () => {
  test('is a repository that can be verified and recovered from', async () => {
    demoApplication(home).commitUpTo([4, 72_115]);
    await followed('figaro-backup hot orders');
    const [copy] = blocks('docs/scheduling.md', 'A copy elsewhere', 'sh');
    mkdirSync(path.join(directory, 'tmp/offsite'));
    await followed(copy!.replaceAll('offsite:/backup/orders', '/tmp/offsite'));
    await followed('figaro-backup verify --repo /tmp/offsite');
    await followed('figaro-backup recover --repo /tmp/offsite --to /tmp/found');
  });
});

describe('the day of the disaster', () => {
  const steps = blocks('README.md', 'The day of the disaster', 'sh');
  const [look, withLogs, without, swap, goOn] = steps as [string, string, string, string, string];

  test('has five steps', () => expect(steps).toHaveLength(5));

  test.skipIf(lacks.shell)('of a DB XML environment whose disk with the log lives: nothing is lost', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await followed('figaro-backup hot orders');
    application.commitUpTo([6, 5737]);
    for (const name of ['d.dbxml', 'e.dbxml']) rmSync(path.join(home, name));
    await followed(look);
    expect(await followed(withLogs)).toContain('recovered to            2026-11-22T09:23:25Z [5][254138]');
    await followed(swap + goOn);
    expect(existsSync(path.join(home, 'e.dbxml'))).toBe(true);
    expect(existsSync(`${home}.broken`)).toBe(true);
  });

  test.skipIf(lacks.shell)('of a DB XML environment whose disk is gone: what was backed up is there', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await followed('figaro-backup hot orders');
    application.commitUpTo([5, 110_402]);
    await followed('figaro-backup incremental orders');
    application.commitUpTo([6, 5737]);
    rmSync(home, { recursive: true });
    mkdirSync(home);
    await followed(look);
    expect(await followed(without)).toContain('recovered to');
    await followed(swap + goOn);
    expect(await followed('figaro-backup list orders')).toMatch(/^\d{8}T\d{6}Z-hot-[0-9a-f]{6}: /gm);
  });
});

test.skipIf(lacks.shell)('the service of the hooks is stopped, backed up, and started again', async () => {
  demoApplication(home).commitUpTo([4, 72_115]);
  const [configuration] = blocks('docs/configuration.md', 'Hooks and heartbeats', 'toml');
  const log = path.join(directory, 'log');
  // The heartbeat goes to the internet.
  const local = inHere(configuration!).replace(/^heartbeat = .*$/m, '');
  writeFileSync(path.join(directory, 'config/figaro-backup.toml'), local);
  for (const name of ['systemctl', 'logger']) {
    writeFileSync(path.join(directory, 'bin', name), `#!/bin/sh\necho ${name} "$@" >> '${log}'\n`);
    chmodSync(path.join(directory, 'bin', name), 0o755);
  }
  await followed('figaro-backup offline orders');
  expect(readFileSync(log, 'utf8')).toBe('systemctl stop orders\nsystemctl start orders\n');
  rmSync(home, { recursive: true });
  expect((await runLine('figaro-backup offline orders')).exitCode).toBe(3);
  expect(inHere(readFileSync(log, 'utf8'))).toMatch(
    /stop orders\nlogger -p user.err figaro-backup offline: .*\/srv\/orders.*\nsystemctl start orders\n$/,
  );
});

test.skipIf(lacks.shell)(
  'a mistake at a known time is undone by three commands, which print what the page has',
  async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await followed('figaro-backup hot orders');
    const get = async (name: string): Promise<string> =>
      (await figaro(['documents', 'get', 'e.dbxml', name, '--home', home])).stdout;
    const lost = { doc00000: await get('doc00000'), doc00004: await get('doc00004') };
    application.commitUpTo([6, 5737]);
    const steps = stepsOf('docs/recovery.md', 'A mistake at a known time');
    expect(steps).toHaveLength(3);
    for (const { typed, printed } of steps) expect(shapeOf(await followed(typed))).toBe(shapeOf(printed));
    for (const [name, xml] of Object.entries(lost)) {
      expect(xml).not.toBe('');
      expect(await get(name)).toBe('');
      expect(readFileSync(path.join(directory, 'tmp/before', name), 'utf8')).toBe(xml);
    }
    // And so does what the history of one of them says.
    const [history] = stepsOf('docs/inspect.md', 'Documents').filter(({ typed }) => typed.includes(' history '));
    expect(shapeOf(await followed(history!.typed))).toBe(shapeOf(history!.printed));
  },
);

describeNative('a mistake at an unknown time', () => {
  test.runIf(isLongRun)('is found by its bar, and its orders come back', async () => {
    const application = new Session(home);
    application.do('open orders auto orders.db - btree 4096');
    const order = (first: number): void => application.do('begin t', `put orders t ${first} 40 200 order`, 'commit t');
    for (const first of [100, 200, 300]) order(first);
    application.do('checkpoint');
    await followed('figaro-backup hot orders');
    order(400);
    await setTimeout(1100);
    application.do('checkpoint');
    const wanted = contentsOf(home);
    application.do('begin m', ...[100, 200, 300].map((first) => `delete orders m ${first} 40`), 'commit m');
    await setTimeout(1100);
    order(500);

    const typed = stepsOf('docs/recovery.md', 'A mistake at an unknown time').map((step) => step.typed);
    expect(typed).toHaveLength(5);
    const [backUp, look, print, recover, dump] = typed as [string, string, string, string, string];
    await followed(backUp);
    const picture = await followed(look);
    // What it prints takes the place of what it printed to us.
    const [, txn] = /^\S+Z +([0-9a-f]{8}) /m.exec(picture.slice(picture.indexOf('commit before it')))!;
    const [, lsn] = /--to-lsn '(\S+)'/.exec(picture)!;
    expect(await followed(print.replace(/--txn \S+/, `--txn ${txn}`))).toContain('db_addrem');
    await followed(recover.replace(/--to-lsn '\S+'/, `--to-lsn '${lsn}'`));
    const found = path.join(directory, 'tmp/before');
    expect(verifyNatively(found)).toEqual([]);
    expect(contentsOf(found)).toEqual(wanted);
    expect(await followed(dump)).toContain('VERSION=3');
    await application.leave();
    expect(contentsOf(home)).not.toEqual(wanted);
  });
});
