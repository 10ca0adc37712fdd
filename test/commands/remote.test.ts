/** A repository that is no directory: every command works with it as with one that is. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type Command } from 'commander';
import { buildProgram } from '../../src/cli.ts';
import { CommandContext } from '../../src/commands/context.ts';
import { commandName } from '../../src/commands/settings.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { isLongRun, sampled } from '../support/effort.ts';
import { type MemoryStore, type StoreCall } from '../support/memory-store.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { failing, memoryStore, memoryUrl as url } from '../support/store-commands.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

let place: Place;
let store: MemoryStore;
let application: ReturnType<typeof demoApplication>;

beforeEach(() => {
  place = newPlace();
  store = memoryStore();
  application = demoApplication(place.home);
  fs.mkdirSync(path.join(place.directory, 'spool'));
});

/** Runs a command line; `@` begins a path of the test. Nothing that it prints tells of the mirror. */
async function run(line: string, env: Record<string, string> = {}): Promise<CliResult> {
  const words = line.split(' ').map((word) => word.replace(/^@/, `${place.directory}/`));
  const spool = path.join(place.directory, 'spool');
  const result = await figaro(words, {
    store,
    env: { FIGARO_BACKUP_SPOOL: spool, ...env },
    directory: place.directory,
  });
  expect(result.stdout + result.stderr).not.toContain('spooling');
  expect(namesIn(spool).filter((name) => name.includes('spooling'))).toEqual([]);
  return result;
}

async function succeed(line: string): Promise<CliResult> {
  const result = await run(line);
  expect([result.exitCode, result.stderr], line).toEqual([0, result.stderr]);
  return result;
}

