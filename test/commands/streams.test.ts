/** Sets that leave as a stream and come back as one. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/cli.ts';
import { newStage } from '../../src/engine/recovery/leftovers.ts';
import { demoApplication, layDemoEnvironment } from '../support/demo-environment.ts';
import { isLongRun } from '../support/effort.ts';
import { newPlace } from '../support/place.ts';
import { program } from '../support/program.ts';
import { CollectingStream, figaro, streaming } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';
import { lacks } from '../support/windows.ts';

let directory: string;
let home: string;
let repository: string;
let target: string;
let spool: string;

beforeEach(() => {
  ({ directory, home, repository, target } = newPlace());
  spool = path.join(directory, 'spool');
  fs.mkdirSync(spool);
});

const toStdout = (kind = 'hot'): string[] => [kind, '--home', home, '--to-stdout', '--spool', spool];

let made: Buffer | undefined;

/** A stream of the environment of the demo. */
async function demoStream(): Promise<Buffer> {
  layDemoEnvironment(home);
  if (made) return made;
  const { exitCode, stderr, bytes } = await streaming(toStdout());
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return (made = bytes);
}

function unpack(tar: Buffer, place: string): void {
  fs.mkdirSync(place);
  execFileSync('tar', ['x', '-C', place], { input: tar, stdio: ['pipe', 'ignore', 'ignore'] });
}

