import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { corpusCase } from '../../support/corpus.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { changes, withFaults } from '../../support/faulty-system.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';
import { program } from '../../support/program.ts';
import { isLongRun } from '../../support/effort.ts';
import { lacks } from '../../support/windows.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('SKIPPED, for want of root: owners in manifests and in chains');

let directory: string;
let home: string;
let repo: string;
let target: string;

beforeEach(() => {
  ({ directory, home, repository: repo, target } = newPlace());
  layDemoEnvironment(home);
});

test.skipIf(lacks.owners)('what has the owner and the permissions that are asked for is not changed', async () => {
  const file = path.join(home, 'd.dbxml');
  layDemoEnvironment(home);
  const owner = nodeFiles.statIfThere(file)!;
  const changed: string[] = [];
  const take = (mode: number): Promise<boolean> =>
    withFaults(
      home,
      ({ name }) => void (changes.has(name) && changed.push(name)),
      async () => nodeFiles.setOwner(file, { ...owner, mode }),
    );
  expect(await take(owner.mode)).toBe(true);
  expect(changed).toEqual([]);
  expect(await take(0o600)).toBe(true);
  expect(changed).toEqual(['chmodSync']);
  expect(nodeFiles.statIfThere(file)).toMatchObject({ ...owner, mode: 0o600, changedMs: expect.any(Number) as number });
});

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const take = (kind: string, from = home, to = repo): Promise<CliResult> => run(kind, '--home', from, '--repo', to);
const recover = (): Promise<CliResult> => run('recover', '--repo', repo, '--to', target);

function ownerOf(file: string): string {
  const { uid, gid, mode } = statSync(file);
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
}

/** Moves a container into a data directory of the environment. */
function useDataDirectory(name: string): void {
  mkdirSync(path.join(home, name));
  renameSync(path.join(home, 'd.dbxml'), path.join(home, name, 'd.dbxml'));
  writeFileSync(path.join(home, 'DB_CONFIG'), `add_data_dir ${name}\n`);
}

/** Runs the program as somebody whom permissions hold for, and who gives files to nobody else, also where this is root. */
function runHeld(...args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const lost = '-dac_override,-dac_read_search,-chown,-fowner';
  const held = isRoot ? ['setpriv', `--bounding-set=${lost}`, `--inh-caps=${lost}`] : [];
  const [command, ...words] = [...held, process.execPath, program, ...args, '--quiet'];
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  return { status, stderr };
}

test.runIf(process.platform === 'linux' && isLongRun)(
  'what may only be read is backed up and recovered, and may only be read then',
  async () => {
    writeFileSync(path.join(home, 'DB_CONFIG'), '# nothing\n');
    const files = ['DB_CONFIG', 'd.dbxml', namesIn(home).findLast((name) => name.startsWith('log.'))!];
    for (const name of files) chmodSync(path.join(home, name), 0o440);
    const done = { status: 0, stderr: '' };
    for (const [i, kind] of ['hot', 'offline'].entries()) {
      expect(runHeld(kind, '--home', home, '--repo', `${repo}${i}`)).toEqual(done);
      expect(runHeld('recover', '--repo', `${repo}${i}`, '--to', `${target}${i}`)).toEqual(done);
    }
    expect(runHeld('recover', '--from', home, '--to', target)).toEqual(done);
    expect(
      runHeld('failover', 'follow', '--home', home, '--standby', path.join(directory, 'standby'), '--once'),
    ).toEqual(done);
    for (const name of files) {
      for (const recovered of [target, `${target}0`, `${target}1`]) {
        expect([name, statSync(path.join(recovered, name)).mode & 0o7777]).toEqual([name, 0o440]);
      }
    }
  },
);

