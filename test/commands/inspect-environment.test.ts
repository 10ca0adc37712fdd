import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { flipBit } from '../support/damage.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
});

const inspect = (...args: readonly string[]): Promise<CliResult> =>
  figaro(['inspect', 'environment', ...args], { directory });

interface Document {
  readonly risks: readonly { readonly code: string; readonly message: string }[];
  readonly databases: readonly Record<string, unknown>[];
  readonly log?: Record<string, unknown>;
  readonly usedBy?: string;
  readonly region?: unknown;
}

async function json(...args: readonly string[]): Promise<Document> {
  const { exitCode, stdout, stderr } = await inspect(...args, '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Document;
}

const risksOf = async (...args: readonly string[]): Promise<string[]> =>
  (await json(...args)).risks.map(({ code }) => code);

function lay(id: string): void {
  fs.cpSync(corpusCase(id).backup, home, { recursive: true });
}

describe('inspect environment', () => {
  test('shows containers, log, checkpoint and risks', async () => {
    lay('dbxml-clean');
    const { exitCode, stdout, stderr } = await inspect('--home', home);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "<dir>/env: 2 database files, 4 log files
        library      Berkeley DB 4.8.26 or 4.8.30, by its log
        in use       by no process that could be seen
        DB_CONFIG    none
        log          4 files, 1 to 4, 2.0 MiB
        log version  16
        log reaches  from [1][28] to [4][175474]
        checkpoint   [4][175418] of 2026-11-22T09:23:29Z
        to redo      nothing: the log ends in its checkpoint

      file            kind                  version  pages   size       order   notes
      libretti.dbxml  DB XML, 13 databases  9        8192 B  336.0 KiB  little  checksums
      opera.dbxml     DB XML, 11 databases  9        4096 B  148.0 KiB  little

      1 risk:
        - without page checksums, damage by a disk can go unseen: opera.dbxml
          create containers with checksums (DB_CHKSUM, DBXML_CHKSUM): only then damage shows for certain.
      "
    `);
  });

  test('of a name that has a repository says that it looked at the newest set, and at which', async () => {
    layDemoEnvironment(home);
    const repository = path.join(path.dirname(home), 'repo');
    expect((await figaro(['hot', '--home', home, '--repo', repository])).exitCode).toBe(0);
    const config = path.join(path.dirname(home), 'config.toml');
    fs.writeFileSync(config, `[environments.orders]\nhome = '${home}'\nrepo = '${repository}'\n`);
    const document = await json('orders', '--config', config);
    const [set] = fs.readdirSync(repository).filter((name) => name.includes('-hot-'));
    expect(document).toMatchObject({ chain: set, set, home: `<dir>/repo/${set}/environment` });
    const { stdout } = await figaro(['inspect', 'environment', 'orders', '--config', config]);
    expect(stdout).toContain(`\n  this is      set ${set} in ${repository}\n`);
    // The application's own is no set.
    expect(await json('orders', '--config', config, '--home', home)).not.toHaveProperty('set');
    expect((await figaro(['inspect', 'environment', '--from', home])).stdout).toContain(
      '\n  this is      a plain copy\n',
    );
    expect((await inspect('--home', home)).stdout).not.toContain('this is');
  });

  test('tells what recovery of a crashed environment has to read', async () => {
    layDemoEnvironment(home);
    expect((await inspect('--home', home)).stdout).toMatchInlineSnapshot(`
      "<dir>/env: 2 database files, 6 log files
        library      Berkeley DB 4.8.26 or 4.8.30, by its log
        in use       by no process that could be seen
        DB_CONFIG    none
        log          6 files, 1 to 6, 1.5 MiB
        log version  16
        log reaches  from [1][28] to [6][5739]
        checkpoint   [2][205902] of 2026-11-22T09:23:22Z
        to redo      830.6 KiB, from [2][203830]

      file     kind                  version  pages   size       order   notes
      d.dbxml  DB XML, 11 databases  9        4096 B  120.0 KiB  little
      e.dbxml  DB XML, 13 databases  9        4096 B  144.0 KiB  little

      1 risk:
        - without page checksums, damage by a disk can go unseen: d.dbxml, e.dbxml
          create containers with checksums (DB_CHKSUM, DBXML_CHKSUM): only then damage shows for certain.
      "
    `);
  });

  test('looks at chains of a repository, and at plain copies over each other', async () => {
    layDemoEnvironment(home);
    const repo = path.join(directory, 'repo');
    expect((await figaro(['hot', '--home', home, '--repo', repo, '--quiet'])).exitCode).toBe(0);
    const { log, databases } = await json('--home', home);
    expect(await json('--repo', repo)).toMatchObject({ log: { end: log!['end'] }, databases });
    const logs = path.join(directory, 'logs');
    fs.mkdirSync(logs);
    for (const name of fs.readdirSync(home).filter((file) => file.startsWith('log.'))) {
      fs.renameSync(path.join(home, name), path.join(logs, name));
    }
    expect(await json('--from', home, '--from', logs)).toMatchObject({ log: { end: log!['end'] }, databases });
  });

  test('says which directories outside have the names that sets give them', async () => {
    layDemoEnvironment(home);
    const logs = path.join(directory, 'logs');
    fs.mkdirSync(logs);
    for (const name of fs.readdirSync(home).filter((file) => file.startsWith('log.'))) {
      fs.renameSync(path.join(home, name), path.join(logs, name));
    }
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), `set_lg_dir ${logs}\n`);
    const [, name] = /outside +<dir>\/logs, called (outside-logs-\w+)\n/.exec((await inspect('--home', home)).stdout)!;
    expect(await json('--home', home)).toMatchObject({ outside: [{ directory: '<dir>/logs', path: name }] });
  });

  // Elsewhere the kernel does not tell.
  test.runIf(process.platform === 'linux')('names a process that has it open', async () => {
    layDemoEnvironment(home);
    expect((await json('--home', home)).usedBy).toBeUndefined();
    const program =
      "require('node:fs').openSync(process.argv[1], 'r+'); console.log('open'); setInterval(() => {}, 1000)";
    const holder = spawn(process.execPath, ['-e', program, path.join(home, 'd.dbxml')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    expect((await json('--home', home)).usedBy).toMatch(
      new RegExp(`^<dir>/env is in use: process ${holder.pid} \\(.*\\) has <dir>/env/d.dbxml open$`),
    );
  });

  test.each([
    ['log_set_config DB_LOG_AUTO_REMOVE on', 'log-auto-remove'],
    ['set_flags db_log_autoremove', 'log-auto-remove'],
    ['set_log_config DB_LOG_IN_MEMORY on', 'log-in-memory'],
    ['set_flags DB_TXN_WRITE_NOSYNC on', 'commits-not-synced'],
    ['set_flags DB_TXN_NOSYNC', 'commits-not-synced'],
    ['set_data_dir /srv/elsewhere', 'outside'],
    ['set_lg_dir ../logs', 'outside'],
    ['set_slice_count 4', 'sliced'],
  ])('with %j in DB_CONFIG warns of %s', async (line, code) => {
    lay('dbxml-clean');
    const before = await risksOf('--home', home);
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), `# settings\n${line}\n`);
    expect((await risksOf('--home', home)).filter((risk) => !before.includes(risk))).toEqual([code]);
  });

  test('does not warn of what DB_CONFIG turns off again', async () => {
    lay('dbxml-clean');
    fs.writeFileSync(path.join(home, 'DB_CONFIG'), 'set_flags DB_TXN_NOSYNC\nset_flags DB_TXN_NOSYNC off\n');
    expect(await risksOf('--home', home)).toEqual(['no-checksums']);
  });

  test('warns of an environment without log', async () => {
    lay('ds-53');
    expect(await risksOf('--home', home)).toEqual(['no-log', 'no-checksums']);
  });

  test('warns of a log whose files are missing in between, damaged, or gone from the beginning', async () => {
    lay('dbxml-hot');
    expect(await risksOf('--home', home)).toEqual(['no-checksums']);
    fs.rmSync(path.join(home, 'log.0000000005'));
    const gap = await json('--home', home);
    expect(gap.risks[0]).toMatchObject({
      code: 'unreadable-log',
      message: 'the log cannot be read: log.0000000005 is missing between log.0000000004 and log.0000000006',
    });
    for (let number = 1; number < 10; number++) fs.rmSync(path.join(home, `log.000000000${number}`), { force: true });
    // Its last checkpoint says that recovery begins in file 9.
    const late = await json('--home', home);
    expect(late.risks[0]).toMatchObject({
      code: 'log-begins-late',
      message: expect.stringContaining('begin at [9][47301], but the log begins with log.0000000010') as string,
    });
    flipBit(path.join(home, 'log.0000000010'), 20);
    expect((await json('--home', home)).risks[0]).toMatchObject({ code: 'unreadable-log' });
  });

  test('shows a damaged log as far as it can be read', async () => {
    lay('damaged-lastlogflip-48');
    const { log, risks } = await json('--home', home);
    expect(risks[0]).toMatchObject({
      code: 'damaged-log',
      message: expect.stringContaining('log.0000000005 is damaged at [5][3515]') as string,
    });
    expect(log).toMatchObject({ end: '[5][3515]' });
    expect((await inspect('--home', home)).stdout).toContain('to [5][3515], where it is damaged\n');
  });

  test('warns of a container that is written without the log', async () => {
    lay('dbxml-clean');
    fs.copyFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'), path.join(home, 'plain.db'));
    const { databases, risks } = await json('--home', home);
    expect(databases.map(({ name, isUnlogged }) => [name, isUnlogged])).toEqual([
      ['libretti.dbxml', false],
      ['opera.dbxml', false],
      ['plain.db', true],
    ]);
    expect(risks[0]).toMatchObject({
      code: 'unlogged-container',
      message: expect.stringMatching(/^plain\.db /) as string,
    });
  });

  test('warns of a database whose first page is damaged', async () => {
    lay('dbxml-clean');
    flipBit(path.join(home, 'opera.dbxml'), 25);
    expect((await json('--home', home)).risks[0]).toMatchObject({
      code: 'damaged-container',
      message: 'opera.dbxml is a damaged database: its first page has type 8, not 9 as a btree file must',
    });
  });

  test('warns when the library found corruption', async () => {
    lay('dbxml-clean');
    const region = Buffer.alloc(4096);
    [0x00120897, 1, 4, 8, 26].forEach((value, i) => region.writeUInt32LE(value, 4 * i));
    fs.writeFileSync(path.join(home, '__db.001'), region);
    const { region: found, risks } = await json('--home', home);
    expect(found).toEqual({ library: '4.8.26', panic: true });
    expect(risks[0]).toMatchObject({ code: 'panic' });
    fs.writeFileSync(path.join(home, '__db.001'), region.subarray(0, 7));
    expect((await json('--home', home)).region).toBeUndefined();
  });

  test('of an encrypted environment tells what can be told without its password', async () => {
    lay('crypt-53-hot');
    const password = path.join(directory, 'password');
    const locked = await json('--home', home);
    expect(locked.risks.map(({ code }) => code)).toEqual(['no-password']);
    expect(locked.log).toMatchObject({ encrypted: true, files: 3 });
    fs.writeFileSync(password, 'figaro-test\n');
    const open = await json('--home', home, '--password-file', password);
    expect(open.risks).toEqual([]);
    // The last record that db_printlog of 5.3 prints.
    expect(open.log).toMatchObject({ encrypted: true, versions: [{ version: 19, release: '5.3' }] });
    fs.writeFileSync(password, 'wrong\n');
    const wrong = await inspect('--home', home, '--password-file', password);
    expect(wrong).toMatchObject({ exitCode: 10, stdout: '' });
    expect(wrong.stderr).toMatch(/^error \[password\]: .* does not open with this password\n/);
  });

  test('refuses a directory that is not there, and one that holds no environment', async () => {
    const { exitCode, stderr } = await inspect('--home', home);
    fs.mkdirSync(home);
    expect((await inspect('--home', home)).stderr).toContain('neither a container nor a log file is here');
    expect({ exitCode, stderr }).toMatchInlineSnapshot(`
      {
        "exitCode": 3,
        "stderr": "error [environment-missing]: <dir>/env: no such directory
      hint: give the directory that holds the containers and log files.
      ",
      }
    `);
  });
});