describe('a set that leaves as a stream', () => {
  test.skipIf(lacks.shell).each(['hot', 'offline'])(
    'is a repository with one set when tar has unpacked it: %s',
    async (kind) => {
      layDemoEnvironment(home);
      const before = fingerprint(home);
      const { exitCode, bytes } = await streaming(toStdout(kind));
      expect(exitCode).toBe(0);
      expect(fingerprint(home)).toEqual(before);
      expect(fs.readdirSync(spool)).toEqual([]);

      unpack(bytes, repository);
      const [id, ...others] = namesIn(repository);
      expect(others).toEqual(['repository.json']);
      execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: path.join(repository, id!) });
      expect(await figaro(['verify', '--repo', repository])).toMatchObject({ exitCode: 0, stderr: '' });
      const copy = path.join(repository, id!, 'environment');
      expect(await figaro(['recover', '--from', copy, '--to', target])).toMatchObject({ exitCode: 0 });
      // The modes and times of files are those of the source.
      const [container, original] = [copy, home].map((at) => fs.statSync(path.join(at, 'd.dbxml')));
      expect(container!.mode).toBe(original!.mode);
      expect(Math.floor(container!.mtimeMs / 1000)).toBe(Math.floor(original!.mtimeMs / 1000));
    },
  );

  test.skipIf(lacks.shell)(
    'has its checksums and its manifest last, and files in the order of the manifest',
    async () => {
      const tar = await demoStream();
      const names = execFileSync('tar', ['t'], { input: tar, encoding: 'utf8' }).trim().split('\n');
      expect(names.map((name) => name.replace(/^\d{8}T\d{6}Z-hot-[0-9a-f]{6}/, 'SET'))).toEqual([
        'repository.json',
        'SET/',
        'SET/environment/',
        'SET/environment/d.dbxml',
        'SET/environment/e.dbxml',
        ...[2, 3, 4, 5, 6].map((number) => `SET/environment/log.000000000${number}`),
        'SET/SHA256SUMS',
        'SET/manifest.json',
      ]);
    },
  );

  test.skipIf(lacks.anyName)('has all names, whatever is in them, and files without a byte', async () => {
    layDemoEnvironment(home);
    const long = path.join('d'.repeat(120), 'e'.repeat(120), 'f'.repeat(120));
    const names = ['ünï.txt', 'a\nb.txt', 'back\\slash.txt', 'empty.txt', path.join(long, 'deep.txt')];
    fs.mkdirSync(path.join(home, long), { recursive: true });
    for (const name of names) fs.writeFileSync(path.join(home, name), name === 'empty.txt' ? '' : name);
    fs.utimesSync(path.join(home, 'empty.txt'), -5, 4_102_444_800);
    fs.utimesSync(path.join(home, 'ünï.txt'), -5, -5);
    const { bytes } = await streaming([...toStdout(), '--include', '**/*.txt', '--quiet']);
    const stdin = [bytes];
    expect((await figaro(['recover', '-q', '--from-stdin', '--to', target], { stdin })).exitCode).toBe(0);
    unpack(bytes, repository);
    const [id] = namesIn(repository);
    for (const at of [target, path.join(repository, id!, 'environment')]) {
      for (const name of names) {
        expect(fs.readFileSync(path.join(at, name), 'utf8')).toBe(name === 'empty.txt' ? '' : name);
      }
    }
  });

  test('has nothing else on standard output: reports, JSON and help go to standard error', async () => {
    layDemoEnvironment(home);
    const { exitCode, stderr, bytes } = await streaming([...toStdout(), '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stderr)).toMatchObject({ schema: 1, command: 'hot', set: { kind: 'hot' } });
    expect(bytes.subarray(257, 262).toString()).toBe('ustar');
    const verbose = await streaming([...toStdout(), '--verbose']);
    expect(verbose.stderr).toContain('proven recoverable: 68 transactions');
    expect(verbose.bytes.subarray(257, 262).toString()).toBe('ustar');
    const failed = await streaming(['hot', '--home', path.join(directory, 'none'), '--to-stdout', '--json']);
    expect(failed).toMatchObject({ exitCode: 3, stdout: '' });
    expect(JSON.parse(failed.stderr)).toMatchObject({ error: { code: 'environment-missing', exitCode: 3 } });
    expect(await figaro([...toStdout(), '--help'])).toMatchObject({ exitCode: 0, stdout: '' });
  });

  test('is not shown on a terminal', async () => {
    layDemoEnvironment(home);
    expect(await figaro(toStdout(), { terminal: 'stdout' })).toEqual({
      exitCode: 2,
      stdout: '',
      stderr:
        'error [usage]: standard output is a terminal, and a set is not text\nhint: write it into a file or to a program: > set.tar, | mbuffer …\n',
    });
  });

  test('goes into no repository: --repo is refused, and what variables and the configuration file say of one is passed over', async () => {
    layDemoEnvironment(home);
    expect(await figaro([...toStdout(), '--repo', repository])).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'error [usage]: --to-stdout and --repo cannot be used together\n',
    });
    const config = path.join(directory, 'config.toml');
    fs.writeFileSync(config, `[environments.orders]\nhome = '${home}'\nrepo = '${repository}'\n`);
    const named = await streaming(['hot', 'orders', '--config', config, '--to-stdout', '--spool', spool]);
    expect(named).toMatchObject({ exitCode: 0, stderr: '' });
    const env = { FIGARO_BACKUP_REPO: repository };
    expect((await streaming(toStdout(), { env })).exitCode).toBe(0);
    expect(fs.existsSync(repository)).toBe(false);
    expect(await figaro(['incremental', '--home', home, '--to-stdout'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('`figaro-backup copy --set latest --to-stdout` writes it') as string,
    });
  });

  test('is made in a directory that is there, outside of the environment and of repositories', async () => {
    layDemoEnvironment(home);
    const inside = path.join(home, 'tmp');
    fs.mkdirSync(inside);
    const to = (at: string): Promise<unknown> =>
      figaro(['hot', '--home', home, '--to-stdout', '--spool', at], { directory });
    expect(await to(inside)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('the spool <dir>/env/tmp lies inside the environment <dir>/env') as string,
    });
    expect(await to(path.join(directory, 'none'))).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('<dir>/none is not a directory: there cannot be a spool in it') as string,
    });
    await figaro(['init', '--repo', repository]);
    expect(await to(repository)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/the spool .* lies inside the repository <dir>\/repo/) as string,
    });
  });

  test('is looked at for room in the spool first', async () => {
    layDemoEnvironment(home);
    const { nodeFiles } = await import('../../src/engine/files/node-files.ts');
    const { filesWith } = await import('../../src/engine/files/files-with.ts');
    const files = filesWith(nodeFiles, { freeSpace: () => 1000 });
    const { exitCode, stdout, stderr } = await figaro(toStdout(), { files });
    expect({ exitCode, stdout }).toEqual({ exitCode: 6, stdout: '' });
    expect(stderr).toMatch(/^error \[no-space\]: .*has 1000 B free, and this set needs about/);
    expect(stderr).toContain('hint: make room there, or name a directory on another disk with --spool.');
    expect(fs.readdirSync(spool)).toEqual([]);
  });

  test('waits for a slow reader without collecting what it has not taken', async () => {
    layDemoEnvironment(home);
    let most = 0;
    let taken = 0;
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        most = Math.max(most, this.writableLength);
        taken += chunk.length;
        setImmediate(done);
      },
    });
    const stderr = new CollectingStream();
    expect(await run(toStdout(), { stdout: slow, stderr, env: {} })).toBe(0);
    expect(taken).toBeGreaterThan(1_300_000);
    expect(most).toBeLessThanOrEqual(64 << 10);
  });

  test.each([
    [
      'EPIPE',
      6,
      /^error \[io\]: standard output: whoever reads it stopped after 0 B\nhint: what it has is not a set\./,
    ],
    ['ENOSPC', 6, /^error \[no-space\]: standard output: cannot write after 0 B: /],
  ])('fails when it cannot be written: %s', async (code, status, message) => {
    layDemoEnvironment(home);
    const stdout = new CollectingStream(false, Object.assign(new Error(`${code}: failed`), { code }));
    const stderr = new CollectingStream();
    expect(await run(toStdout(), { stdout, stderr, env: {} })).toBe(status);
    expect(stderr.text).toMatch(message);
    expect(fs.readdirSync(spool)).toEqual([]);
  });
});