test.runIf(process.platform === 'linux' && isRoot && isLongRun)(
  'what its owner may not even read is backed up by its group, copied, verified and recovered, and is opened to no others by that',
  async () => {
    writeFileSync(path.join(home, 'DB_CONFIG'), '# nothing\n');
    const names = ['DB_CONFIG', 'd.dbxml', namesIn(home).findLast((name) => name.startsWith('log.'))!];
    for (const name of names) {
      chownSync(path.join(home, name), 1234, process.getgid!());
      chmodSync(path.join(home, name), 0o060);
    }
    const done = { status: 0, stderr: '' };
    for (const [i, kind] of ['hot', 'offline'].entries()) {
      const [made, copied] = [`${repo}${i}`, `${repo}-copied${i}`];
      expect(runHeld(kind, '--home', home, '--repo', made)).toEqual(done);
      expect(runHeld('copy', '--repo', made, '--to', copied)).toEqual(done);
      expect(runHeld('verify', '--repo', copied, '--rehearse')).toEqual(done);
      // It cannot be given back, so it belongs to who recovers, who may read it.
      expect(runHeld('recover', '--repo', copied, '--to', `${target}${i}`).status).toBe(0);
      const sets = [made, copied].map((at) =>
        path.join(
          at,
          namesIn(at).find((set) => set.includes('T'))!,
          'environment',
        ),
      );
      for (const at of [...sets, `${target}${i}`]) {
        for (const name of names) expect([name, statSync(path.join(at, name)).mode & 0o7077]).toEqual([name, 0o060]);
      }
    }
  },
);

describe.runIf(isRoot)('owners', () => {
  test('are those of the manifest when the repository has become somebody else’s, if that is asked for', async () => {
    chownSync(home, 1234, 2345);
    chownSync(path.join(home, 'd.dbxml'), 1234, 2345);
    chmodSync(path.join(home, 'd.dbxml'), 0o660);
    expect((await take('hot')).exitCode).toBe(0);
    for (const name of readdirSync(repo, { recursive: true, encoding: 'utf8' })) {
      chownSync(path.join(repo, name), 999, 999);
    }
    const { exitCode, stderr } = await recover();
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringContaining('files were not given to user 1234, group 2345'),
    });
    expect(ownerOf(path.join(target, 'd.dbxml'))).toBe('999:999 660');
    expect((await run('recover', '--repo', repo, '--to', `${target}2`, '--trust-owners')).exitCode).toBe(0);
    expect(ownerOf(path.join(`${target}2`, 'd.dbxml'))).toBe('1234:2345 660');
    expect(ownerOf(`${target}2`)).toMatch(/^1234:2345 /);
  });

  test('of directories are restored from a chain that ends in an incremental, which does not hold them', async () => {
    useDataDirectory('data');
    chmodSync(path.join(home, 'data'), 0o2771);
    chownSync(path.join(home, 'data'), 1234, 2345);
    chmodSync(path.join(home, 'data'), 0o2771);
    expect((await take('hot')).exitCode).toBe(0);
    expect((await take('incremental')).exitCode).toBe(0);
    expect((await recover()).exitCode).toBe(0);
    // Without set-group-id: that is nobody's to give by a manifest.
    expect(ownerOf(path.join(target, 'data'))).toBe('1234:2345 771');
  });

  test('of directories are restored from plain copies laid over each other', async () => {
    useDataDirectory('data');
    const logs = path.join(directory, 'logs');
    cpSync(home, logs, { recursive: true, filter: (file) => !file.endsWith('data') });
    chownSync(path.join(home, 'data'), 1234, 2345);
    expect((await run('recover', '--from', home, '--from', logs, '--to', target)).exitCode).toBe(0);
    expect(ownerOf(path.join(target, 'data'))).toMatch(/^1234:2345 /);
  });
});

