import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newKey } from '../support/age-keys.ts';
import { describeNative, nativeProgram } from '../support/native.ts';
import { flipBit } from '../support/damage.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { isLongRun } from '../support/effort.ts';

let directory: string;
let home: string;
let repo: string;

async function prune(...args: readonly string[]): Promise<CliResult> {
  return await figaro(['logs', 'prune', '--home', home, '--repo', repo, ...args], { directory });
}

/** What happens to each log file, and why. */
async function fates(...args: readonly string[]): Promise<{ number: number; stays?: string }[]> {
  const { exitCode, stdout } = await prune('--json', ...args);
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { files: { number: number; stays?: string }[] }).files;
}

const incremental = (): Promise<CliResult> => figaro(['incremental', '--quiet', '--home', home, '--repo', repo]);
const logs = (): string[] => namesIn(home).filter((name) => name.startsWith('log.'));
const setOf = (kind: string): string =>
  path.join(
    repo,
    namesIn(repo).find((name) => name.includes(kind))!,
  );

/** Number of the first log file in the sets. */
function firstOfChain(): number {
  const names = namesIn(path.join(setOf('hot'), 'environment'));
  return Number(names.find((name) => name.startsWith('log.'))!.slice(4));
}

const logFile = (number: number): string => `log.${String(number).padStart(10, '0')}`;

/** The newest copy of a log file in the sets. */
function copyOf(number: number): string {
  const copies = ['incremental', 'hot'].map((kind) => path.join(setOf(kind), 'environment', logFile(number)));
  return copies.find((copy) => existsSync(copy))!;
}

