/** Which chain is the newest, whatever clocks said; what is newer and cannot be used; and what was there and is gone. */

import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { demoApplication } from '../../support/demo-environment.ts';
import { FigaroError } from '../../../src/errors.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';
import { prepared } from '../../support/prepared.ts';
import { isWindows } from '../../support/windows.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
  demoApplication(home).commitUpTo([4, 72_115]);
});
afterEach(() => {
  vi.useRealTimers();
});

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const inRepo = (...args: readonly string[]): Promise<CliResult> => run(...args, '--repo', repo);
const setsNow = (): readonly string[] => namesIn(repo).filter((name) => name.includes('Z-'));

/** Takes a set, and returns its name. */
async function take(kind: string, ...more: readonly string[]): Promise<string> {
  const before = setsNowIfAny();
  const { exitCode, stderr } = await inRepo(kind, '--home', home, ...more);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  return setsNow().find((name) => !before.includes(name))!;
}

function setsNowIfAny(): readonly string[] {
  return fs.existsSync(repo) ? setsNow() : [];
}

function edit(set: string, change: (manifest: Manifest) => Manifest): void {
  const file = path.join(repo, set, 'manifest.json');
  fs.writeFileSync(file, encodeManifest(change(decodeManifest(fs.readFileSync(file, 'utf8'), file))));
}