describe.skipIf(lacks.links)('a link that leads nowhere is refused by name', () => {
  test.each([
    ['in place of a container', 'e.dbxml', '', 'container-missing'],
    ['in place of a log file', 'log.0000000007', '', 'log-missing'],
    ['in place of DB_CONFIG', 'DB_CONFIG', undefined, 'container-missing'],
    ['in place of a data directory', 'disk', 'set_data_dir disk\n', 'container-missing'],
    ['above a data directory', 'disk', 'set_data_dir disk/data\n', 'container-missing'],
    ['in place of the directory of new databases', 'disk', 'set_create_dir disk\n', 'container-missing'],
    ['in place of the log directory', 'disk', 'set_lg_dir disk\n', 'log-missing'],
  ])('%s', async (_what, name, config, code) => {
    if (config !== undefined && config !== '') writeFileSync(path.join(home, 'DB_CONFIG'), config);
    if (namesIn(home).includes(name)) renameSync(path.join(home, name), path.join(directory, 'moved'));
    symlinkSync('/nowhere/at/all', path.join(home, name));
    const error = await expectFailure(code as 'log-missing', () => discoverEnvironment(nodeFiles, home));
    expect(error.message).toBe(`${path.join(home, name)} is a link that leads nowhere`);
    expect(error.details.hint).toContain('is the disk mounted');
    expect(error.exitCode).toBe(3);
  });
});

describe('directories of DB_CONFIG', () => {
  test.each([
    ['set_data_dir /elsewhere', '/elsewhere'],
    ['set_data_dir ../elsewhere', '<dir>/elsewhere'],
    ['set_data_dir a/../../elsewhere', '<dir>/elsewhere'],
  ])('that are not there are refused: %s', async (line, place) => {
    writeFileSync(path.join(home, 'DB_CONFIG'), `${line}\n`);
    const before = fingerprint(home);
    const { exitCode, stderr } = await take('hot');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 3,
      stderr:
        `error [container-missing]: there is no directory ${place.startsWith('<dir>') ? place : path.resolve(place)}, but <dir>/env has files in it\n` +
        `hint: is the disk mounted that holds it? If the environment has no use for it any more, take ${line.split(' ')[1]} out of DB_CONFIG.\n`,
    });
    expect(fingerprint(home)).toEqual(before);
  });

  test.skipIf(lacks.links)(
    'outside of it are backed up when a link in the environment leads there, and recovered inside',
    async () => {
      useDataDirectory('data');
      renameSync(path.join(home, 'data'), path.join(directory, 'disk2'));
      symlinkSync('../disk2', path.join(home, 'data'));
      expect((await take('hot')).exitCode).toBe(0);
      const before = fingerprint(path.join(directory, 'disk2'));
      expect((await recover()).exitCode).toBe(0);
      expect(readdirSync(path.join(target, 'data'))).toEqual(['d.dbxml']);
      expect(fingerprint(path.join(directory, 'disk2'))).toEqual(before);
    },
  );

  test('may begin with two dots', async () => {
    useDataDirectory('..data');
    const stderr = expect.stringMatching(/^created repository \S+\n$/) as string;
    expect(await take('hot')).toMatchObject({ exitCode: 0, stderr });
    expect((await recover()).exitCode).toBe(0);
    expect(namesIn(path.join(target, '..data'))).toEqual(['d.dbxml']);
  });
});

describe('a repository inside the environment is refused, and nothing is written there', () => {
  async function requireRefused(from: string, to: string): Promise<void> {
    const before = fingerprint(home);
    const { exitCode, stderr } = await take('hot', path.join(directory, from), path.join(directory, to));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('lies inside the environment');
    expect(fingerprint(home)).toEqual(before);
  }

  test.each([
    ['as such', 'env/repo'],
    ['with a name that begins with two dots', 'env/..repo'],
  ])('%s', async (_how, to) => await requireRefused('env', to));

  test.skipIf(lacks.links).each([
    ['when the environment is given by a link', 'link', 'env/repo'],
    ['when the repository is given by a link', 'env', 'link/deep/repo'],
  ])('%s', async (_how, from, to) => {
    symlinkSync(home, path.join(directory, 'link'));
    await requireRefused(from, to);
  });
});

