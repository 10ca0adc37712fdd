/** Every exit code, by what the operator did or met. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type RecordedApplication } from '../../demo/application.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { takeLock } from '../../src/engine/repository/lock.ts';
import { createRepository } from '../../src/engine/repository/repository.ts';
import { exitCodes, type ErrorCode } from '../../src/errors.ts';
import { exitStatuses } from '../../src/output/exit-codes.ts';
import { corpusCase } from '../support/corpus.ts';
import { flipBit } from '../support/damage.ts';
import { fixtureCase } from '../support/document-collection.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { failing, memoryStore, memoryUrl } from '../support/store-commands.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { watchedFiles, type Hooks } from '../support/watched-files.ts';
import { newPlace } from '../support/place.ts';
import { isWindows, slashed } from '../support/windows.ts';

const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const pageSize = 4096;

let directory: string;
let home: string;
let repo: string;
let target: string;
let application: RecordedApplication;

beforeEach(() => {
  ({ directory, home, repository: repo, target } = newPlace());
  application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
});

const inHome = (name: string): string => path.join(home, name);
const backup = (kind: string, ...more: readonly string[]): Promise<CliResult> =>
  figaro([kind, '--home', home, '--repo', repo, ...more]);
const backupWith = (kind: string, hooks: Hooks): Promise<CliResult> =>
  figaro([kind, '--home', home, '--repo', repo], { files: watchedFiles(nodeFiles, hooks) });
const recover = (...more: readonly string[]): Promise<CliResult> =>
  figaro(['recover', '--repo', repo, '--to', target, ...more]);

/** Takes a full set; returns its directory. */
async function takeSet(): Promise<string> {
  expect(await backup('hot')).toEqual({ exitCode: 0, stdout: '', stderr: `created repository ${repo}\n` });
  return path.join(repo, namesIn(repo)[0]!);
}

/** Changes the third page of a container of the environment. */
function changePage(change: (page: Buffer) => void): void {
  const contents = fs.readFileSync(inHome('d.dbxml'));
  change(contents.subarray(3 * pageSize, 4 * pageSize));
  fs.writeFileSync(inHome('d.dbxml'), contents);
}

/** What happens once, before an operation on a file with such a path. */
function onceBefore(operation: string, where: RegExp, happens: () => void): Hooks {
  let done = false;
  return {
    before(seen, file) {
      if (done || seen !== operation || !where.test(slashed(file))) return;
      done = true;
      happens();
    },
  };
}

type Case = () => Promise<CliResult>;

