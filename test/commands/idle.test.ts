/** An incremental of an environment in which nothing has happened, and what `check` makes of it. */

import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/engine/repository/manifest.ts';
import { type RecordedApplication } from '../../demo/application.ts';
import { demoApplication, layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { describeNative } from '../support/native.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';
import { namesIn } from '../support/trees.ts';
import { inQuotes, isWindows } from '../support/windows.ts';

let directory: string;
let home: string;
let repo: string;
let application: RecordedApplication;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  repo = path.join(directory, 'repo');
});

const take = async (kind: string, ...more: string[]): Promise<CliResult> => {
  const result = await figaro([kind, '--home', home, '--repo', repo, ...more], { directory });
  expect(result).toMatchObject({ exitCode: 0 });
  return result;
};
const inRepo = async (command: string, ...more: string[]): Promise<CliResult> =>
  await figaro([command, '--repo', repo, ...more], { directory });
const sets = (): string[] => namesIn(repo).filter((name) => name.includes('-'));

/** The set that a backup made: of those of one second, the names do not tell which is newer. */
function idOf({ stdout }: CliResult): string {
  return (JSON.parse(stdout) as { readonly set: { readonly id: string } }).set.id;
}

/** Changes a manifest, and seals it again. */
function change(id: string, by: (manifest: Manifest) => Manifest): void {
  const file = path.join(repo, id, 'manifest.json');
  writeFileSync(file, encodeManifest(by(decodeManifest(readFileSync(file, 'utf8'), file))));
}

describe('an incremental of an idle environment', () => {
  beforeEach(async () => {
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await take('hot');
  });

  test('adds no set, is silent, and says so when asked', async () => {
    const before = sets();
    const [full] = before;
    expect(await take('incremental')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await take('incremental', '-v')).stdout).toBe(`nothing new since ${full}: no set was made\n`);
    expect(JSON.parse((await take('incremental', '--json')).stdout)).toMatchObject({
      nothingNew: { chain: full, set: full, end: '[4][72115]' },
    });
    expect(sets()).toEqual(before);
    expect(await inRepo('verify')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('is a sign of life: check counts it, and so do its metrics, list and --to-time', async () => {
    const [full] = sets();
    change(full!, (manifest) => ({
      ...manifest,
      started: '2026-11-23T00:00:00.000Z',
      finished: '2026-11-23T00:00:01.000Z',
    }));
    expect(await inRepo('check', '--max-age', '1h')).toMatchObject({ exitCode: 11 });
    await take('incremental');
    expect(await inRepo('check', '--max-age', '1h', '-v')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/-hot-\w+, nothing newer in the source .+ ago\n/) as string,
    });
    const { newest } = JSON.parse((await inRepo('check', '--json')).stdout) as {
      newest: { time: string; lastLook: string; ageMs: number };
    };
    expect(newest.time).toBe('2026-11-23T00:00:01.000Z');
    expect(newest.ageMs).toBeLessThan(3_600_000);
    const metrics = path.join(directory, 'metrics');
    await inRepo('check', '--prometheus', metrics);
    expect(readFileSync(metrics, 'utf8')).toContain(
      `newest_set_timestamp_seconds{repository="${inQuotes(repo)}"} ${Date.parse(newest.lastLook) / 1000}`,
    );
    expect((await inRepo('list')).stdout).toContain(`nothing newer ${newest.lastLook.slice(0, 19)}Z`);
    const to = ['--to', path.join(directory, 'out'), '--dry-run', '--to-time'];
    expect(await inRepo('recover', ...to, newest.lastLook)).toMatchObject({ exitCode: 0 });
    expect(await inRepo('recover', ...to, '2099-01-01T00:00:00Z')).toMatchObject({ exitCode: 5 });
  });

  test('whose sign of life cannot be read or is dated in the future counts as not made', async () => {
    const [full] = sets();
    change(full!, (manifest) => ({
      ...manifest,
      started: '2026-11-23T00:00:00.000Z',
      finished: '2026-11-23T00:00:01.000Z',
    }));
    for (const contents of ['', '{', '{"time":"soon"}', '{"time":"2099-01-01T00:00:00.000Z"}']) {
      writeFileSync(path.join(repo, full!, 'last-look.json'), contents);
      expect(await inRepo('check', '--max-age', '1h'), contents).toMatchObject({ exitCode: 11 });
    }
    await take('incremental');
    expect(await inRepo('check', '--max-age', '1h')).toMatchObject({ exitCode: 0 });
  });

  test('adds one as soon as a record is there, be it of a checkpoint alone, and goes on from there', async () => {
    await take('incremental');
    application.commitUpTo([6, 5737]);
    await take('incremental');
    expect(sets()).toHaveLength(2);
    await take('incremental');
    expect(sets()).toHaveLength(2);
    expect(JSON.parse((await take('incremental', '--json')).stdout)).toMatchObject({ nothingNew: { set: sets()[1] } });
  });

  test('adds one for files of the application that are new, changed settings, and the proof that was missing', async () => {
    writeFileSync(path.join(home, 'letter.xml'), '<a/>');
    await take('incremental', '--include', '*.xml');
    await take('incremental', '--include', '*.xml');
    expect(sets()).toHaveLength(2);
    appendFileSync(path.join(home, 'DB_CONFIG'), '# a comment\n');
    const third = await take('incremental', '--include', '*.xml', '--json');
    expect(third.stdout).toContain('DB_CONFIG has changed');
    expect(await take('incremental', '--include', '*.xml')).toMatchObject({ stderr: '' });
    expect(sets()).toHaveLength(3);
    change(idOf(third), ({ proof: _proof, ...manifest }) => ({ ...manifest, proof: undefined }));
    await take('incremental');
    expect(sets()).toHaveLength(4);
  });

  test('adds one when a container goes without the log saying so, and comes back, each once', async () => {
    const away = path.join(directory, 'd.dbxml');
    renameSync(path.join(home, 'd.dbxml'), away);
    for (let i = 0; i < 2; i++) expect((await take('incremental')).stderr).toContain('d.dbxml is in ');
    expect(sets()).toHaveLength(2);
    expect(await inRepo('check')).toMatchObject({ exitCode: 3 });
    renameSync(away, path.join(home, 'd.dbxml'));
    for (let i = 0; i < 2; i++) expect((await take('incremental')).stderr).toBe('');
    expect(sets()).toHaveLength(3);
    expect(await inRepo('check')).toMatchObject({ exitCode: 0 });
  });

  test('gives hooks no set', async () => {
    const log = path.join(directory, 'log');
    // What is not set is left there as it is.
    const [values, none] = isWindows
      ? ['%FIGARO_BACKUP_RESULT% %FIGARO_BACKUP_SET%', '"success %FIGARO_BACKUP_SET%"']
      : ['$FIGARO_BACKUP_RESULT $FIGARO_BACKUP_SET', 'success '];
    await take('incremental', '--run-after', `echo "${values}"> "${log}"`);
    expect(readFileSync(log, 'utf8').replace(/\r?\n$/, '')).toBe(none);
  });
});