describe.runIf(isLongRun)('the program as a process', () => {
  const command = (): string[] => [program, ...toStdout()];

  test('writes a set into a file that recovers', async () => {
    layDemoEnvironment(home);
    const file = path.join(directory, 'set.tar');
    const out = fs.openSync(file, 'w');
    const { status, stderr } = spawnSync(process.execPath, command(), { stdio: ['ignore', out, 'pipe'] });
    fs.closeSync(out);
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    const input = fs.openSync(file, 'r');
    const recovered = spawnSync(process.execPath, [program, 'recover', '-q', '--from-stdin', '--to', target], {
      stdio: [input, 'ignore', 'pipe'],
    });
    expect({ status: recovered.status, stderr: recovered.stderr.toString() }).toEqual({ status: 0, stderr: '' });
    expect(namesIn(directory)).toEqual(['env', 'recovered', 'set.tar', 'spool']);
  });

  test.each(['>&-', '> /dev/null'])('is refused where nobody would get it: %s', (redirection) => {
    layDemoEnvironment(home);
    const line = [process.execPath, ...command()].map((word) => `'${word}'`).join(' ');
    const { status, stderr } = spawnSync('bash', ['-c', `${line} ${redirection}`]);
    expect(status).toBe(2);
    expect(stderr.toString()).toMatch(
      /^error \[usage\]: standard output is closed, or the null device: the set would be lost\n/,
    );
  });

  test('says that its reader went away', () => {
    layDemoEnvironment(home);
    const line = [process.execPath, ...command()].map((word) => `'${word}'`).join(' ');
    const { stdout, stderr } = spawnSync('bash', ['-c', `${line} | head -c 1000 > /dev/null; echo \${PIPESTATUS[0]}`]);
    expect(stdout.toString()).toBe('6\n');
    expect(stderr.toString()).toMatch(/^error \[io\]: standard output: whoever reads it stopped after /);
    expect(fs.readdirSync(spool)).toEqual([]);
  });

  test('ends at a signal although nobody reads, and leaves nothing in the spool', async () => {
    layDemoEnvironment(home);
    const child = spawn(process.execPath, command(), { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pause();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    await once(child.stdout, 'readable');
    child.kill('SIGTERM');
    const [status] = (await once(child, 'exit')) as [number];
    expect(status).toBe(143);
    expect(stderr).toContain('error [interrupted]: stopped before it was finished');
    expect(fs.readdirSync(spool)).toEqual([]);
  });

  test('removes what a killed run left in the spool, and not what a living one works in', async () => {
    layDemoEnvironment(home);
    const child = spawn(process.execPath, command(), { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.pause();
    await once(child.stdout, 'readable');
    const [left] = fs.readdirSync(spool);
    expect(fs.statSync(path.join(spool, left!)).mode & 0o777).toBe(0o700);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(fs.readdirSync(spool)).toEqual([left]);
    const living = newStage(path.join(spool, left!.split('.')[0]!), 'spooling');
    fs.mkdirSync(path.join(living, 'repository'), { recursive: true });
    expect(await streaming(toStdout())).toMatchObject({ exitCode: 0, stderr: '' });
    expect(fs.readdirSync(spool)).toEqual([path.basename(living)]);
  });
});

describe('a set that comes as a stream', () => {
  test.skipIf(lacks.shell)('is recovered as from a repository', async () => {
    const tar = await demoStream();
    unpack(tar, repository);
    const from = await figaro(['recover', '--repo', repository, '--to', path.join(directory, 'other')], { directory });
    const { exitCode, stdout, stderr } = await figaro(['recover', '--from-stdin', '--to', target], {
      stdin: [tar],
      directory,
    });
    expect({ exitCode, stdout, stderr }).toEqual({ ...from, stdout: from.stdout.replace('/other', '/recovered') });
    expect(namesIn(directory)).toEqual(['env', 'other', 'recovered', 'repo', 'spool']);
    const again = ['recover', '--from-stdin', '--to', path.join(directory, 'again'), '--json'];
    const { files } = JSON.parse((await figaro(again, { stdin: [tar] })).stdout) as { files: { from: string }[] };
    expect(files[0]!.from).toMatch(/^\d{8}T\d{6}Z-hot-[0-9a-f]{6}\/environment\/d\.dbxml$/);
  });

  test('is verified, and nothing of it is kept', async () => {
    const tar = await demoStream();
    const args = ['verify', '--from-stdin', '--spool', spool, '--rehearse', '--verbose'];
    expect(await figaro(args, { stdin: [tar] })).toMatchObject({
      exitCode: 0,
      stdout: '1 set, 1.3 MiB, 66 pages, 10,762 log records: all good\nrecovery rehearsed: 1 chain\n',
    });
    expect(fs.readdirSync(spool)).toEqual([]);
  });

  test.skipIf(lacks.shell)('may be a chain: streams of its sets, one after the other', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await figaro(['hot', '--home', home, '--repo', repository]);
    application.commitUpTo([6, 5737]);
    await figaro(['incremental', '--home', home, '--repo', repository]);
    const [full, incremental] = namesIn(repository) as [string, string];
    const tarOf = (...names: string[]): Buffer =>
      execFileSync('tar', ['c', '--sort=name', '-C', repository, ...names], { maxBuffer: 1 << 24 });
    const recover = (at: string, ...parts: Buffer[]): Promise<unknown> =>
      figaro(['recover', '--from-stdin', '--to', path.join(directory, at)], { stdin: parts, directory });
    expect(await recover('one', tarOf(full), tarOf(incremental))).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/log end +\[6\]\[5699\]/) as string,
    });
    expect(await recover('two', tarOf(full, incremental))).toMatchObject({ exitCode: 0 });
    expect(await recover('three', tarOf(incremental))).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining(`the stream holds ${incremental}, and not the sets before it`) as string,
    });
    const point = ['recover', '--from-stdin', '--to', path.join(directory, 'four'), '--to-set', full];
    expect(await figaro(point, { stdin: [tarOf(full, incremental)] })).toMatchObject({
      exitCode: 0,
      stdout: expect.not.stringContaining(incremental) as string,
    });
  });

  test('is named when it was cut short, wherever that was, and nothing is left of it', async () => {
    const tar = await demoStream();
    const ends = [
      0,
      1,
      511,
      512,
      1024,
      5000,
      100_000,
      tar.length - 1025,
      tar.length - 1024,
      tar.length - 512,
      tar.length - 1,
    ];
    for (const end of ends) {
      const { exitCode, stderr } = await figaro(['recover', '--from-stdin', '--to', target], {
        stdin: [tar.subarray(0, end)],
      });
      expect({ end, exitCode }).toEqual({ end, exitCode: 5 });
      expect(stderr).toMatch(end === 0 ? /the stream holds no set/ : /set-incomplete|set-missing/);
      expect(namesIn(directory)).toEqual(['env', 'spool']);
    }
  });

  test('may have any amount of zeros behind it, as blocks of a tape have', async () => {
    const tar = await demoStream();
    const stdin = [tar, Buffer.alloc(299_520)];
    expect((await figaro(['recover', '-q', '--from-stdin', '--to', target], { stdin })).exitCode).toBe(0);
  });

  test('names the files of its set, not those of the spool, which are gone', async () => {
    const stdin = [await demoStream()];
    const { stdout } = await figaro(['recover', '--json', '--from-stdin', '--to', target], { stdin });
    const { sets, files } = JSON.parse(stdout) as { sets: string[]; files: { name: string; from: string }[] };
    expect(files.map(({ from }) => from)).toEqual(files.map(({ name }) => `${sets[0]}/environment/${name}`));
  });

  test('has one source, is not typed, and is not tried without being kept', async () => {
    const recover = (...more: string[]): Promise<unknown> =>
      figaro(['recover', '--from-stdin', '--to', target, ...more], { stdin: [] });
    expect(await recover('--repo', repository)).toMatchObject({
      exitCode: 2,
      stderr: 'error [usage]: --from-stdin and --repo cannot be used together\n',
    });
    expect(await recover('--from', home)).toMatchObject({
      exitCode: 2,
      stderr: 'error [usage]: --from-stdin and --from cannot be used together\n',
    });
    expect(await recover('--dry-run')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('`figaro-backup verify --from-stdin --rehearse`') as string,
    });
    expect(await figaro(['recover', '--from-stdin', '--to', target])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('standard input is a terminal') as string,
    });
    fs.mkdirSync(target);
    fs.writeFileSync(path.join(target, 'mine'), '');
    expect(await recover()).toMatchObject({
      exitCode: 6,
      stderr: expect.stringContaining('target-not-empty') as string,
    });
  });

  test('that stalls does not keep a run from ending', async () => {
    const tar = await demoStream();
    const stop = new AbortController();
    async function* stalling(): AsyncGenerator<Buffer> {
      yield tar.subarray(0, 100_000);
      stop.abort('SIGTERM');
      await setTimeout(3_600_000, undefined, { ref: false });
    }
    const args = ['recover', '--from-stdin', '--to', target];
    expect(await figaro(args, { stdin: stalling(), signal: stop.signal })).toMatchObject({ exitCode: 143 });
    expect(namesIn(directory)).toEqual(['env', 'spool']);
  });

  test.runIf(isLongRun)('of a killed recovery is removed by the next one to the same target', async () => {
    const tar = await demoStream();
    const child = spawn(process.execPath, [program, 'recover', '--from-stdin', '--to', target], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => {});
    child.stdin.write(tar.subarray(0, 300_000));
    const left = (): string[] => namesIn(directory).filter((name) => name.startsWith('recovered.'));
    while (left().length === 0 || namesIn(path.join(directory, left()[0]!)).length === 0) await setTimeout(5);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(left()).toHaveLength(1);
    expect(await figaro(['recover', '-q', '--from-stdin', '--to', target], { stdin: [tar] })).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    expect(left()).toEqual([]);
  });
});

test('a set that leaves as a stream is made in the temporary directory unless told otherwise', async () => {
  layDemoEnvironment(home);
  const before = fs.readdirSync(os.tmpdir());
  expect((await streaming(['hot', '--home', home, '--to-stdout'])).exitCode).toBe(0);
  expect(fs.readdirSync(os.tmpdir()).filter((name) => name.includes('spooling') && !before.includes(name))).toEqual([]);
});
