/** The pages of the README that people follow on a bad day, followed word for word. */

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { demoApplication, temporaryDirectory } from './support/demo-environment.ts';
import { contentsOf, describeNative, verifyNatively } from './support/native.ts';
import { Session } from './support/session.ts';

const root = path.join(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/** Blocks of code of one language, in a part of the README. */
function blocks(title: string, language: string): string[] {
  const start = readme.indexOf(`\n## ${title}\n`);
  expect(start).toBeGreaterThan(0);
  const part = readme.slice(start, readme.indexOf('\n## ', start + 1));
  return [...part.matchAll(new RegExp(`^ *\`\`\`${language}\n([^]*?)^ *\`\`\``, 'gm'))].map(([, code]) => code!);
}

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'srv/orders');
  for (const name of ['bin', 'srv', 'backup', 'tmp', 'config']) mkdirSync(path.join(directory, name));
  const program = path.join(directory, 'bin/figaro-backup');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, 'bin/figaro-backup.js')}' "$@"\n`);
  chmodSync(program, 0o755);
  const [configuration] = blocks('Commands', 'toml');
  writeFileSync(path.join(directory, 'config/figaro-backup.toml'), inHere(configuration!));
});

/** The README's directories are below the test's. */
function inHere(text: string): string {
  return text.replaceAll(/(?<=^|[\s'"=])\/(srv|backup|tmp)\b/gm, `${directory}/$1`);
}

function shell(commands: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', inHere(commands)], {
    encoding: 'utf8',
    cwd: directory,
    env: {
      PATH: `${path.join(directory, 'bin')}:${process.env['PATH']}`,
      HOME: directory,
      XDG_CONFIG_HOME: path.join(directory, 'config'),
    },
  });
  return { status, stdout, stderr };
}

function followed(commands: string): string {
  const { status, stdout, stderr } = shell(commands);
  expect({ commands, status, stderr }).toMatchObject({ commands, status: 0 });
  return stdout;
}

describe('the day of the disaster', () => {
  const steps = blocks('The day of the disaster', 'sh');
  const [look, withLogs, without, swap, goOn] = steps as [string, string, string, string, string];

  test('has five steps', () => expect(steps).toHaveLength(5));

  test('of a DB XML environment whose disk with the log lives: nothing is lost', () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    followed('figaro-backup hot orders');
    application.commitUpTo([6, 5737]);
    for (const name of ['d.dbxml', 'e.dbxml']) rmSync(path.join(home, name));
    followed(look);
    expect(followed(withLogs)).toContain('recovered to            2026-11-22T09:23:25Z [5][254138]');
    followed(swap + goOn);
    expect(existsSync(path.join(home, 'e.dbxml'))).toBe(true);
    expect(existsSync(`${home}.broken`)).toBe(true);
  });

  test('of a DB XML environment whose disk is gone: what was backed up is there', () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    followed('figaro-backup hot orders');
    application.commitUpTo([5, 110_402]);
    followed('figaro-backup incremental orders');
    application.commitUpTo([6, 5737]);
    rmSync(home, { recursive: true });
    mkdirSync(home);
    followed(look);
    expect(followed(without)).toContain('recovered to');
    followed(swap + goOn);
    expect(followed('figaro-backup list orders')).toMatch(/^\d{8}T\d{6}Z-hot-[0-9a-f]{6}: /gm);
  });
});

test('the service of the hooks is stopped, backed up, and started again', () => {
  demoApplication(home).commitUpTo([4, 72_115]);
  const [, configuration] = blocks('Commands', 'toml');
  const log = path.join(directory, 'log');
  // The heartbeat goes to the internet.
  const local = inHere(configuration!).replace(/^heartbeat = .*$/m, '');
  writeFileSync(path.join(directory, 'config/figaro-backup.toml'), local);
  for (const name of ['systemctl', 'logger']) {
    writeFileSync(path.join(directory, 'bin', name), `#!/bin/sh\necho ${name} "$@" >> '${log}'\n`);
    chmodSync(path.join(directory, 'bin', name), 0o755);
  }
  followed('figaro-backup offline orders');
  expect(readFileSync(log, 'utf8')).toBe('systemctl stop orders\nsystemctl start orders\n');
  rmSync(home, { recursive: true });
  expect(shell('figaro-backup offline orders').status).toBe(3);
  expect(inHere(readFileSync(log, 'utf8'))).toMatch(
    /stop orders\nlogger -p user.err figaro-backup offline: .*\/srv\/orders.*\nsystemctl start orders\n$/,
  );
});

describeNative('a mistake at a known time', () => {
  test('is found by its bar, and its orders come back', async () => {
    const application = new Session(home);
    application.do('open orders auto orders.db - btree 4096');
    const order = (first: number): void => application.do('begin t', `put orders t ${first} 40 200 order`, 'commit t');
    for (const first of [100, 200, 300]) order(first);
    application.do('checkpoint');
    followed('figaro-backup hot orders');
    order(400);
    await setTimeout(1100);
    application.do('checkpoint');
    const wanted = contentsOf(home);
    application.do('begin m', ...[100, 200, 300].map((first) => `delete orders m ${first} 40`), 'commit m');
    await setTimeout(1100);
    order(500);

    const typed = blocks('A mistake at a known time', 'console').flatMap((block) =>
      [...block.matchAll(/^\$ (.*)$/gm)].map(([, line]) => line!),
    );
    expect(typed).toHaveLength(5);
    const [backUp, look, print, recover, dump] = typed as [string, string, string, string, string];
    followed(backUp);
    const picture = followed(look);
    // What it prints takes the place of what it printed to us.
    const [, txn] = /^\S+Z +([0-9a-f]{8}) /m.exec(picture.slice(picture.indexOf('commit before it')))!;
    const [, lsn] = /--to-lsn '(\S+)'/.exec(picture)!;
    expect(followed(print.replace(/--txn \S+/, `--txn ${txn}`))).toContain('db_addrem');
    followed(recover.replace(/--to-lsn '\S+'/, `--to-lsn '${lsn}'`));
    const found = path.join(directory, 'tmp/before');
    expect(verifyNatively(found)).toEqual([]);
    expect(contentsOf(found)).toEqual(wanted);
    expect(followed(dump)).toContain('VERSION=3');
    await application.leave();
    expect(contentsOf(home)).not.toEqual(wanted);
  });
});