/** Of databases: recovery writes the time into the log. */
const hashesIn = (directory: string): string[] =>
  fingerprint(directory)
    .filter((line) => !line.startsWith('log.'))
    .map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`);

const namesOfSets = (): string[] =>
  [...store.objects.keys()].filter((name) => name.endsWith('/manifest.json')).map((name) => name.split('/')[0]!);

test('a chain is taken into a store, and recovered to what it would be from a directory', async () => {
  application.commitUpTo([4, 72_115]);
  const first = await run(`hot --home @env --repo ${url} -v`);
  expect(first).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`created repository ${url}`) });
  await succeed('hot --home @env --repo @repo');
  application.commitUpTo([5, 60_000]);
  await succeed(`incremental --home @env --repo ${url}`);
  application.commitUpTo([5, 110_402]);
  const third = await succeed(`incremental --home @env --repo ${url} -v`);
  // Where the proof before ended is kept on this machine.
  expect(third.stdout).toMatch(/proven recoverable, on from \S+-incremental-/);
  await succeed('incremental --home @env --repo @repo');
  expect(namesOfSets()).toHaveLength(3);
  const dry = JSON.parse((await succeed(`recover --repo ${url} --to @a --dry-run --json`)).stdout) as {
    files: { from: string }[];
  };
  // What is named is in the store.
  for (const { from } of dry.files) expect([...store.objects.keys()]).toContain(from);
  await succeed(`recover --repo ${url} --to @a`);
  await succeed('recover --repo @repo --to @b');
  expect(hashesIn(path.join(place.directory, 'a'))).toEqual(hashesIn(path.join(place.directory, 'b')));
});

test('every command that looks at a repository looks at one in a store', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  application.commitUpTo([5, 110_402]);
  await succeed(`incremental --home @env --repo ${url}`);
  const [full] = namesOfSets();
  expect((await succeed(`list --repo ${url}`)).stdout).toContain(full);
  expect((await succeed(`show --chain ${full} --repo ${url}`)).stdout).toContain(full);
  const verified = JSON.parse((await succeed(`verify --repo ${url} --rehearse --json`)).stdout) as object;
  expect(verified).toMatchObject({ findings: [] });
  expect([...store.objects.keys()].filter((name) => name.includes('/checks.jsonl.'))).toHaveLength(2);
  await succeed(`check --repo ${url} --max-rehearsal-age 1d`);
  await succeed(`pin ${full} --repo ${url}`);
  expect(store.objects.has(`${full}/pin.json`)).toBe(true);
  await succeed(`unpin ${full} --repo ${url}`);
  expect(store.objects.has(`${full}/pin.json`)).toBe(false);
  await succeed(`logs list --repo ${url}`);
  await succeed(`logs timeline --repo ${url}`);
  await succeed(`inspect environment --repo ${url}`);
  const [name] = namesIn(place.home).filter((file) => /\.(db|dbxml)$/.test(file));
  expect((await succeed(`dump ${name} --repo ${url}`)).stdout).toMatch(/HEADER=END/);
});

test('a report of a store names the store, whether it can be reached or not', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [id] = namesOfSets();
  const file = path.join(place.directory, 'report.html');
  await succeed(`report --repo ${url} --output @report.html`);
  expect(fs.readFileSync(file, 'utf8')).toMatch(new RegExp(`Backups of ${url}: healthy[^]*${id}`));
  // How much room the spool has says nothing.
  expect(fs.readFileSync(file, 'utf8')).not.toContain(' free<');
  store.objects.set(`${id}/manifest.json`, { bytes: Buffer.from('{}'), changedMs: Date.now() });
  await succeed(`report --repo ${url} --output @report.html`);
  expect(fs.readFileSync(file, 'utf8')).toContain(`is damaged: ${url}/${id}/manifest.json: `);
  expect(fs.readFileSync(file, 'utf8')).not.toContain('spooling');
  store.hooks = failing(store, () => 'before');
  expect(await run(`report --repo ${url} --output @report.html`)).toMatchObject({ exitCode: 13 });
  expect(fs.readFileSync(file, 'utf8')).toContain(`${url} cannot be reached: the connection was lost`);
});

test('every command with --repo knows stores, and says that one cannot be reached', async () => {
  const repo = ['--repo', url];
  const lines: Readonly<Record<string, readonly string[]>> = {
    init: repo,
    offline: ['--home', place.home, ...repo],
    hot: ['--home', place.home, ...repo],
    incremental: ['--home', place.home, ...repo],
    consolidate: repo,
    recover: [...repo, '--to', place.target],
    unpack: ['latest', place.target, ...repo],
    verify: repo,
    list: repo,
    show: repo,
    check: repo,
    report: repo,
    'logs list': repo,
    'logs print': repo,
    'logs timeline': repo,
    'logs prune': ['--home', place.home, ...repo],
    'inspect environment': repo,
    'documents list': ['docs.dbxml', ...repo],
    'documents get': ['docs.dbxml', 'one', ...repo],
    'documents history': ['docs.dbxml', 'one', ...repo],
    dump: ['docs.dbxml', ...repo],
    diff: [...repo, '--from-set', 'latest'],
    copy: [...repo, '--to', path.join(place.directory, 'copy')],
    expire: [...repo, '--keep-full', '1'],
    recipients: repo,
    pin: ['20261122T081500Z-hot-7f3a9c', ...repo],
    unpin: ['20261122T081500Z-hot-7f3a9c', ...repo],
  };
  const { stdout, stderr } = process;
  const leaves = (command: Command): Command[] => [command, ...command.commands.flatMap(leaves)];
  const program = await buildProgram(new CommandContext({ stdout, stderr, env: {} }, nodeFiles));
  const known = leaves(program).filter(({ options }) => options.some(({ long }) => long === '--repo'));
  // A standby has to find it again.
  const others = known.map(commandName).filter((name) => name !== 'failover follow');
  expect(Object.keys(lines).sort()).toEqual(others.sort());
  expect(await run(`failover follow --repo ${url} --standby @standby --once`)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^error \[usage\]: a standby cannot follow s3:.*\nhint: keep a copy/),
  });
  application.commitUpTo([4, 72_115]);
  store.hooks = failing(store, () => 'before');
  for (const [name, options] of Object.entries(lines)) {
    const { exitCode, stderr: told } = await figaro([...name.split(' '), ...options], { store });
    expect([name, exitCode, told]).toEqual([name, 13, expect.stringMatching(/^error \[store-unreachable\]: s3:/)]);
  }
});

test('expire removes from a store what its rules say, and nothing else', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [old] = namesOfSets();
  application.commitUpTo([5, 110_402]);
  await succeed(`hot --home @env --repo ${url}`);
  await succeed(`expire --repo ${url} --keep-full 1`);
  expect([...store.objects.keys()].filter((each) => each.startsWith(old!))).toEqual([]);
  expect(namesOfSets()).toHaveLength(1);
  await succeed(`recover --repo ${url} --to @a`);
});

test('sets go from a directory to a store, and from there to another directory, as they are', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed('hot --home @env --repo @repo');
  application.commitUpTo([5, 110_402]);
  await succeed('incremental --home @env --repo @repo');
  await succeed(`copy --repo @repo --to ${url}`);
  expect(namesOfSets()).toHaveLength(2);
  await succeed(`copy --repo ${url} --to @back`);
  await succeed('verify --repo @back');
  await succeed('recover --repo @back --to @a');
  await succeed('recover --repo @repo --to @b');
  expect(hashesIn(path.join(place.directory, 'a'))).toEqual(hashesIn(path.join(place.directory, 'b')));
});

test.runIf(isLongRun)('of two that write at once each has its turn, or is told of the other', async () => {
  application.commitUpTo([4, 72_115]);
  const both = async (more: string): Promise<CliResult[]> =>
    await Promise.all([1, 2].map(async () => await run(`hot --home @env --repo ${url}${more}`)));
  for (const { exitCode } of await both(' --lock-wait 10m')) expect(exitCode).toBe(0);
  expect(namesOfSets()).toHaveLength(2);
  const codes = (await both('')).map(({ exitCode }) => exitCode);
  expect(codes).toContain(0);
  expect(codes.filter((code) => code !== 0 && code !== 7)).toEqual([]);
  expect(namesOfSets()).toHaveLength(2 + codes.filter((code) => code === 0).length);
  expect([...store.objects.keys()].filter((name) => name.startsWith('locks/'))).toEqual([]);
});

test('a run of another machine that lives keeps others out, and one that is long silent does not', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const owner = {
    host: 'another',
    boot: '1',
    namespace: 'pid:[1]',
    pid: 12,
    processStart: '34',
    since: '2026-11-20T00:00:00.000Z',
  };
  // What counts is the clock of the store.
  const behindMs = 7_200_000;
  store.hooks = { now: () => Date.now() - behindMs };
  const lock = (silentMs: number): void => {
    const bytes = Buffer.from(JSON.stringify(owner));
    store.objects.set('locks/0123456789abcdef.json', { bytes, changedMs: Date.now() - behindMs - silentMs });
  };
  lock(60_000);
  const refused = await run(`hot --home @env --repo ${url}`);
  expect(refused).toMatchObject({
    exitCode: 7,
    stderr: expect.stringMatching(
      /^error \[busy\]: s3:\/\/memory\/env is being written to by process 12 on another since/,
    ),
  });
  await succeed(`verify --repo ${url}`);
  lock(301_000);
  await succeed(`hot --home @env --repo ${url}`);
  expect(namesOfSets()).toHaveLength(2);
});

test('a run in a store is seen by who looks at it', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  let seen = '';
  store.hooks = {
    before: ({ operation, name }) => {
      if (operation !== 'create' || !name.endsWith('manifest.json')) return;
      seen = [...store.objects.keys()].find((each) => each.startsWith('locks/')) ?? 'none';
      store.objects.set('kept', store.objects.get(seen)!);
    },
  };
  await succeed(`hot --home @env --repo ${url}`);
  expect(seen).toMatch(/^locks\//);
  store.objects.set(seen, store.objects.get('kept')!);
  expect((await succeed(`list --repo ${url}`)).stdout).toContain(`in progress: since`);
});

test('a run of another machine that was killed is seen as one that did not finish', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const owner = { host: 'another', boot: '1', namespace: '', pid: 12, processStart: '34' };
  const bytes = Buffer.from(JSON.stringify({ ...owner, since: '2026-11-20T00:00:00.000Z' }));
  const told = async (silentMs: number): Promise<string> => {
    store.objects.set('locks/0123456789abcdef.json', { bytes, changedMs: Date.now() - silentMs });
    return (await succeed(`list --repo ${url}`)).stdout;
  };
  expect(await told(60_000)).toContain('in progress: since');
  expect(await told(360_000)).toContain('did not finish: ');
});

test('objects whose names lead elsewhere, or are no part of a repository, are passed over', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [id] = namesOfSets();
  const object = { bytes: Buffer.from('planted'), changedMs: Date.now() };
  for (const name of [
    `${id}/environment/../../../../planted`,
    `${id}/environment/..`,
    `${id}/../planted`,
    `../${id}/manifest.json`,
    `${id}/environment/log.0000000004/below-a-file`,
    `${id}/environment//planted`,
    'planted/manifest.json',
  ]) {
    store.objects.set(name, object);
  }
  await succeed(`verify --repo ${url}`);
  await succeed(`recover --repo ${url} --to @a`);
  const names = fs.readdirSync(place.directory, { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => name.includes('planted'))).toEqual([]);
});