describe('what stands where a file should be', () => {
  test.skipIf(lacks.pipes)('as a pipe named DB_CONFIG is refused, and waited for by nobody', async () => {
    expect(spawnSync('mkfifo', [path.join(home, 'DB_CONFIG')]).status).toBe(0);
    const { exitCode, stderr } = await take('hot');
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/^error \[io\]: <dir>\/env\/DB_CONFIG: is not a regular file\nhint: /);
  });

  test.skipIf(lacks.pipes)('as a pipe among surviving logs is refused, too', async () => {
    expect((await take('hot')).exitCode).toBe(0);
    expect(spawnSync('mkfifo', [path.join(home, 'log.0000000007')]).status).toBe(0);
    const { exitCode, stderr } = await run('recover', '--repo', repo, '--surviving-logs', home, '--to', target);
    expect(exitCode).toBe(6);
    expect(stderr).toContain('log.0000000007: is not a regular file');
    expect(namesIn(directory)).not.toContain('recovered');
  });

  test.skipIf(lacks.pipes)('as a socket is left out, and named', async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((ready) => server.listen(path.join(home, 'socket'), ready));
    const { leftOut } = discoverEnvironment(nodeFiles, home);
    expect(leftOut.map(({ name, reason }) => `${name}: ${reason}`)).toEqual(['socket: other']);
    expect((await take('hot')).exitCode).toBe(0);
  });

  test('as a second name of a container is left out, and named', async () => {
    linkSync(path.join(home, 'd.dbxml'), path.join(home, 'a.dbxml'));
    const { exitCode, stderr } = await take('hot');
    expect(exitCode).toBe(0);
    expect(stderr).toContain('a.dbxml is another name of d.dbxml and is left out');
  });

  test('as a second name outside of the environment does not matter, and the set shares no bytes with it', async () => {
    linkSync(path.join(home, 'd.dbxml'), path.join(directory, 'f.dbxml'));
    expect((await take('hot')).exitCode).toBe(0);
    const set = namesIn(repo).find((name) => name !== 'repository.json')!;
    const copy = statSync(path.join(repo, set, 'environment/d.dbxml'));
    expect([copy.nlink, copy.ino]).not.toEqual([2, statSync(path.join(home, 'd.dbxml')).ino]);
  });
});

describe('plain copies that change while they are recovered', () => {
  /** Changes the source when the first page of its last container is read. */
  function changing(change: () => void): Files {
    let done = false;
    return watchedFiles(nodeFiles, {
      before(operation, file) {
        if (done || operation !== 'readAt' || file !== path.join(home, 'e.dbxml')) return;
        done = true;
        change();
      },
    });
  }

  test.each([false, true])('give nothing (dry run: %s)', async (dryRun) => {
    const environment = discoverEnvironment(nodeFiles, home);
    const files = changing(() => appendFileSync(path.join(home, 'd.dbxml'), Buffer.alloc(4096)));
    const error = await expectFailure('environment-changed', () =>
      recoverEnvironment(files, { environment, target, dryRun }),
    );
    expect(error.message).toMatch(/d\.dbxml changed while it was read: it had \S+ [KM]iB, and has \S+ [KM]iB$/);
    expect(error.exitCode).toBe(8);
    expect(namesIn(directory)).toEqual(['env']);
  });
});

describe.skipIf(lacks.anyName)('names do nothing to the terminal', () => {
  const name = 'x\u001b[2Jy\u009b2Jz\n.dbxml';

  beforeEach(() => {
    cpSync(corpusCase('ds-53').backup, path.join(directory, 'plain'), { recursive: true });
    const [container] = namesIn(path.join(directory, 'plain')).filter((found) => found.endsWith('.db'));
    renameSync(path.join(directory, 'plain', container!), path.join(directory, 'plain', name));
  });

  test.each([['--json'], ['--dry-run'], ['--verbose'], ['--dry-run', '--json']])(
    'in what %s prints',
    async (...options) => {
      const result = await run('recover', '--from', path.join(directory, 'plain'), '--to', target, ...options);
      expect(result.exitCode).toBe(0);
      // oxlint-disable-next-line no-control-regex
      expect(result.stdout + result.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      if (options.includes('--json')) {
        const { files } = JSON.parse(result.stdout) as { files: readonly { name: string }[] };
        expect(files.map((file) => file.name)).toContain(name);
      }
      if (!options.includes('--dry-run')) expect(readFileSync(path.join(target, name)).length).toBeGreaterThan(0);
    },
  );
});