describe('a set that was made while the clock was in 2099', () => {
  let wrong: string;
  const laid = prepared(async (place) => {
    ({ home, repository: repo } = place);
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2099-01-01T00:00:00Z') });
    wrong = await take('hot');
    vi.useRealTimers();
    application.commitUpTo([6, 5737]);
  });
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each([false, true])('is not the newest once another was made (by an earlier version: %s)', async (isOld) => {
    const newer = await take('hot');
    if (isOld) {
      for (const set of [wrong, newer]) edit(set, ({ after: _after, ...manifest }) => ({ ...manifest, format: 1 }));
    }
    const recovered = await inRepo('recover', '--to', path.join(directory, 'out'));
    expect(recovered.stdout).toContain(newer);
    await inRepo('expire', '--keep-full', '1');
    expect(setsNow()).toContain(newer);
    expect(setsNow()).not.toContain(wrong);
  });

  test('is named by every command, and a finding of check, today and in 2050', async () => {
    for (const args of [['list'], ['verify'], ['show'], ['expire', '--keep-full', '9', '--dry-run']]) {
      expect((await inRepo(...args)).stderr).toContain(`${wrong} is dated in the future, 2099-01-01T00:00:00Z`);
    }
    for (const now of [new Date(), new Date('2050-01-01T00:00:00Z')]) {
      vi.useFakeTimers({ toFake: ['Date'], now });
      const { exitCode, stdout } = await inRepo('check');
      expect(exitCode).toBe(11);
      expect(stdout).toContain(`${wrong} is dated in the future`);
    }
  });

  test('is not told of when a copy is recovered, though $FIGARO_BACKUP_REPO names its repository', async () => {
    const args = ['recover', '--from', home, '--to', path.join(directory, 'out'), '--quiet'];
    expect((await figaro(['list'], { env: { FIGARO_BACKUP_REPO: repo } })).stderr).toContain('dated in the future');
    expect(await figaro(args, { env: { FIGARO_BACKUP_REPO: repo } })).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('leaves the age of a later set to be looked at', async () => {
    await take('hot');
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2050-01-01T00:00:00Z') });
    expect((await inRepo('check')).stdout).toContain('the newest proven set is ');
  });
});

/** Both of one second, in which the name of the incremental is the earlier one. */
async function takeTwoOfOneSecond(): Promise<{ full: string; incremental: string }> {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:00.100Z') });
  const full = await take('offline');
  demoApplication(home).commitUpTo([6, 5737]);
  const incremental = await take('incremental');
  vi.useRealTimers();
  expect(incremental < full).toBe(true);
  return { full, incremental };
}

test('a damaged set of the same second keeps recover from taking older data, whatever the names are', async () => {
  const { full, incremental } = await takeTwoOfOneSecond();
  fs.appendFileSync(path.join(repo, incremental, 'manifest.json'), ' ');
  const { exitCode, stderr } = await inRepo('recover', '--quiet', '--to', path.join(directory, 'out'));
  expect(exitCode).toBe(5);
  expect(stderr).toContain(`error [chain-gap]: ${incremental} is newer than ${full}, and is damaged`);
});

test.each(['incremental', 'full'] as const)(
  'the %s set that the disk fails to show is a failure of the disk: recover, incremental and copy can be tried again',
  async (which) => {
    const hidden = path.join(repo, (await takeTwoOfOneSecond())[which]);
    const files = filesWith(nodeFiles, {
      statIfThere: (file) => {
        if (file === hidden) throw new FigaroError('io', `${file}: cannot look at: EIO`, { path: file });
        return nodeFiles.statIfThere(file);
      },
    });
    const out = path.join(directory, 'out');
    for (const args of [['recover'], ['copy'], ['incremental', '--home', home]]) {
      const more = args.length > 1 ? [] : ['--to', out];
      const { exitCode, stderr } = await figaro([...args, ...more, '--repo', repo], { directory, files });
      expect({ args, exitCode }).toEqual({ args, exitCode: 6 });
      expect(stderr).toContain('error [io]: ');
      expect(stderr).toContain('cannot look at: EIO');
    }
  },
);

test('a rehearsal that is dated in the future is a finding, and not the last one once there is another', async () => {
  await take('hot');
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2099-01-01T00:00:00Z') });
  await inRepo('verify', '--rehearse');
  vi.useRealTimers();
  const wrong = await inRepo('check', '--max-rehearsal-age', '7d');
  expect(wrong.exitCode).toBe(11);
  expect(wrong.stdout).toContain('the last rehearsal of a recovery is dated in the future, 2099-01-01T00:00:00Z');
  await take('hot');
  await inRepo('verify', '--rehearse');
  expect((await inRepo('check', '--max-rehearsal-age', '7d')).exitCode).toBe(0);
});

describe('a newer set whose manifest is damaged', () => {
  let sound: string;
  let damaged: string;
  const laid = prepared(async (place) => {
    ({ home, repository: repo } = place);
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    sound = await take('hot');
    application.commitUpTo([6, 5737]);
    damaged = await take('incremental');
    fs.appendFileSync(path.join(repo, damaged, 'manifest.json'), ' ');
  });
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each([[], ['-q'], ['--dry-run']])(
    'keeps recover from taking older data without being told (%j)',
    async (...more) => {
      const { exitCode, stderr } = await inRepo('recover', '--to', path.join(directory, 'out'), ...more);
      expect(exitCode).toBe(5);
      expect(stderr).toContain(`error [chain-gap]: ${damaged} is newer than ${sound}, and is damaged`);
      expect(stderr).toContain(`--chain ${sound}`);
      expect(fs.existsSync(path.join(directory, 'out'))).toBe(false);
    },
  );

  test.each([
    ['logs', 'timeline'],
    ['inspect', 'environment'],
  ])('stops %s %s as well', async (...args) => {
    const { exitCode, stderr } = await inRepo(...args);
    expect(exitCode).toBe(5);
    expect(stderr).toContain(`error [chain-gap]: ${damaged} is newer than ${sound}`);
    expect((await inRepo(...args, '--chain', sound)).exitCode).toBe(0);
  });

  test('is named by show', async () => {
    expect((await inRepo('show')).stderr).toContain(`${damaged} is newer than ${sound}, and is damaged`);
  });

  test('does not matter when the chain is named', async () => {
    const args = ['recover', '--to', path.join(directory, 'out'), '--chain', sound];
    expect((await inRepo(...args)).exitCode).toBe(0);
  });
});

test('verify of a repository without a set is not all good', async () => {
  expect((await run('init', '--repo', repo)).exitCode).toBe(0);
  const { exitCode, stderr } = await inRepo('verify');
  expect(exitCode).toBe(5);
  expect(stderr).toContain('error [set-missing]');
});

test('a chain that is expired while it is verified is no finding', async () => {
  const set = await take('hot');
  const files = (await import('../../support/watched-files.ts')).watchedFiles(
    (await import('../../../src/engine/files/node-files.ts')).nodeFiles,
    {
      before(operation, file) {
        // Windows lets no directory go with a file in it that is open.
        if (operation === (isWindows ? 'openIfThere' : 'readAt') && file.endsWith('d.dbxml'))
          fs.rmSync(path.join(repo, set), { recursive: true, force: true });
      },
    },
  );
  const { exitCode, stderr } = await figaro(['verify', '--repo', repo], { directory, files });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: expect.stringContaining('was removed while it was verified'),
  });
});

