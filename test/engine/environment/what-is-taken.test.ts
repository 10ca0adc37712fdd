/** Every file of a source is in the set, or people are told that it is not. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { demoApplication } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { newPlace } from '../../support/place.ts';
import { lacks, slashed } from '../../support/windows.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  demoApplication(home).commitUpTo([4, 72_115]);
});

const inHome = (name: string): string => path.join(home, name);
const take = (kind: string, ...more: string[]): Promise<CliResult> =>
  figaro([kind, '--home', home, '--repo', repo, ...more], { directory });

async function recovered(): Promise<readonly string[]> {
  const target = path.join(directory, 'out');
  fs.rmSync(target, { recursive: true, force: true });
  const { exitCode, stderr } = await figaro(['recover', '--repo', repo, '--to', target, '-q']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return fs.readdirSync(target, { recursive: true, encoding: 'utf8' }).map(slashed).sort();
}

/** The newest set, as `hot --json` tells it. */
function manifestOf({ stdout }: CliResult): {
  files: { path: string; kind: string }[];
  leftOut: { path: string; reason: string; sameAs?: string; count?: number }[];
  warnings: string[];
} {
  return JSON.parse(stdout).set;
}

/** A Data Store environment out of one container. */
async function withoutLog(names: readonly string[]): Promise<void> {
  const whole = path.join(directory, 'whole');
  expect((await figaro(['recover', '--from', home, '--to', whole])).exitCode).toBe(0);
  const bytes = fs.readFileSync(path.join(whole, 'd.dbxml'));
  const pageSize = bytes.readUInt32LE(20);
  for (let at = 0; at < bytes.length; at += pageSize) {
    if (at === 0 || bytes.readUInt32LE(at + 8) !== 0) bytes.writeBigUInt64LE(1n << 32n, at);
  }
  fs.rmSync(home, { recursive: true });
  fs.mkdirSync(home);
  for (const name of names) fs.writeFileSync(inHome(name), bytes);
}

describe.each(['hot', 'offline'])('%s', (kind) => {
  test('takes a database whose name is made of hex digits, beside a copy of it', async () => {
    fs.copyFileSync(inHome('d.dbxml'), inHome('2024.db'));
    const { exitCode, stderr } = await take(kind);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('2024.db is a copy of d.dbxml, with the same unique id: it is kept as it is');
    expect(await recovered()).toEqual(expect.arrayContaining(['2024.db', 'd.dbxml', 'e.dbxml']));
    expect(fs.readFileSync(path.join(directory, 'out', '2024.db'))).toEqual(fs.readFileSync(inHome('2024.db')));
  });

  test.skipIf(lacks.links)('names a link inside the environment as another name of its file', async () => {
    fs.symlinkSync('d.dbxml', inHome('a.db'));
    fs.linkSync(inHome('e.dbxml'), inHome('cafe.db'));
    const result = await take(kind, '--json');
    const { leftOut, warnings } = manifestOf(result);
    expect(leftOut).toEqual([
      { path: 'a.db', reason: 'same-file', sameAs: 'd.dbxml' },
      { path: 'cafe.db', reason: 'same-file', sameAs: 'e.dbxml' },
    ]);
    expect(warnings.join('\n')).toContain('a.db is another name of d.dbxml and is left out');
    expect(await recovered()).not.toContain('a.db');
  });

  test('leaves an environment inside this one out, and names the command that backs it up', async () => {
    const inner = inHome('inner');
    demoApplication(inner).commitUpTo([4, 72_115]);
    const { exitCode, stderr } = await take(kind);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`inner is an environment of its own and is left out: back it up by itself`);
    expect(stderr).toContain('`figaro-backup hot --home <dir>/env/inner`');
    expect(await recovered()).not.toContain('inner/d.dbxml');
  });

  test.each(['DB_CONFIG', '__db.001'])(
    'takes a directory with a %s of its own for another environment',
    async (name) => {
      fs.mkdirSync(inHome('wallets/one'), { recursive: true });
      fs.copyFileSync(inHome('d.dbxml'), inHome('wallets/one/wallet.dat'));
      fs.writeFileSync(inHome(`wallets/one/${name}`), name === '__db.001' ? Buffer.alloc(4096) : '');
      const { exitCode, stderr } = await take(kind);
      expect(exitCode).toBe(0);
      expect(stderr).toContain('wallets/one is an environment of its own and is left out');
    },
  );

  test('takes files that were asked for, restores them, and passes over what was excluded', async () => {
    fs.mkdirSync(inHome('attachments/deep'), { recursive: true });
    fs.writeFileSync(inHome('attachments/deep/a.pdf'), 'contract');
    fs.writeFileSync(inHome('settings.xml'), '<settings/>');
    fs.writeFileSync(inHome('huge.tmp'), 'scratch');
    fs.mkdirSync(inHome('old'));
    fs.writeFileSync(inHome('old/broken.db'), fs.readFileSync(inHome('d.dbxml')).fill(0xff, 16, 20));
    expect((await take(kind)).exitCode).toBe(4);
    const result = await take(kind, '--json', '--include', 'attachments', '--include', '*.xml', '--exclude', 'old');
    const { files, leftOut } = manifestOf(result);
    expect(files.filter((file) => file.kind === 'plain').map((file) => file.path)).toEqual([
      'attachments/deep/a.pdf',
      'settings.xml',
    ]);
    expect(leftOut).toEqual([
      { path: 'huge.tmp', reason: 'other' },
      { path: 'old', reason: 'excluded' },
    ]);
    expect((await figaro(['verify', '--repo', repo, '--rehearse'])).exitCode).toBe(0);
    expect(await recovered()).toEqual(expect.arrayContaining(['attachments/deep/a.pdf', 'settings.xml']));
  });

  test('takes files that the configuration file asks for, by one pattern with braces', async () => {
    fs.mkdirSync(inHome('attachments'));
    fs.writeFileSync(inHome('attachments/a.pdf'), 'contract');
    fs.writeFileSync(inHome('settings.xml'), '<settings/>');
    const config = inHome('../asked.toml');
    fs.writeFileSync(config, '[defaults]\ninclude = "{*.xml,attachments}"\n');
    const { files } = manifestOf(await take(kind, '--json', '--config', config));
    fs.rmSync(config);
    expect(files.filter((file) => file.kind === 'plain').map((file) => file.path)).toEqual([
      'attachments/a.pdf',
      'settings.xml',
    ]);
  });

  test('warns of a file that looks like data, and shows what is not in the set', async () => {
    fs.writeFileSync(inHome('notes.sqlite'), 'SQLite format 3\0');
    fs.writeFileSync(inHome('readme.txt'), 'hello');
    const { stderr } = await take(kind);
    expect(stderr).toContain('notes.sqlite is not a Berkeley DB database and is left out');
    expect(stderr).not.toContain('readme.txt');
    const verbose = await take(kind, '-v');
    expect(verbose.stderr + verbose.stdout).toContain('  readme.txt: not a database');
    expect((await figaro(['show', '--repo', repo])).stdout).toContain('  readme.txt: not a database');
  });
});