test('damage in a store is found, and what is missing there is missed', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [id] = namesOfSets();
  const name = `${id}/environment/d.dbxml`;
  const whole = store.objects.get(name)!;
  const damaged = Uint8Array.from(whole.bytes);
  damaged[damaged.length - 100]! ^= 1;
  store.objects.set(name, { ...whole, bytes: damaged });
  expect(await run(`verify --repo ${url}`)).toMatchObject({ exitCode: 4 });
  expect(await run(`recover --repo ${url} --to @a`)).toMatchObject({ exitCode: 4 });
  store.objects.delete(name);
  expect(await run(`verify --repo ${url}`)).toMatchObject({ exitCode: 5 });
  expect(await run(`recover --repo ${url} --to @a`)).toMatchObject({ exitCode: 5 });
  expect(fs.existsSync(path.join(place.directory, 'a'))).toBe(false);
});

test.each(sampled(['write', 'list', 'read', 'create', 'remove'], 5))(
  'a run that is stopped during a %s leaves the store as it was or has done its work, and nothing locked',
  async (operation) => {
    application.commitUpTo([4, 72_115]);
    await succeed(`hot --home @env --repo ${url}`);
    await succeed(`hot --home @env --repo ${url}`);
    const before = [...store.objects.keys()].sort();
    const stop = new AbortController();
    const stopHere = (call: StoreCall): void => {
      // The lock is asked for and given back in any case.
      if (call.operation === operation && !call.name.startsWith('locks/')) stop.abort('SIGINT');
    };
    store.hooks = { before: stopHere };
    const line = operation === 'remove' ? `expire --keep-full 1` : `hot --home ${place.home}`;
    const { exitCode } = await figaro([...line.split(' '), '--repo', url], {
      store,
      signal: stop.signal,
      env: { FIGARO_BACKUP_SPOOL: path.join(place.directory, 'spool') },
    });
    // What is removed is removed whole: the next run does what is left.
    if (operation === 'remove')
      expect([...store.objects.keys()].filter((name) => name.startsWith('locks/'))).toEqual([]);
    // The manifest makes it a set: from then on there is nothing to stop.
    else if (operation === 'create') expect([exitCode, namesOfSets().length]).toEqual([0, 3]);
    else expect([exitCode, [...store.objects.keys()].sort()]).toEqual([130, before]);
    store.hooks = {};
    await succeed(`verify --repo ${url}`);
    await succeed(`hot --home @env --repo ${url}`);
  },
);

