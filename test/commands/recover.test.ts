import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { createRepository, openRepository, readSets } from '../../src/engine/repository/repository.ts';
import { demoApplication, layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { asOfFormat2 } from '../support/earlier-sets.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';

let directory: string;
let home: string;
let target: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  target = path.join(directory, 'restored');
});

/** Recovers plain copies. */
function recover(args: readonly string[] = [], surroundings: CliSurroundings = {}): Promise<CliResult> {
  return figaro(['recover', '--from', home, '--to', target, ...args], { directory, ...surroundings });
}

/** Changes bytes of a file of the environment. */
function overwrite(name: string, position: number, bytes: Uint8Array): void {
  const file = path.join(home, name);
  const contents = readFileSync(file);
  contents.set(bytes, position);
  writeFileSync(file, contents);
}

function flipBit(file: string, position: number): void {
  const contents = readFileSync(file);
  contents[position]! ^= 1;
  writeFileSync(file, contents);
}

describe('recover of plain copies', () => {
  beforeEach(() => layDemoEnvironment(home));

  test('makes a new environment and tells what it did', async () => {
    const { exitCode, stdout, stderr } = await recover();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "recovered <dir>/restored
        from                    <dir>/env
        log files               1 to 6
        recovered to            2026-11-22T09:23:25Z [5][254138]
        earliest restore point  2026-11-22T09:23:18Z [1][97688]
        log end                 [6][5699]
        log records             11,820 records, 1.3 MiB
        transactions            75 committed, 15 undone
        changes                 7377 redone, 0 undone, 2670 already there
        databases               d.dbxml, e.dbxml
      "
    `);
    expect(readdirSync(target)).toEqual(readdirSync(home));
    expect(readdirSync(directory)).toEqual(['env', 'restored']);
  });

  test('to a time ends with the last commit before it', async () => {
    const { exitCode, stdout } = await recover(['--to-time', '2026-11-22T10:23:20+01:00']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  asked for               2026-11-22T09:23:20Z\n');
    expect(stdout).toContain('  recovered to            2026-11-22T09:23:18Z [2][201770]\n');
  });

  test('to a time without a zone says that it was taken for local time', async () => {
    const { stdout } = await recover(['--to-time', '2026-11-22 09:23:20', '--dry-run']);
    const utc = new Date(2026, 10, 22, 9, 23, 20).toISOString().replace('.000Z', 'Z');
    expect(stdout).toContain(
      `  asked for               ${utc} (no zone was given: taken for local time, 2026-11-22T09:23:20`,
    );
  });

  test.each(['[2][109337]', '2/109337'])('to the LSN %s ends with that commit', async (lsn) => {
    expect((await recover(['--to-lsn', lsn])).stdout).toContain(
      '  recovered to            2026-11-22T09:23:18Z [2][109337]\n',
    );
  });

  test('to a transaction ends with its commit', async () => {
    const { exitCode, stdout } = await recover(['--to-txn', '80000039']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  asked for               transaction 80000039\n');
    expect(stdout).toContain('  recovered to            2026-11-22T09:23:18Z [2][34209]\n');
  });

  test('to a transaction that did not commit says so', async () => {
    const { exitCode, stderr } = await recover(['--to-txn', '1']);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('error [restore-point-unreachable]: transaction 1 does not commit in this log\n');
  });

  describe('with the surviving log', () => {
    let logs: string;

    /** Copies without the newest log: file 3 is shorter there, and the later ones are missing. */
    beforeEach(() => {
      logs = path.join(directory, 'logs');
      mkdirSync(logs);
      for (const number of [3, 4, 5, 6]) {
        const name = `log.000000000${number}`;
        copyFileSync(path.join(home, name), path.join(logs, name));
        if (number > 3) rmSync(path.join(home, name));
      }
      truncateSync(path.join(home, 'log.0000000003'), 150_000);
    });

    test('goes on to its end', async () => {
      const { exitCode, stdout } = await recover(['--surviving-logs', logs]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('  surviving logs          <dir>/logs\n  log files               1 to 6\n');
      expect(stdout).toContain('  recovered to            2026-11-22T09:23:25Z [5][254138]\n');
    });

    test('that begins in the next file is proven by what it points back to', async () => {
      copyFileSync(path.join(logs, 'log.0000000003'), path.join(home, 'log.0000000003'));
      rmSync(path.join(logs, 'log.0000000003'));
      const { exitCode, stdout } = await recover(['--surviving-logs', logs]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('  recovered to            2026-11-22T09:23:25Z [5][254138]\n');
    });

    test('refuses one that does not continue the copies', async () => {
      flipBit(path.join(logs, 'log.0000000003'), 100_000);
      const { exitCode, stderr } = await recover(['--surviving-logs', logs]);
      expect(exitCode).toBe(5);
      expect(stderr).toMatch(
        /^error \[chain-mismatch\]: <dir>\/logs does not continue the chain, .*: log\.0000000003 differs from the chain’s at byte 100000/,
      );
      expect(existsSync(target)).toBe(false);
    });

    test('refuses one with a gap before it', async () => {
      rmSync(path.join(logs, 'log.0000000003'));
      rmSync(path.join(logs, 'log.0000000004'));
      const { exitCode, stderr } = await recover(['--surviving-logs', logs]);
      expect(exitCode).toBe(5);
      expect(stderr).toMatch(
        /^error \[chain-gap\]: <dir>\/logs does not continue the chain: it goes on at log\.0000000005/,
      );
    });

    test('refuses a directory without log files', async () => {
      const empty = path.join(directory, 'empty');
      mkdirSync(empty);
      const { exitCode, stderr } = await recover(['--surviving-logs', empty]);
      expect(exitCode).toBe(3);
      expect(stderr).toMatch(/^error \[log-missing\]: <dir>\/empty holds no log files\n/);
    });
  });

  test('with --dry-run lists the files and writes nothing', async () => {
    const { exitCode, stdout, stderr } = await recover(['--dry-run']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^would recover <dir>\/restored\n {2}from +<dir>\/env\n {2}log files +1 to 6\n/);
    expect(stdout).toContain('database  120.0 KiB  <dir>/env/d.dbxml\n');
    expect(stdout).toMatch(/8 files, 1\.8 MiB; nothing was written\n$/);
    expect(readdirSync(directory)).toEqual(['env']);
  });

  test('lays later copies over earlier ones', async () => {
    const logs = path.join(directory, 'logs');
    mkdirSync(logs);
    for (const number of [3, 4, 5, 6]) {
      const name = `log.000000000${number}`;
      writeFileSync(path.join(logs, name), readFileSync(path.join(home, name)));
      // Of an earlier moment, or gone.
      if (number === 3) writeFileSync(path.join(home, name), Buffer.alloc(0));
      else rmSync(path.join(home, name));
    }
    const { exitCode, stdout } = await recover(['--from', logs]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('  recovered to            2026-11-22T09:23:25Z [5][254138]\n');
  });

  test('prints one document with --json', async () => {
    const { exitCode, stdout, stderr } = await recover(['--json', '--to-lsn', '2/109337']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'recover',
      dryRun: false,
      engine: 'embedded',
      target: '<dir>/restored',
      from: ['<dir>/env'],
      restorePoint: { kind: 'lsn', lsn: '[2][109337]' },
      recoveredTo: { lsn: '[2][109337]', time: '2026-11-22T09:23:18Z' },
      window: { first: { lsn: '[1][97688]' }, last: { lsn: '[5][254138]' } },
      databases: ['d.dbxml', 'e.dbxml'],
      warnings: [],
    });
  });

  test('says nothing with --quiet', async () => {
    expect(await recover(['--quiet'])).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('stopped by %s leaves nothing behind and ends with %i', async (signal, status) => {
    const { exitCode, stdout, stderr } = await recover([], { signal: AbortSignal.abort(signal) });
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: status,
      stdout: '',
      stderr: 'error [interrupted]: stopped before it was finished\n',
    });
    expect(readdirSync(directory)).toEqual(['env']);
  });
});

describe('recover refuses', () => {
  beforeEach(() => layDemoEnvironment(home));

  /** Exit status and first line of the message; nothing else may have happened. */
  async function refusal(args: readonly string[] = []): Promise<string> {
    const before = readdirSync(directory);
    const { exitCode, stdout, stderr } = await recover(args);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error \[[a-z-]+\]: [^\n]+\n(hint: [^\n]+\n)?$/);
    expect(readdirSync(directory)).toEqual(before);
    return `${exitCode} ${stderr.split('\n')[0]}`;
  }

  test('a directory that is not there', async () => {
    rmSync(home, { recursive: true });
    expect(await refusal()).toMatchInlineSnapshot(`"3 error [environment-missing]: <dir>/env: no such directory"`);
  });

  test('a directory that holds no environment', async () => {
    rmSync(home, { recursive: true });
    mkdirSync(home);
    writeFileSync(path.join(home, 'notes.txt'), 'no environment');
    expect(await refusal()).toMatchInlineSnapshot(
      `"3 error [environment-missing]: <dir>/env: neither a container nor a log file is here"`,
    );
  });

  test('a target that holds something', async () => {
    mkdirSync(target);
    writeFileSync(path.join(target, 'notes.txt'), 'keep me');
    expect(await refusal()).toMatchInlineSnapshot(
      `"6 error [target-not-empty]: <dir>/restored already holds notes.txt"`,
    );
    expect(readFileSync(path.join(target, 'notes.txt'), 'utf8')).toBe('keep me');
  });

  test('a target that is a file', async () => {
    writeFileSync(target, 'keep me');
    expect(await refusal()).toMatchInlineSnapshot(
      `"6 error [target-not-empty]: <dir>/restored is there already, and is not a directory"`,
    );
  });

  test('a time before the first commit', async () => {
    expect(await refusal(['--to-time', '2026-11-21T09:23:19Z'])).toMatchInlineSnapshot(
      `"5 error [restore-point-unreachable]: 2026-11-21T09:23:19Z is out of reach: recovery can go from 2026-11-22T09:23:18Z [1][97688] to 2026-11-22T09:23:25Z [5][254138]"`,
    );
  });

  test('an LSN behind the end of the log', async () => {
    expect(await refusal(['--to-lsn', '[7][28]'])).toMatchInlineSnapshot(
      `"5 error [restore-point-unreachable]: [7][28] is out of reach: recovery can go from 2026-11-22T09:23:18Z [1][97688] to 2026-11-22T09:23:25Z [5][254138]"`,
    );
  });

  test('a container page that is not the one its place says', async () => {
    overwrite('d.dbxml', 7 * 4096 + 8, Uint8Array.of(119));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [page-type]: <dir>/env/d.dbxml: page 7 is damaged: it calls itself page 119"`,
    );
  });

  test('a container page of no known type', async () => {
    overwrite('d.dbxml', 7 * 4096 + 25, Uint8Array.of(119));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [page-type]: <dir>/env/d.dbxml: page 7 is damaged: it has type 119, which no btree file has"`,
    );
  });

  test('a container that is newer than the log', async () => {
    for (const number of [4, 5, 6]) rmSync(path.join(home, `log.000000000${number}`));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [not-recoverable]: <dir>/env/d.dbxml: page 0 was last changed at [4][43482], but the log ends at [3][262108]"`,
    );
  });

  test('a container that is missing when the log does not go back to its creation', async () => {
    rmSync(path.join(home, 'log.0000000001'));
    rmSync(path.join(home, 'd.dbxml'));
    expect(await refusal()).toMatchInlineSnapshot(
      `"3 error [container-missing]: d.dbxml is missing: log record [2][29967] changes it, and the log does not create it"`,
    );
  });

  test('a container that is cut off when the log does not make up for it', async () => {
    rmSync(path.join(home, 'log.0000000001'));
    truncateSync(path.join(home, 'd.dbxml'), 3 * 4096);
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [not-recoverable]: d.dbxml: log record [2][29967] changes page 5, which the file does not have, and which the log does not allocate"`,
    );
  });

  test('a container whose first page is zero when the log does not make up for it', async () => {
    rmSync(path.join(home, 'log.0000000001'));
    overwrite('d.dbxml', 0, new Uint8Array(4096));
    expect(await refusal()).toMatchInlineSnapshot(
      `"3 error [container-missing]: d.dbxml is missing: log record [2][29967] changes it, and the log does not create it"`,
    );
  });

  test('a log file with a flipped bit', async () => {
    overwrite('log.0000000003', 100_000, Uint8Array.of(99));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [log-corrupt]: <dir>/env/log.0000000003 is damaged at [3][99936]: the record here does not match its checksum, but <dir>/env/log.0000000004 follows"`,
    );
  });

  test('a log file with a zeroed part', async () => {
    overwrite('log.0000000003', 100_000, new Uint8Array(50_000));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [log-corrupt]: <dir>/env/log.0000000003 is damaged at [3][99936]: the record here does not match its checksum, but <dir>/env/log.0000000004 follows"`,
    );
  });

  test('a log file that is cut off while another follows', async () => {
    truncateSync(path.join(home, 'log.0000000003'), 100_000);
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [log-corrupt]: <dir>/env/log.0000000003 is damaged at [3][99936]: a record with an impossible length stands here, but <dir>/env/log.0000000004 follows"`,
    );
  });

  test('a log file that is missing while another follows', async () => {
    rmSync(path.join(home, 'log.0000000003'));
    expect(await refusal()).toMatchInlineSnapshot(
      `"3 error [log-missing]: log.0000000003 is missing between log.0000000002 and log.0000000004"`,
    );
  });

  test('damage inside the last log file', async () => {
    overwrite('log.0000000006', 3000, Uint8Array.of(99));
    expect(await refusal()).toMatchInlineSnapshot(
      `"4 error [log-corrupt]: <dir>/env/log.0000000006 is damaged at [6][2965]: the record here does not match its checksum, but a good record follows at offset 3041"`,
    );
  });
});

