import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { compareDatabases, corpusCase } from '../support/corpus.ts';
import { flipBit } from '../support/damage.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { missingIn, recordsIn } from '../support/dumps.ts';
import { unlocked } from '../support/unlocked.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { newPlace } from '../support/place.ts';

let directory: string;
let home: string;
let repo: string;
let passwordFile: string;
const recorded = corpusCase('crypt-53-hot');

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  passwordFile = path.join(directory, 'password');
  fs.cpSync(recorded.backup, home, { recursive: true });
  fs.writeFileSync(passwordFile, 'figaro-test\n');
});

async function run(args: readonly string[], surroundings: CliSurroundings = {}): Promise<CliResult> {
  const result = await figaro(args, { directory, ...surroundings });
  const plain = (text: string): string => text.replaceAll(/\d{8}T\d{6}Z-(\w+)-[0-9a-f]{6}/g, '<set>-$1');
  return { ...result, stdout: plain(result.stdout), stderr: plain(result.stderr) };
}

const withPassword = (...args: readonly string[]): Promise<CliResult> =>
  run([...args, '--password-file', passwordFile]);
const source = (): string[] => ['--home', home, '--repo', repo];
const good: CliResult = { exitCode: 0, stdout: '', stderr: '' };
/** Of the first backup. */
const created: CliResult = { ...good, stderr: 'created repository <dir>/repo\n' };

async function expectRecovery(...from: readonly string[]): Promise<void> {
  const target = path.join(directory, 'recovered');
  expect(await withPassword('recover', '--quiet', ...from, '--to', target)).toEqual(good);
  expect(compareDatabases(target, recorded.expected, unlocked('figaro-test'))).toEqual([]);
}