describeNative('an incremental of an environment', () => {
  test('in which only a checkpoint was taken adds a set: its log file may be removed before the next', async () => {
    const session = new Session(home, ['--log-max', '60000']);
    session.do('open a auto a.db - btree 1024', 'put a auto 0 100 100 one');
    await take('hot');
    session.do('checkpoint');
    await take('incremental');
    await take('incremental');
    expect(sets()).toHaveLength(2);
    session.do('put a auto 0 500 100 two', 'checkpoint', 'remove-logs');
    await session.leave();
  });
});

describe('check', () => {
  test('tells when the newest set is of another environment, unless that was asked for', async () => {
    layDemoEnvironment(home);
    await take('hot');
    const id = idOf(await take('hot', '--json'));
    expect(await inRepo('check')).toMatchObject({ exitCode: 0 });
    // As an earlier version took it.
    const foreign = (manifest: Manifest): Manifest => ({
      ...manifest,
      source: '/srv/other',
      files: manifest.files.map((file) =>
        file.databaseId ? { ...file, databaseId: file.databaseId.replaceAll(/./g, 'a') } : file,
      ),
    });
    change(id, foreign);
    const { exitCode, stdout } = await inRepo('check');
    expect(exitCode).toBe(5);
    expect(stdout).toContain(`[chain-mismatch] ${id}, the newest chain, is of /srv/other on `);
    change(id, (manifest) => ({ ...manifest, newSource: true }));
    expect(await inRepo('check')).toMatchObject({ exitCode: 0 });
  });
});
