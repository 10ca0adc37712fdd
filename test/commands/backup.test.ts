import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type RecordedApplication } from '../../demo/application.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { newPlace } from '../support/place.ts';

let directory: string;
let home: string;
let repo: string;
let application: RecordedApplication;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
});

/** Runs a command; times and chance are made the same for all runs. */
async function run(args: readonly string[], surroundings: CliSurroundings = {}): Promise<CliResult> {
  const result = await figaro(args, { directory, ...surroundings });
  return { ...result, stdout: withoutChance(result.stdout), stderr: withoutChance(result.stderr) };
}

function withoutChance(text: string): string {
  return text
    .replaceAll(/\d{8}T\d{6}Z-(\w+)-[0-9a-f]{6}/g, '<set>-$1')
    .replaceAll(/(?<=\/env on )\S+(?=, \d|: log)/g, '<host>')
    .replaceAll(/(?<= )20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=  )/g, '<time>')
    .replaceAll(/verified 20\d\d-\d\d-\d\dT[\d:]+Z/g, 'verified <time>');
}

function backup(kind: string, ...more: readonly string[]): Promise<CliResult> {
  return run([kind, '--home', home, '--repo', repo, ...more]);
}

describe('backups', () => {
  test('are silent when all is well', async () => {
    expect(await backup('hot')).toEqual({ exitCode: 0, stdout: '', stderr: 'created repository <dir>/repo\n' });
    expect(await backup('hot')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    application.commitUpTo([6, 5737]);
    expect(await backup('incremental')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('take their directories from the environment variables', async () => {
    const env = { DB_HOME: home, FIGARO_BACKUP_REPO: repo };
    expect(await run(['hot', '--quiet'], { env })).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('tell what they did when asked', async () => {
    expect((await backup('hot', '--verbose')).stdout).toMatchInlineSnapshot(`
      "<set>-hot: 5 files, 846.3 KiB
      proven recoverable: 42 transactions in the log, 4,035 changes to redo, 0 to undo
      can be restored up to 2026-11-22T09:23:22Z [4][72071]
      "
    `);
  });

  test('warn on stderr', async () => {
    expect(await backup('offline')).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stderr": "created repository <dir>/repo
      warning: the log does not end in a checkpoint: the containers of this set are not usable before recovery
      ",
        "stdout": "",
      }
    `);
  });

  test('print the manifest with --json', async () => {
    const { stdout } = await backup('hot', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ set: { kind: 'hot', log: { end: '[4][72115]' } } });
  });

  test('say in one line and a hint what is wrong', async () => {
    await backup('hot');
    application.commitUpTo([6, 5737]);
    for (const number of [1, 2, 3, 4, 5]) unlinkSync(path.join(home, `log.000000000${number}`));
    expect(await backup('incremental')).toMatchInlineSnapshot(`
      {
        "exitCode": 5,
        "stderr": "error [chain-gap]: <dir>/env does not continue the chain: it goes on at log.0000000006, but the newest set ends in log.0000000004 at [4][72115]
      hint: the chain, <set>-hot, is of <dir>/env on <host>: log files were removed since then. Take a full backup with \`figaro-backup hot\`, and incrementals more often than log files are removed.
      ",
        "stdout": "",
      }
    `);
  });
});

describe('list', () => {
  test('shows chains and how far they reach', async () => {
    await backup('hot');
    application.commitUpTo([6, 5737]);
    await backup('incremental');
    expect((await run(['list', '--repo', repo])).stdout).toMatchInlineSnapshot(`
      "<set>-hot: <dir>/env on <host>, 2 sets, 1.3 MiB
        earliest restore point  2026-11-22T09:23:18Z [2][201770]
        latest restore point    2026-11-22T09:23:25Z [5][254138]
          <set>-hot          <time>  846.3 KiB
          <set>-incremental  <time>  445.8 KiB
      "
    `);
  });

  test('shows what is broken apart', async () => {
    await backup('hot');
    const [id] = namesIn(repo);
    application.commitUpTo([6, 5737]);
    await backup('incremental');
    const manifest = path.join(repo, id!, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('hot', 'hat'));
    const { stdout, exitCode } = await run(['list', '--repo', repo]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "without their chain:
          <set>-incremental  continues <set>-hot, which is not in the repository

      not usable as sets:
          <set>-hot  damaged: <dir>/repo/<set>-hot/manifest.json: the manifest does not match its own checksum
      "
    `);
  });

  test('gives one document with --json', async () => {
    await backup('hot');
    const { stdout } = await run(['list', '--repo', repo, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      chains: [{ sets: [{ kind: 'hot', fileCount: 5 }] }],
      orphans: [],
      broken: [],
    });
  });

  test('of no repository fails', async () => {
    expect(await run(['list', '--repo', repo])).toMatchInlineSnapshot(`
      {
        "exitCode": 5,
        "stderr": "error [repository-missing]: <dir>/repo: there is no repository here
      hint: name the right directory with --repo, or take a first backup: it creates the repository.
      ",
        "stdout": "",
      }
    `);
  });
});

describe('verify', () => {
  beforeEach(() => backup('hot'));

  test('is silent when all is well, and tells when asked', async () => {
    expect(await run(['verify', '--repo', repo])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect((await run(['verify', '--repo', repo, '--rehearse', '-v'])).stdout).toMatchInlineSnapshot(`
      "1 set, 846.3 KiB, 66 pages, 6,144 log records: all good
      recovery rehearsed: 1 chain
      "
    `);
    expect((await run(['list', '--repo', repo])).stdout).toMatch(/ {2}verified\n/);
  });

  test('tells every finding and fails', async () => {
    const [id] = namesIn(repo);
    const file = path.join(repo, id!, 'environment/d.dbxml');
    const contents = readFileSync(file);
    contents[3 * 4096 + 25] = 77;
    writeFileSync(file, contents);
    expect(await run(['verify', '--repo', repo])).toMatchInlineSnapshot(`
      {
        "exitCode": 4,
        "stderr": "",
        "stdout": "<set>-hot: [file-checksum] d.dbxml does not match its SHA-256 in the manifest
      <set>-hot: [page-type] d.dbxml: page 3 is damaged: it has type 77, which no btree file has
      1 set, 846.3 KiB, 66 pages, 6,144 log records: 2 findings
      ",
      }
    `);
  });
});
