import { spawnSync } from 'node:child_process';
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { demoApplication, layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { describeNative, runWorkload } from '../support/native.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { fingerprint } from '../support/trees.ts';

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
});

async function logs(...args: readonly string[]): Promise<CliResult> {
  return await figaro(['logs', ...args], { directory });
}

interface PrintedRecord {
  readonly lsn: string;
  readonly type: string;
  readonly txn?: string;
  readonly prev?: string;
  readonly file?: string;
  readonly fields: { readonly pgno?: number; readonly timestamp?: string };
}

async function printed(...args: readonly string[]): Promise<PrintedRecord[]> {
  const { exitCode, stdout } = await logs('print', '--json', ...args);
  expect(exitCode).toBe(0);
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as PrintedRecord);
}

describe('of a DB XML environment', () => {
  beforeEach(() => {
    layDemoEnvironment(home);
  });

  test.each(['timeline', 'print'])(
    '%s --container of a container that is not there lists what there is',
    async (command) => {
      const wrong = await logs(command, '--home', home, '--container', 'nope.dbxml');
      expect(wrong).toEqual({
        exitCode: 3,
        stdout: '',
        stderr:
          'error [container-missing]: nope.dbxml is neither in this log nor beside it\nhint: there is d.dbxml, e.dbxml.\n',
      });
      // A database of which the log says nothing is there all the same.
      writeFileSync(path.join(home, 'quiet.db'), readFileSync(path.join(home, 'd.dbxml')));
      expect((await logs(command, '--home', home, '--container', 'quiet.db')).exitCode).toBe(0);
    },
  );

  test('list shows the files and what recovery needs', async () => {
    expect((await logs('list', '--home', home)).stdout).toMatchSnapshot();
  });

  test('timeline shows what was committed when, and how to get back to before it', async () => {
    const before = fingerprint(home);
    expect((await logs('timeline', '--from', home, '--largest', '3')).stdout).toMatchSnapshot();
    expect(fingerprint(home)).toEqual(before);
  });

  test('the command that timeline gives restores to before the transaction', async () => {
    const { stdout } = await logs('timeline', '--from', home, '--largest', '2');
    const lsn = /--to-lsn '(.*)'/.exec(stdout)![1]!;
    const target = path.join(directory, 'recovered');
    const recovery = await figaro(['recover', '--from', home, '--to', target, '--to-lsn', lsn, '--json']);
    expect(JSON.parse(recovery.stdout)).toMatchObject({ recoveredTo: { lsn } });
  });

  test('print shows one record a line', async () => {
    const { stdout } = await logs('print', '--home', home, '--from-lsn', '[6][28]', '--to-lsn', '[6][2600]');
    expect(stdout).toMatchSnapshot();
  });

  test('print shows what was asked for only', async () => {
    const all = await printed('--home', home);
    expect(all.length).toBeGreaterThan(1000);
    const splits = await printed('--home', home, '--type', 'bam_split');
    expect(splits).toEqual(all.filter(({ type }) => type === 'bam_split'));
    expect(splits.length).toBeGreaterThan(1);
    const { txn } = splits[0]!;
    expect(await printed('--home', home, '--txn', txn!)).toEqual(all.filter((record) => record.txn === txn));
    const ofFile = await printed('--home', home, '--container', 'e.dbxml');
    expect(ofFile.length).toBeGreaterThan(100);
    expect(ofFile).toEqual(all.filter(({ file }) => file === 'e.dbxml'));
    const ofPage = await printed('--home', home, '--container', 'e.dbxml', '--page', '7');
    expect(ofPage.length).toBeGreaterThan(0);
    expect(ofPage.length).toBeLessThan(ofFile.length);
    for (const record of ofFile.filter(({ fields }) => fields.pgno === 7)) expect(ofPage).toContainEqual(record);
  });

  test('print goes by the times of commits', async () => {
    const all = await printed('--home', home);
    const some = await printed('--home', home, '--since', '2026-11-22T09:23:20Z', '--until', '2026-11-22T09:23:24Z');
    const times = all.map(({ fields }) => fields.timestamp);
    const commits = all.flatMap(({ type }, i) => (type === 'txn_regop' ? [i] : []));
    const from = commits.findLast((i) => times[i]! < '2026-11-22T09:23:20Z')! + 1;
    const to = commits.findLast((i) => times[i]! <= '2026-11-22T09:23:24Z')!;
    expect(some).toEqual(all.slice(from, to + 1));
    expect(some.length).toBeGreaterThan(10);
  });

  test.each([
    [['print', '--type', 'bam_spilt'], 'there is no record type bam_spilt'],
    [['print', '--page', 'x'], 'Write the number of a page'],
    [['list', '--repo', '/r'], '--repo and --home cannot be used together'],
    [['timeline', '--largest', 'all'], 'Write a number from 1 on'],
  ])('%j is refused', async (args, message) => {
    expect(await logs(...args, '--home', home)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining(message) as string,
    });
  });
});

test('the log of a chain is that of all its sets', async () => {
  const repo = path.join(directory, 'repo');
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  await figaro(['hot', '--quiet', '--home', home, '--repo', repo]);
  application.commitUpTo([6, 5737]);
  await figaro(['incremental', '--quiet', '--home', home, '--repo', repo]);
  const ofSource = await printed('--home', home, '--from-lsn', '[2][28]');
  expect(await printed('--repo', repo)).toEqual(ofSource);
});

test('an environment without a log is named', async () => {
  layDemoEnvironment(home);
  for (let n = 1; n <= 6; n++) unlinkSync(path.join(home, `log.000000000${n}`));
  expect(await logs('list', '--home', home)).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('holds no log files') as string,
  });
});

describeNative('beside db5.3_printlog', () => {
  test.each([1, 2, 3])('print shows the same records: seed %d', async (seed) => {
    runWorkload({ home, seed, operations: 400 });
    const native = spawnSync('db5.3_printlog', ['-h', home], { encoding: 'utf8', maxBuffer: 1 << 30 }).stdout;
    const expected = [
      ...native.matchAll(/^(\[\d+\]\[\d+\])__(\w+?)(?:_\d+)?: rec: \d+ txnp ([0-9a-f]+) prevlsn (\S+)$/gm),
    ].map(([, lsn, type, txn, prev]) => (txn === '0' ? { lsn, type } : { lsn, type, txn, prev }));
    const ours = (await printed('--home', home)).map(({ lsn, type: name, txn, prev }) => {
      // It has one name for both kinds.
      const type = name.replace('_noundo', '');
      return txn === undefined ? { lsn, type } : { lsn, type, txn, prev };
    });
    expect(ours.length).toBeGreaterThan(500);
    expect(ours).toEqual(expected);
  });
});