test('monitoring is told of a store that cannot be reached, and of no room where there is no end of it', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const healthy = await succeed(`check --repo ${url} --min-free 900000000G --json --prometheus @metrics.prom`);
  expect(JSON.parse(healthy.stdout)).not.toHaveProperty('freeBytes');
  const metrics = (): string => fs.readFileSync(path.join(place.directory, 'metrics.prom'), 'utf8');
  expect(metrics()).toContain(`repository="${url}"`);
  expect(metrics()).not.toContain('free_bytes');
  store.hooks = failing(store, () => 'before');
  const nagios = await run(`check --repo ${url} --nagios --prometheus @metrics.prom`);
  expect(nagios).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(/^FIGARO UNKNOWN.*cannot be reached/i) });
  expect(metrics()).toMatch(/^figaro_backup_ok\{[^}]*\} 0$/m);
});

test('a set whose manifest is not listed yet is a set, and is not removed as what a run left', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const list = store.list.bind(store);
  store.list = async (prefix) => (await list(prefix)).filter(({ name }) => !name.endsWith('manifest.json'));
  await succeed(`hot --home @env --repo ${url}`);
  expect(namesOfSets()).toHaveLength(2);
  store.list = list;
  await succeed(`verify --repo ${url}`);
});

test('what a run left unfinished is removed by the next that writes', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [id] = namesOfSets();
  store.objects.delete(`${id}/manifest.json`);
  await succeed(`hot --home @env --repo ${url}`);
  expect([...store.objects.keys()].filter((name) => name.startsWith(id!))).toEqual([]);
});

test('checks that were noted many times are read by few questions, and none is lost', async () => {
  application.commitUpTo([4, 72_115]);
  await succeed(`hot --home @env --repo ${url}`);
  const [id] = namesOfSets();
  await succeed(`verify --repo ${url} --rehearse`);
  const checks = (): string[] => [...store.objects.keys()].filter((name) => name.includes('/checks.jsonl'));
  const [first] = checks();
  for (let i = 0; i < 19; i++)
    store.objects.set(`${id}/checks.jsonl.20200101T0000${10 + i}Z-000000`, store.objects.get(first!)!);
  await succeed(`verify --repo ${url}`);
  expect(checks()).toHaveLength(1);
  const [merged] = checks();
  expect(Buffer.from(store.objects.get(merged!)!.bytes).toString().trimEnd().split('\n')).toHaveLength(21);
  await succeed(`check --repo ${url} --max-rehearsal-age 1h`);
});