describe('recover of a chain', () => {
  let repo: string;

  /** Takes a set at an hour of the day, and returns its name. */
  async function takeSet(kind: 'hot' | 'incremental', hour: number): Promise<string> {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date(Date.UTC(2026, 10, 22, hour)) });
    const { exitCode, stdout, stderr } = await figaro([kind, '--home', home, '--repo', repo, '--json']);
    vi.useRealTimers();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return (JSON.parse(stdout) as { set: { id: string } }).set.id;
  }

  /** A full set and two incrementals. */
  async function makeChain(): Promise<[string, string, string]> {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const full = await takeSet('hot', 9);
    application.commitUpTo([5, 110_402]);
    const first = await takeSet('incremental', 10);
    application.commitUpTo([6, 5737]);
    return [full, first, await takeSet('incremental', 11)];
  }

  const recoverChain = (...args: readonly string[]): Promise<CliResult> =>
    figaro(['recover', '--repo', repo, '--to', target, ...args], { directory });

  beforeEach(() => {
    repo = path.join(directory, 'repo');
    createRepository(nodeFiles, repo);
  });

  afterEach(() => void vi.useRealTimers());

  test('brings back the last commit, and does not need the environment', async () => {
    const sets = await makeChain();
    rmSync(home, { recursive: true });
    const { exitCode, stdout, stderr } = await recoverChain();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const set of sets) expect(stdout).toContain(set);
    expect(stdout).toContain('  recovered to            2026-11-22T09:23:25Z [5][254138]\n');
    expect(existsSync(path.join(target, 'd.dbxml'))).toBe(true);
  });

  test('goes as far as the set asked for', async () => {
    const [full, first, second] = await makeChain();
    const { stdout } = await recoverChain('--to-set', first);
    expect(stdout).toContain(full);
    expect(stdout).not.toContain(second);
    expect(stdout).toContain('  recovered to            2026-11-22T09:23:25Z [5][110358]\n');
  });

  test('refuses a repository that is not there', async () => {
    rmSync(repo, { recursive: true });
    const { exitCode, stderr } = await recoverChain();
    expect(exitCode).toBe(5);
    expect(stderr).toMatchInlineSnapshot(`
      "error [repository-missing]: <dir>/repo: there is no repository here
      hint: name the right directory with --repo, or take a first backup: it creates the repository.
      "
    `);
  });

  test('refuses a set that is not there', async () => {
    await makeChain();
    const { exitCode, stderr } = await recoverChain('--to-set', '20200101T000000Z-hot-000000');
    expect(exitCode).toBe(5);
    expect(stderr).toMatchInlineSnapshot(`
      "error [set-missing]: there is no set 20200101T000000Z-hot-000000
      hint: see \`figaro-backup list\`.
      "
    `);
  });

  test('gives an older state than that of the newest set, which is damaged, only when the chain is named', async () => {
    const [full, , last] = await makeChain();
    truncateSync(path.join(repo, last, 'manifest.json'), 100);
    expect((await recoverChain()).exitCode).toBe(5);
    const { exitCode, stdout, stderr } = await recoverChain('--chain', full);
    expect(exitCode).toBe(0);
    expect(stderr.replace(last, '<set>')).toContain('warning: <set> is damaged and left out: ');
    expect(stdout).toContain('[5][110358]');
  });

  test.each([
    ['is changed in a page without checksum', 'file-checksum', 4, (file: string) => flipBit(file, 20 * 4096 + 2000)],
    ['has a page with the number of another', 'file-checksum', 4, (file: string) => flipBit(file, 20 * 4096 + 8)],
    ['is cut off', 'file-checksum', 4, (file: string) => truncateSync(file, 20 * 4096)],
    ['is missing', 'set-incomplete', 5, (file: string) => rmSync(file)],
    ['has a stranger beside it', 'file-checksum', 4, (file: string) => copyFileSync(file, `${file}.copy`)],
  ])('refuses a set in which a container %s', async (_what, code, status, damage) => {
    const [full] = await makeChain();
    damage(path.join(repo, full, 'environment', 'd.dbxml'));
    const { exitCode, stdout, stderr } = await recoverChain();
    expect({ exitCode, stdout }).toEqual({ exitCode: status, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^error \\[${code}\\]: <dir>/repo/.*/environment/d\\.dbxml.* is damaged: `));
    expect(readdirSync(directory).sort()).toEqual(['env', 'repo']);
  });

  test('does not mind a damaged log file that a later set holds, too, as those of earlier versions do', async () => {
    const [full, first] = await makeChain();
    asOfFormat2(
      readSets(nodeFiles, openRepository(nodeFiles, repo)).sets.filter(({ id }) => [full, first].includes(id)),
    );
    truncateSync(path.join(repo, full, 'environment', 'log.0000000004'), 100);
    expect(await recoverChain('--quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('refuses a set whose parent is missing', async () => {
    const [, first, second] = await makeChain();
    rmSync(path.join(repo, first), { recursive: true });
    const { exitCode, stderr } = await recoverChain('--to-set', second);
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`error [chain-gap]: ${second} continues ${first}, which is not in the repository\n`);
  });
});