describe('an encrypted environment, with its password', () => {
  test.each(['hot', 'offline'])('is backed up by %s, checked, rehearsed and recovered as any other', async (kind) => {
    expect((await withPassword(kind, '--quiet', ...source())).exitCode).toBe(0);
    expect(await withPassword('incremental', ...source())).toEqual(good);
    const verified = await withPassword('verify', '--rehearse', '--json', '--repo', repo);
    expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [], warnings: [], records: 2064 });
    await expectRecovery('--repo', repo);
  });

  test('is dumped', async () => {
    await expectRecovery('--from', home);
    const file = path.join(directory, 'recovered', 'multi.db');
    expect(await withPassword('dump', file, '--list')).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stderr": "",
        "stdout": "btree  s1
      recno  s2
      2 databases, pages of 1024 bytes
      ",
      }
    `);
  });

  test('is salvaged, without its first page, too', async () => {
    await expectRecovery('--from', home);
    const file = path.join(directory, 'recovered', 'multi.db');
    const sound = await withPassword('dump', file);
    expect(await withPassword('dump', '--salvage', file)).toEqual(sound);
    expect((await run(['dump', '--salvage', file])).exitCode).toBe(10);
    fs.writeFileSync(file, fs.readFileSync(file).fill(0, 0, 1024));
    const salvaged = await withPassword('dump', '--salvage', file);
    expect(salvaged.exitCode).toBe(4);
    expect(recordsIn(salvaged.stdout)).toEqual(recordsIn(sound.stdout));
    // Of a page whose code is wrong, nothing is given.
    flipBit(file, 3 * 1024 + 300);
    const less = await withPassword('dump', '--salvage', file);
    expect(less.stderr).toContain('page 3: it is passed over: it does not match its checksum');
    expect(missingIn(recordsIn(sound.stdout), recordsIn(less.stdout))).toEqual([]);
  });

  test('takes the password file from the environment variable', async () => {
    const env = { FIGARO_BACKUP_PASSWORD_FILE: passwordFile };
    expect(await run(['hot', ...source()], { env })).toEqual(created);
  });

  test('with a damaged page fails the backup and is found by verify', async () => {
    expect(await withPassword('hot', ...source())).toEqual(created);
    const [set] = fs.readdirSync(repo).filter((name) => name.includes('-hot-'));
    flipBit(path.join(repo, set!, 'environment', 'secret.db'), 2 * 512 + 300);
    const verified = await withPassword('verify', '--repo', repo);
    expect(verified.exitCode).toBe(4);
    expect(verified.stdout).toContain('[page-checksum] secret.db: page 2 is damaged: it does not match its checksum');
    flipBit(path.join(home, 'secret.db'), 2 * 512 + 300);
    const failed = await withPassword('hot', ...source());
    expect(failed).toMatchObject({ exitCode: 4 });
    expect(failed.stderr).toContain('error [page-checksum]: <dir>/env/secret.db: page 2 is damaged');
    const refused = await withPassword('recover', '--from', home, '--to', path.join(directory, 'recovered'));
    expect(refused.stderr).toContain('error [page-checksum]: <dir>/env/secret.db: page 2 is damaged');
  });

  // The MAC does not cover the vector, which damages type, transaction and link to the record before.
  test.each([
    ['its body', 48 + 5, '<dir>/env/log.0000000002 is damaged at [2][64]: the record here does not match its checksum'],
    ['its MAC', 8, '<dir>/env/log.0000000002 is damaged at [2][64]: the record here does not match its checksum'],
    ['its vector, at the type', 28, 'log record [2][64]: the fields of a fop_rename_noundo record do not fill'],
    ['its vector, at the transaction', 28 + 4, 'log record [2][64] of transaction 8000002e names'],
    ['its vector, at the link', 28 + 8, 'log record [2][64] of transaction 8000002f names'],
  ])('with a log record damaged in %s is refused', async (_where, at, message) => {
    flipBit(path.join(home, 'log.0000000002'), 64 + at);
    expect(await withPassword('recover', '--from', home, '--to', path.join(directory, 'recovered'))).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining(`error [log-corrupt]: ${message}`) as string,
    });
  });

  test('with a damaged header of a log file is refused as damaged, not for its password', async () => {
    flipBit(path.join(home, 'log.0000000002'), 50);
    expect(await withPassword('recover', '--from', home, '--to', path.join(directory, 'recovered'))).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('log.0000000002: its header does not match its checksum') as string,
    });
  });

  test('with a damaged first page of one container is refused as damaged, not for its password', async () => {
    flipBit(path.join(home, 'secret.db'), 460);
    expect(await withPassword('recover', '--from', home, '--to', path.join(directory, 'recovered'))).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('secret.db is a damaged database: its first page cannot be decrypted') as string,
    });
  });

  test('is not given to db_recover, which would show the password', async () => {
    const target = path.join(directory, 'recovered');
    expect(await withPassword('recover', '--engine', 'native', '--from', home, '--to', target)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('would show the password') as string,
    });
    expect(fs.existsSync(target)).toBe(false);
  });
});

describe('an encrypted environment, without its password', () => {
  test.each(['hot', 'offline'])('is copied by %s, which says what was not checked', async (kind) => {
    const copied = await run([kind, '--verbose', ...source()]);
    expect(copied.exitCode).toBe(0);
    expect(copied.stdout).toMatch(/\nencrypted, and copied without the password: not proven recoverable\n$/);
    expect(copied.stderr).toContain(
      'warning: <dir>/env is encrypted and was copied without the password: pages were read twice, but neither they nor log records could be checked, and recovery was not rehearsed.',
    );
    expect(await run(['incremental', ...source()])).toMatchObject({ exitCode: 0 });
    const listed = await run(['list', '--repo', repo]);
    expect(listed.stdout).toContain('copied without the password: what it can be recovered to is not known');
    await expectRecovery('--repo', repo);
  });

  test('can be verified later, with it', async () => {
    await run(['hot', ...source()]);
    const without = await run(['verify', '--repo', repo]);
    expect(without).toMatchObject({ exitCode: 0 });
    expect(without.stderr).toContain('no password was given: pages and log records were not checked');
    expect(await run(['verify', '--repo', repo, '--rehearse'])).toMatchObject({ exitCode: 10 });
    const verified = await withPassword('verify', '--rehearse', '--json', '--repo', repo);
    expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [], warnings: [], records: 2064 });
  });

  test('may end in a torn record, which nobody notices before the password is there', async () => {
    const log = path.join(home, 'log.0000000003');
    const bytes = fs.readFileSync(log);
    bytes.fill(0, 34336 + 60, 34448);
    fs.writeFileSync(log, bytes);
    const copied = JSON.parse((await run(['offline', '--json', ...source()])).stdout) as { set: object };
    expect(copied.set).toMatchObject({ unread: true, log: { lastRecord: '[3][34336]', end: '[3][34448]' } });
    const verified = await withPassword('verify', '--rehearse', '--json', '--repo', repo);
    expect(JSON.parse(verified.stdout)).toMatchObject({ findings: [], records: 2063 });
    await expectRecovery('--repo', repo);
  });

  test('is neither recovered nor dumped', async () => {
    expect(await run(['recover', '--from', home, '--to', path.join(directory, 'recovered')])).toMatchInlineSnapshot(`
      {
        "exitCode": 10,
        "stderr": "error [password]: <dir>/env/heap.db is encrypted
      hint: give the file that holds the password: --password-file, or $FIGARO_BACKUP_PASSWORD_FILE.
      ",
        "stdout": "",
      }
    `);
    expect(await run(['dump', path.join(home, 'secret.db')])).toMatchObject({ exitCode: 10 });
    for (const name of fs.readdirSync(home)) if (!name.startsWith('log.')) fs.rmSync(path.join(home, name));
    const logsOnly = await run(['recover', '--from', home, '--to', path.join(directory, 'recovered')]);
    expect(logsOnly.stderr).toContain('error [password]: <dir>/env/log.0000000003 is encrypted');
  });
});

describe('a password', () => {
  test('that does not fit is told apart from none', async () => {
    fs.writeFileSync(passwordFile, 'another');
    const target = path.join(directory, 'recovered');
    expect(await withPassword('recover', '--from', home, '--to', target)).toMatchInlineSnapshot(`
      {
        "exitCode": 10,
        "stderr": "error [password]: <dir>/env/heap.db does not open with this password
      hint: it is another password, or the first page of the file is damaged.
      ",
        "stdout": "",
      }
    `);
    expect(await withPassword('hot', ...source())).toMatchObject({ exitCode: 10 });
    expect(await withPassword('dump', path.join(home, 'secret.db'))).toMatchObject({ exitCode: 10 });
    for (const name of fs.readdirSync(home)) if (!name.startsWith('log.')) fs.rmSync(path.join(home, name));
    const logsOnly = await withPassword('recover', '--from', home, '--to', target);
    expect(logsOnly).toMatchObject({ exitCode: 10 });
    expect(logsOnly.stderr).toContain('<dir>/env/log.0000000003 does not open with this password');
  });

  test.each([
    ['is not there', () => fs.rmSync(passwordFile), 'no such file'],
    ['is empty', () => fs.writeFileSync(passwordFile, '\n'), 'it is empty'],
    [
      'is a directory',
      () => {
        fs.rmSync(passwordFile);
        fs.mkdirSync(passwordFile);
      },
      'is not a regular file',
    ],
    [
      'is another file',
      () => fs.writeFileSync(passwordFile, 'x'.repeat(5000)),
      'it has 4.9 KiB, more than the 4.0 KiB of a password',
    ],
  ])('whose file %s is no password', async (_what, spoil, problem) => {
    spoil();
    const { exitCode, stderr } = await withPassword('hot', ...source());
    expect(exitCode).toBe(10);
    expect(stderr).toContain(`error [password]: the password cannot be read: <dir>/password: ${problem}`);
  });

  test('ends before a line end of Windows, too', async () => {
    fs.writeFileSync(passwordFile, 'figaro-test\r\n');
    expect(await withPassword('hot', ...source())).toEqual(created);
  });

  test('does no harm where nothing is encrypted', async () => {
    const plain = path.join(directory, 'plain');
    demoApplication(plain).commitUpTo([4, 72_115]);
    expect(await withPassword('hot', '--home', plain, '--repo', repo)).toEqual(created);
    expect(await withPassword('verify', '--rehearse', '--repo', repo)).toEqual(good);
    const target = path.join(directory, 'recovered');
    expect(await withPassword('recover', '--quiet', '--repo', repo, '--to', target)).toEqual(good);
    const container = fs.readdirSync(target).find((name) => name.endsWith('.dbxml'))!;
    expect(await withPassword('dump', '--quiet', '--list', path.join(target, container))).toEqual(good);
  });
});
