/** Which chain is meant by a restore point. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { contentsOf, describeNative } from '../support/native.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';
import { namesIn } from '../support/trees.ts';

let directory: string;
let home: string;
let repo: string;
let target: string;

interface Recovered {
  readonly chain: string;
  readonly chosenAs?: string;
  readonly sets: readonly string[];
}

interface ListedCommit {
  readonly lsn: string;
  readonly time: string;
}

interface Listed {
  readonly id: string;
  readonly window: { readonly first: ListedCommit; readonly last: ListedCommit };
  readonly sets: readonly { readonly id: string; readonly started: string }[];
}

const inRepo = async (command: string, ...more: string[]): Promise<CliResult> =>
  await figaro([command, '--repo', repo, ...more], { directory });

/** What a recovery would use, or the error in place of it. */
async function chosen(...more: string[]): Promise<Recovered | string> {
  const { exitCode, stdout, stderr } = await inRepo('recover', '--to', target, '--dry-run', '--json', ...more);
  return exitCode === 0 ? (JSON.parse(stdout) as Recovered) : `${exitCode} ${stderr}${stdout}`;
}

async function chains(): Promise<readonly Listed[]> {
  const { stdout } = await inRepo('list', '--json');
  return (JSON.parse(stdout) as { chains: Listed[] }).chains;
}

const after = (time: string, ms: number): string => new Date(Date.parse(time) + ms).toISOString();

describeNative('of two chains with an incremental each', () => {
  let first: Listed;
  let second: Listed;
  /** A transaction that only the first chain holds. */
  let early: string;

  let built: Promise<void> | undefined;
  // Once: it has to wait for the clock.
  beforeEach(async () => await (built ??= build()), 60_000);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function build(): Promise<void> {
    directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    [home, repo, target] = ['env', 'repo', 'out'].map((name) => path.join(directory, name)) as [string, string, string];
    const application = new Session(home, ['--log-max', '60000']);
    const take = async (kind: string): Promise<void> => {
      expect(await figaro([kind, '--home', home, '--repo', repo])).toMatchObject({ exitCode: 0 });
    };
    application.do('open a auto a.db - btree 1024', 'put a auto 0 100 100 one', 'checkpoint');
    await take('hot');
    application.do('put a auto 100 100 100 two');
    const { stdout } = await figaro(['logs', 'print', '--home', home, '--json', '--type', 'txn_regop']);
    early = (JSON.parse(stdout.trim().split('\n').at(-1)!) as { txn: string }).txn;
    await take('incremental');
    await setTimeout(2100);
    // Neither its last commits nor anything before are in the log that the second chain begins with.
    application.do('put a auto 200 900 100 three', 'put a auto 200 900 100 four', 'checkpoint', 'put a auto 0 1 10 x');
    application.do('checkpoint', 'remove-logs');
    await take('hot');
    application.do('put a auto 1100 100 100 five');
    await take('incremental');
    await application.leave();
    [first, second] = (await chains()) as [Listed, Listed];
  }

  test('a restore point takes the newest that covers it, and the output says which and why', async () => {
    const lsn = first.window.last.lsn;
    const inFirst = { chain: first.id, sets: first.sets.map(({ id }) => id) };
    expect(await chosen('--to-lsn', lsn)).toMatchObject(inFirst);
    expect(await chosen('--to-txn', early)).toMatchObject(inFirst);
    expect(await chosen('--to-time', first.window.last.time)).toMatchObject(inFirst);
    expect(await chosen('--to-time', second.window.last.time)).toMatchObject({ chain: second.id });
    expect(await chosen('--to-lsn', second.window.first.lsn)).toMatchObject({ chain: second.id });
    expect(await chosen()).toMatchObject({ chain: second.id });

    const { stdout } = await inRepo('recover', '--to', `${target}-first`, '--to-lsn', lsn);
    expect(stdout).toMatch(
      /from +\S+-hot-\S+\n +\S+-incremental-\S+\n +chosen as +the newest of 2 chains that covers \[\d+\]\[\d+\]\n/,
    );
    expect(Object.keys(contentsOf(`${target}-first`))).toHaveLength(1);
  });

  test('a moment at which a chain was known to be whole is covered, though the last commit is older', async () => {
    const { started } = first.sets.at(-1)!;
    const between = after(first.window.last.time, 1000);
    const outcome = await chosen('--to-time', started);
    expect(outcome).toMatchObject({ chain: first.id, recoveredTo: { lsn: first.window.last.lsn } });
    // In the gap between two chains nobody knows what was committed.
    expect(await chosen('--to-time', between > started ? between : after(started, 1000))).toMatch(
      /^5 .*no chain covers .*: there are \S+-hot-\S+ from .* to .*; \S+-hot-\S+ from .* to /s,
    );
  });

  test('a time after the end is an error that says what to do, also for one chain and for plain copies', async () => {
    const late = after(second.sets.at(-1)!.started, 3_600_000);
    expect(await chosen('--to-time', late)).toMatch(/^5 .*no chain covers .*recover without a point/s);
    const ofOne = await chosen('--to-time', late, '--chain', second.id);
    expect(ofOne).toMatch(
      /^5 .*is after the end of what is covered, .*take an incremental first, or recover to the end/s,
    );
    const { exitCode, stderr } = await figaro(['recover', '--from', home, '--to', target, '--to-time', late]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('without --to-time') as string,
    });
    expect(namesIn(target)).toEqual([]);
  });

  test('a point that none covers is an error, and one with --chain is looked for in that chain alone', async () => {
    expect(await chosen('--to-txn', '7fffffff')).toMatch(/^5 .*no chain covers the commit of transaction 7fffffff/s);
    expect(await chosen('--to-lsn', '99/28')).toMatch(/^5 .*no chain covers \[99\]\[28\]/s);
    expect(await chosen('--to-lsn', first.window.last.lsn, '--chain', second.id)).toMatch(/^5 .*out of reach/s);
  });

  test('surviving logs continue the newest chain, whatever the point', async () => {
    const more = ['--surviving-logs', home, '--to-time', second.window.last.time];
    expect(await chosen(...more)).toMatchObject({ chain: second.id });
  });
});