test('databases that are named like files of the library are taken, since content decides', async () => {
  const names = ['BDB12345_1', 'BDB20240101', '__db.freezer.x', '__db.register', '__db.rep.orders', 'plain.db'];
  await withoutLog(names);
  const { files, leftOut } = manifestOf(await take('offline', '--json'));
  expect(files.map((file) => file.path)).toEqual(names);
  expect(leftOut).toEqual([]);
  expect(await recovered()).toEqual(names);
});

test('a file of the library with such a name is left out', async () => {
  fs.writeFileSync(inHome('__db.register'), `${'X'.padEnd(23)}0\n`);
  fs.writeFileSync(inHome('__db.rep.gen'), 'state');
  fs.writeFileSync(inHome('BDB00001'), 'temporary');
  expect(manifestOf(await take('hot', '--json')).leftOut).toEqual([
    { path: 'BDB00001', reason: 'temporary' },
    { path: '__db.register', reason: 'registry' },
    { path: '__db.rep.gen', reason: 'replication' },
  ]);
});

test('many files that are left out take a line of the manifest together', async () => {
  for (let i = 0; i < 150; i++) fs.writeFileSync(inHome(`f${i}.txt`), '');
  expect(manifestOf(await take('hot', '--json')).leftOut).toEqual([{ path: './', reason: 'empty', count: 150 }]);
});

test('an incremental has what changed of the files that were asked for, and tells of new copies once', async () => {
  fs.writeFileSync(inHome('settings.xml'), '<old/>');
  fs.writeFileSync(inHome('same.xml'), '<same/>');
  expect((await take('hot', '--include', '*.xml')).exitCode).toBe(0);
  fs.writeFileSync(inHome('settings.xml'), '<new/>');
  fs.copyFileSync(inHome('d.dbxml'), inHome('d.bak'));
  const { files, warnings } = manifestOf(await take('incremental', '--include', '*.xml', '--json'));
  expect(files.filter((file) => file.kind === 'plain').map((file) => file.path)).toEqual(['settings.xml']);
  expect(warnings.join('\n')).toContain('d.bak is a copy of d.dbxml, made since the chain began');
  await recovered();
  expect(fs.readFileSync(path.join(directory, 'out', 'settings.xml'), 'utf8')).toBe('<new/>');
});

test('a copy of a container in plain copies is kept as it is, and the one that the log means is recovered', async () => {
  fs.copyFileSync(inHome('d.dbxml'), inHome('a-copy.dbxml'));
  const target = path.join(directory, 'out');
  const { exitCode, stderr } = await figaro(['recover', '--from', home, '--to', target]);
  expect(exitCode).toBe(0);
  expect(stderr).toContain('a-copy.dbxml is a copy of d.dbxml');
  expect(fs.readFileSync(path.join(target, 'a-copy.dbxml'))).toEqual(fs.readFileSync(inHome('a-copy.dbxml')));
  expect(fs.readFileSync(path.join(target, 'd.dbxml'))).not.toEqual(fs.readFileSync(inHome('d.dbxml')));
});

test('inspect environment tells of copies and of environments inside', async () => {
  fs.copyFileSync(inHome('d.dbxml'), inHome('d.bak'));
  demoApplication(inHome('inner')).commitUpTo([4, 72_115]);
  const { stdout } = await figaro(['inspect', 'environment', '--home', home, '--json']);
  const codes = JSON.parse(stdout).risks.map(({ code }: { code: string }) => code);
  expect(codes).toEqual(expect.arrayContaining(['nested-environment', 'copies']));
});