describeNative('logs prune', () => {
  let kept: string;

  /** A full set of an application that goes on writing and keeps its log, until it crashes. */
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    home = path.join(directory, 'env');
    repo = path.join(directory, 'repo');
    kept = path.join(directory, 'kept');
    mkdirSync(home);
    const options = [
      'write',
      '--home',
      home,
      '--seconds',
      '100',
      '--log-max',
      '100000',
      '--keep-logs',
      // No more than what these tests need: each of them copies it.
      '--pause-us',
      '3000',
    ];
    const application = spawn(nativeProgram('ledger'), options, { stdio: 'ignore' });
    // Not before its first checkpoints.
    await setTimeout(2200);
    expect(await figaro(['hot', '--quiet', '--home', home, '--repo', repo])).toMatchObject({ exitCode: 0 });
    // However busy the machine is, it goes on, and past checkpoints.
    for (const wanted = logs().length + 12; logs().length < wanted;) await setTimeout(100);
    await setTimeout(1100);
    application.kill('SIGKILL');
    await once(application, 'exit');
    for (const name of ['env', 'repo']) {
      cpSync(path.join(directory, name), path.join(kept, name), { recursive: true, preserveTimestamps: true });
    }
  });

  beforeEach(() => {
    for (const name of namesIn(directory)) if (name !== 'kept') rmSync(path.join(directory, name), { recursive: true });
    cpSync(kept, directory, { recursive: true, preserveTimestamps: true });
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('shows what could go, and removes it only when told', async () => {
    expect((await incremental()).exitCode).toBe(0);
    const before = fingerprint(home);
    const found = await fates('--older-than-chain');
    expect(fingerprint(home)).toEqual(before);
    const going = found.filter(({ stays }) => stays === undefined).map(({ number }) => number);
    expect(going.length).toBeGreaterThan(firstOfChain());
    expect(found.slice(going.length).map(({ stays }) => stays)).toEqual(
      found.slice(going.length).map(() => 'recovery needs it'),
    );
    const pruned = await prune('--older-than-chain', '--confirm');
    expect(pruned).toMatchObject({ exitCode: 0, stderr: '' });
    expect(pruned.stdout).toContain(`${going.length} files removed, `);
    expect(logs()).toEqual(found.slice(going.length).map(({ number }) => logFile(number)));
    expect(namesIn(repo)).not.toContain('lock');

    // The source can be backed up and recovered as before, and so can the chain.
    expect((await incremental()).exitCode).toBe(0);
    for (const [i, source] of [
      ['--from', home],
      ['--repo', repo],
    ].entries()) {
      const target = path.join(directory, `recovered${i}`);
      expect(await figaro(['recover', '--quiet', ...source, '--to', target])).toMatchObject({ exitCode: 0 });
      expect(spawnSync(nativeProgram('ledger'), ['check', '--home', target]).status).toBe(0);
    }
  }, 60_000);

  test('leaves files from before the chain unless told otherwise', async () => {
    await incremental();
    const found = await fates('--confirm');
    expect(found[0]!.stays).toMatch(/^no set of .* holds it, it is from before: --older-than-chain lets it go$/);
    expect(found[1]!.stays).toBe('log file 1 stays');
    expect(logs()).toHaveLength(found.length);
  });

  test('leaves what the next incremental begins with', async () => {
    const found = await fates('--older-than-chain');
    const first = found.find(({ stays }) => stays !== undefined)!;
    expect(first.stays).toBe('the next incremental begins with it');
    expect((await prune('--older-than-chain', '--confirm')).exitCode).toBe(0);
    expect((await incremental()).exitCode).toBe(0);
  });

  test('leaves as many as are to be kept', async () => {
    await incremental();
    const going = (found: { stays?: string }[]): number => found.filter(({ stays }) => stays === undefined).length;
    const all = going(await fates('--older-than-chain'));
    expect(going(await fates('--older-than-chain', '--keep', '2'))).toBe(all - 2);
    expect(going(await fates('--older-than-chain', '--keep', '99999'))).toBe(0);
  });

  describe('leaves a file', () => {
    const expectStay = async (number: number, why: RegExp): Promise<void> => {
      const found = await fates('--older-than-chain', '--confirm');
      expect(found.find((file) => file.number === number)!.stays).toMatch(why);
      for (const file of found.filter((other) => other.number > number)) expect(file.stays).toBeDefined();
      expect(logs()[0]).toBe(logFile(number));
    };

    test('whose copy is damaged', async () => {
      await incremental();
      const number = firstOfChain() + 1;
      flipBit(copyOf(number), 5000);
      await expectStay(number, /is damaged: verify the repository$/);
    });

    test('that holds other records than its copy', async () => {
      await incremental();
      const number = firstOfChain() + 1;
      flipBit(path.join(home, logFile(number)), 5000);
      await expectStay(number, /this log has another history$/);
    });

    test('whose set has findings', async () => {
      await incremental();
      writeFileSync(path.join(setOf('hot'), 'environment/stranger'), '');
      await figaro(['verify', '--repo', repo]);
      await expectStay(1, /^the last verification found something in .*-hot-/);
    });
  });

  describe.runIf(isLongRun)('in an encrypted repository', () => {
    const at = (name: string): string => path.join(directory, name);
    const sealed = async (command: string): Promise<CliResult> =>
      await figaro(
        command.split(' ').map((word) => word.replace(/^@/, `${directory}/`)),
        { directory, env: { FIGARO_BACKUP_SPOOL: at('spool') } },
      );
    const pruning = 'logs prune --json --older-than-chain --home @env --repo @sealed';

    /** The chain as a plain repository has it, and in the encrypted one an incremental after it that nobody could rehearse. */
    beforeEach(async () => {
      const { secret, recipient } = await newKey();
      writeFileSync(at('identity'), `${secret}\n`);
      mkdirSync(at('spool'));
      for (const line of [
        `init --repo @sealed --recipient ${recipient.text} --key-file @key`,
        'copy --repo @repo --to @sealed --key-file @key',
      ]) {
        expect((await sealed(line)).exitCode, line).toBe(0);
      }
    });

    const damagePacks = (): void => {
      const packs = path.join(directory, 'sealed/packs');
      for (const name of readdirSync(packs, { recursive: true, encoding: 'utf8' })) {
        if (name.endsWith('.age')) flipBit(path.join(packs, name), 1000);
      }
    };

    const fatesIn = ({ stdout }: CliResult): Record<number, string | undefined> =>
      Object.fromEntries(
        (JSON.parse(stdout) as { files: { number: number; stays?: string }[] }).files.map(({ number, stays }) => [
          number,
          stays,
        ]),
      );

    test('does not take the log of the source for what is stored, where nobody has a key to that', async () => {
      expect((await incremental()).exitCode).toBe(0);
      expect((await sealed('copy --repo @repo --to @sealed --key-file @key')).exitCode).toBe(0);
      damagePacks();
      const before = logs();
      expect(await sealed(`${pruning} --key-file @key --confirm`)).toMatchObject({ exitCode: 10 });
      expect(logs()).toEqual(before);
      // With a key, the damage is seen.
      const found = fatesIn(await sealed(`${pruning} --key-file @key --identity @identity --confirm`));
      expect(found[firstOfChain()]).toMatch(/^the copy in .* is damaged: verify the repository$/);
      expect(logs()[0]).toBe(logFile(firstOfChain()));
    });

    test('lets files go that are read there, once a recovery of their sets was rehearsed', async () => {
      expect((await sealed('incremental --quiet --home @env --repo @sealed --key-file @key')).exitCode).toBe(0);
      const keys = '--key-file @key --identity @identity';
      const found = fatesIn(await sealed(`${pruning} ${keys}`));
      expect(Object.values(found)).toContainEqual(
        expect.stringMatching(/-incremental-.* holds it, but its recovery was not rehearsed yet$/) as string,
      );
      expect((await sealed('verify --rehearse --repo @sealed --identity @identity')).exitCode).toBe(0);
      const before = Object.values(found).filter((stays) => stays === undefined).length;
      const after = Object.values(fatesIn(await sealed(`${pruning} ${keys}`)));
      expect(after.filter((stays) => stays === undefined).length).toBeGreaterThan(before);
      expect(after.filter((stays) => stays?.includes('rehearsed'))).toEqual([]);
    });
  });

  test('waits for a backup that is being taken', async () => {
    await incremental();
    appendFileSync(path.join(repo, 'lock'), 'somebody');
    const before = logs();
    expect(await prune('--confirm')).toMatchObject({ exitCode: 7 });
    expect(logs()).toEqual(before);
  });

  test('does not go by the sets of another environment', async () => {
    const other = path.join(directory, 'other');
    cpSync(home, other, { recursive: true });
    expect(await prune('--home', other, '--confirm')).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('is a chain of <dir>/env, not of <dir>/other') as string,
    });
  });
});