/** How each code comes about. The compiler asks for a new one. */
const cases: Readonly<Record<ErrorCode, Case>> = {
  internal: () =>
    backupWith('hot', {
      before() {
        throw new TypeError('a mistake of the programmer');
      },
    }),

  usage: () => figaro(['hot', '--hom', home]),

  'environment-missing': () => {
    fs.rmSync(home, { recursive: true });
    return backup('hot');
  },

  'document-missing': async () =>
    figaro(['documents', 'get', path.join(fixtureCase('ds').home, 'doc.dbxml'), 'none.xml']),
  'container-missing': () => figaro(['dump', inHome('none.dbxml')]),

  'hook-failed': () => figaro(['hot', '--home', home, '--repo', repo, '--run-before', 'exit 7']),

  'log-missing': () => {
    for (const name of namesIn(home).filter((each) => each.startsWith('log.'))) fs.rmSync(inHome(name));
    return backup('hot');
  },

  'format-unsupported': () => {
    fs.writeFileSync(inHome('DB_CONFIG'), 'set_slice_count 2\n');
    return backup('hot');
  },

  'page-checksum': () => {
    const { backup: damaged } = corpusCase('damaged-page-48-clean');
    return figaro(['recover', '--from', damaged, '--to', target]);
  },

  'page-type': () => {
    changePage((page) => (page[25] = 99));
    return backup('hot');
  },

  'log-corrupt': () => {
    flipBit(inHome('log.0000000003'), 20);
    return backup('hot');
  },

  'file-checksum': async () => {
    flipBit(path.join(await takeSet(), 'environment/d.dbxml'), 20 * pageSize + 2000);
    return await recover();
  },

  'manifest-corrupt': async () => {
    await takeSet();
    fs.writeFileSync(path.join(repo, 'repository.json'), '{}');
    return await figaro(['list', '--repo', repo]);
  },

  'standby-corrupt': async () => {
    const standby = path.join(directory, 'standby');
    await figaro(['failover', 'follow', '--home', home, '--standby', standby, '--once']);
    flipBit(path.join(standby, 'standby.json'), 200);
    return await figaro(['failover', 'status', '--standby', standby]);
  },

  'not-recoverable': () => {
    // Last changed in log file 77, which there is not.
    changePage((page) => page.writeUInt32LE(77, 0));
    return backup('hot');
  },

  'set-incomplete': async () => {
    fs.rmSync(path.join(await takeSet(), 'environment/d.dbxml'));
    return await recover();
  },

  'set-missing': async () => {
    await takeSet();
    return await recover('--to-set', '20200101T000000Z-hot-000000');
  },

  'repository-missing': () => figaro(['list', '--repo', repo]),

  'standby-missing': () => figaro(['failover', 'status', '--standby', directory]),

  'chain-gap': async () => {
    await takeSet();
    application.commitUpTo([6, 5737]);
    for (const number of [1, 2, 3, 4, 5]) fs.rmSync(inHome(`log.000000000${number}`));
    return await backup('incremental');
  },

  'chain-mismatch': async () => {
    await takeSet();
    const other = path.join(directory, 'other');
    fs.cpSync(home, other, { recursive: true });
    return await figaro(['logs', 'prune', '--home', other, '--repo', repo]);
  },

  'restore-point-unreachable': async () => {
    await takeSet();
    return await recover('--to-time', '2020-01-01T00:00:00Z');
  },

  'target-not-empty': async () => {
    await takeSet();
    fs.mkdirSync(target);
    fs.writeFileSync(path.join(target, 'notes.txt'), '');
    return await recover();
  },

  'target-in-use': async () => {
    await takeSet();
    const hooks = onceBefore('makeDirectory', /\.recovering-/, () => {
      fs.mkdirSync(target);
      fs.writeFileSync(path.join(target, 'notes.txt'), '');
    });
    return await figaro(['recover', '--repo', repo, '--to', target], { files: watchedFiles(nodeFiles, hooks) });
  },

  'no-space': () => {
    const full = fs.openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [program, '--help'], { stdio: ['ignore', full, 'pipe'] });
    fs.closeSync(full);
    return Promise.resolve({ exitCode: status!, stdout: '', stderr: stderr.toString() });
  },

  // Not even root makes a directory here.
  'not-permitted': () => figaro(['hot', '--home', home, '--repo', '/sys/figaro-backup-test']),

  io: () => {
    fs.mkdirSync(path.join(repo, 'repository.json'), { recursive: true });
    return figaro(['list', '--repo', repo]);
  },

  busy: async () => {
    createRepository(nodeFiles, repo);
    const lock = takeLock(nodeFiles, repo);
    const result = await backup('hot');
    lock.release();
    return result;
  },

  'environment-in-use': async () => {
    const descriptor = fs.openSync(inHome('d.dbxml'), 'r+');
    // Linux is asked for other processes, Windows for all.
    const child = isWindows ? undefined : spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
    if (child) await once(child, 'spawn');
    const result = await backup('offline');
    child?.kill();
    fs.closeSync(descriptor);
    return result;
  },

  'environment-changed': () =>
    backupWith(
      'offline',
      onceBefore('create', /\/d\.dbxml$/, () => application.commitUpTo([4, 110_000])),
    ),

  'page-unstable': () => {
    let reads = 0;
    return backupWith('hot', {
      afterRead(file, bytes, position) {
        const at = 3 * pageSize + 1500 - position;
        if (file === inHome('d.dbxml') && at >= 0 && at < bytes.length) bytes[at] = reads++;
      },
    });
  },

  password: () => {
    const { backup: encrypted } = corpusCase('crypt-53-hot');
    return figaro(['dump', path.join(encrypted, 'secret.db')]);
  },

  stale: () => {
    createRepository(nodeFiles, repo);
    return figaro(['check', '--repo', repo]);
  },

  'store-unreachable': () => {
    const store = memoryStore();
    store.hooks = failing(store, () => 'before');
    return figaro(['hot', '--home', home, '--repo', memoryUrl], { store });
  },

  interrupted: () => figaro(['hot', '--home', home, '--repo', repo], { signal: AbortSignal.abort('SIGINT') }),
};