describe('a container that the log at hand does not speak of', () => {
  let first: string;
  const quiet = 'q.dbxml';
  const laid = prepared(async (place) => {
    ({ directory, home, repository: repo } = place);
    demoApplication(home).commitUpTo([4, 72_115]);
    // The recorded log never speaks of it.
    const bytes = fs.readFileSync(path.join(home, 'd.dbxml'));
    const whole = path.join(directory, 'whole');
    expect((await run('recover', '--from', home, '--to', whole)).exitCode).toBe(0);
    const clean = fs.readFileSync(path.join(whole, 'd.dbxml'));
    const id = bytes.subarray(52, 72);
    // Of its own identity, wherever it says so, and without LSNs of this log.
    for (let at = clean.indexOf(id); at !== -1; at = clean.indexOf(id, at + 1)) clean[at] = clean[at]! ^ 0xff;
    for (let at = 0; at < clean.length; at += 4096) {
      if (at > 0 && clean.readUInt32LE(at + 8) === 0) continue;
      clean.fill(0, at, at + 8);
      clean[at + 4] = 1;
    }
    fs.writeFileSync(path.join(home, quiet), clean);
    first = await take('hot');
  });
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each(['hot', 'offline'])('and is removed is told by %s and check, and its last chain is kept', async (kind) => {
    fs.rmSync(path.join(home, quiet));
    const { exitCode, stderr } = await inRepo(kind, '--home', home);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(`${quiet} is in ${first} and gone from the source, without the log saying so`);
    await take(kind);
    const check = await inRepo('check');
    expect({ exitCode: check.exitCode, told: check.stdout }).toEqual({
      exitCode: 3,
      told: expect.stringContaining(`${quiet} is gone from the source`),
    });
    await inRepo('expire', '--keep-full', '1');
    expect(setsNow()).toContain(first);
    // Until somebody says that it was meant.
    await take(kind, '--accept-missing');
    expect((await inRepo('check')).exitCode).toBe(0);
    await inRepo('expire', '--keep-full', '1');
    expect(setsNow()).not.toContain(first);
  });

  test('and is removed is told and kept after incrementals, too, and by list and show', async () => {
    fs.rmSync(path.join(home, quiet));
    const told = await inRepo('incremental', '--home', home);
    expect(told.stderr).toContain(`${quiet} is in ${first} and gone from the source`);
    expect((await inRepo('check')).exitCode).toBe(3);
    await inRepo('hot', '--home', home);
    await inRepo('incremental', '--home', home);
    expect((await inRepo('check')).exitCode).toBe(3);
    for (const command of ['list', 'show']) {
      expect((await inRepo(command)).stdout).toContain('gone from the source without the log saying so');
    }
    await inRepo('expire', '--keep-full', '1');
    expect(setsNow()).toContain(first);
  });

  test('and has another database in its place is told, and its last chain is kept', async () => {
    const file = path.join(home, quiet);
    const bytes = fs.readFileSync(file);
    const id = bytes.subarray(52, 72).toString('latin1');
    const other = Buffer.from(bytes.toString('latin1').replaceAll(id, id.split('').reverse().join('')), 'latin1');
    fs.writeFileSync(file, other);
    const { stderr } = await inRepo('hot', '--home', home);
    expect(stderr).toContain(`${quiet} is in ${first} and gone from the source`);
    await inRepo('expire', '--keep-full', '1');
    expect(setsNow()).toContain(first);
  });

  test('and is emptied stops an incremental, by name', async () => {
    fs.writeFileSync(path.join(home, quiet), '');
    const { exitCode, stderr } = await inRepo('incremental', '--home', home);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(`error [page-type]: ${quiet} is empty, and is a database in ${first}`);
  });

  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['loses one byte of its magic number', (bytes) => bytes.fill(0xff, 12, 13)],
    ['loses its first page', (bytes) => bytes.fill(0, 0, 4096)],
    ['is emptied', () => Buffer.alloc(0)],
    ['is overwritten with something else', (bytes) => bytes.fill('x')],
  ])('and %s is damage, by name', async (_what, change) => {
    const file = path.join(home, quiet);
    fs.writeFileSync(file, change(fs.readFileSync(file)));
    for (const kind of ['hot', 'offline']) {
      const { exitCode, stderr } = await inRepo(kind, '--home', home);
      expect(exitCode).toBe(4);
      expect(stderr).toContain('error [page-type]');
      expect(stderr).toContain(quiet);
    }
  });
});

test('a local time that clocks showed twice, or never, is refused with what it can mean', async () => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'America/New_York';
  try {
    const at = (time: string): Promise<CliResult> =>
      inRepo('recover', '--to', path.join(directory, 'out'), '--to-time', time);
    expect((await at('2026-11-01T01:30:00')).stderr).toContain('write 2026-11-01T05:30:00Z or 2026-11-01T06:30:00Z');
    expect((await at('2026-03-08T02:30:00')).stderr).toContain('Clocks never showed this time');
    expect((await at('2026-11-01T03:30:00')).stderr).not.toContain('Clocks');
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});