describe.runIf(process.platform === 'linux' || isWindows)('what ends with', () => {
  /** These are what Linux has in /dev and /sys. */
  const onLinux: ReadonlySet<string> = new Set(['no-space', 'not-permitted']);
  const all = Object.entries(exitCodes);

  async function requireStatus(code: string, status: number): Promise<void> {
    const { exitCode, stdout, stderr } = await cases[code as ErrorCode]();
    expect({ exitCode, text: stdout + stderr }).toEqual({
      exitCode: status,
      text: expect.stringContaining(`[${code}]`) as string,
    });
  }

  test.each(all.filter(([code]) => !onLinux.has(code)))('%s has exit status %i', requireStatus);

  test.skipIf(isWindows).each(all.filter(([code]) => onLinux.has(code)))('%s has exit status %i', requireStatus);
});

test('what is done has exit status 0', async () => {
  await takeSet();
  expect((await recover('--quiet')).exitCode).toBe(0);
});

test('an error that nobody caught stops the run as a signal does, and is told as the bug it is', async () => {
  const after = path.join(directory, 'after');
  const shown = isWindows ? '%FIGARO_BACKUP_EXIT_CODE%' : '$FIGARO_BACKUP_EXIT_CODE ';
  const { exitCode, stderr } = await figaro(
    ['hot', '--home', home, '--repo', repo, '--run-after', `echo ${shown}> "${after}"`],
    {
      signal: AbortSignal.abort(new TypeError('x is not a function')),
    },
  );
  expect(exitCode).toBe(1);
  expect(stderr).toContain('TypeError: x is not a function');
  expect(fs.readFileSync(after, 'utf8').trimEnd()).toBe('1');
});

test('what SIGTERM stops has exit status 143', async () => {
  const { exitCode, stderr } = await figaro(['hot', '--home', home, '--repo', repo], {
    signal: AbortSignal.abort('SIGTERM'),
  });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 143,
    stderr: 'error [interrupted]: stopped before it was finished\n',
  });
});

const page = (name: string): string => fs.readFileSync(path.join(import.meta.dirname, '../../docs', name), 'utf8');

test('the tables of the help and of the documents are those of the program', () => {
  const byStatus = new Map<number, string[]>([[0, []]]);
  for (const [code, status] of Object.entries(exitCodes)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  expect(exitStatuses.map(({ status, codes }) => [status, codes])).toEqual([...byStatus].sort(([a], [b]) => a - b));
  const lines = page('monitoring.md').matchAll(/^\| (\d+)(?:, 143)? \| [^|]+ \| ([^|]*)\|$/gm);
  const documented = [...lines].map(([, status, codes = '']) => [Number(status), codes.match(/[a-z-]+/g) ?? []]);
  expect(documented).toEqual([...byStatus].sort(([a], [b]) => a - b));
});

test('each code has a meaning and a next step in troubleshooting, in the order of the program', () => {
  const sections = page('troubleshooting.md').split(/^### /m).slice(1);
  expect(sections.map((text) => text.slice(0, text.indexOf('\n')))).toEqual(Object.keys(exitCodes));
  for (const text of sections) expect(text).toMatch(/^\S+\n\n[A-Z][^]*\. \*\*Next:\*\* \S[^]*[.?]\n+$/);
});
