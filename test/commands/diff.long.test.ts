import fs from 'node:fs';
import path from 'node:path';
import { applyPatch } from 'diff';
import { beforeEach, describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { XmlContainer } from '../../src/engine/documents/container.ts';
import { type DocumentEntry } from '../../src/engine/documents/metadata.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { corpusCase } from '../support/corpus.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { fixtureCase } from '../support/document-collection.ts';
import { describeNative } from '../support/native.ts';
import { newPlace } from '../support/place.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';
import { watchedFiles } from '../support/watched-files.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
});

const diff = (...args: readonly string[]): Promise<CliResult> => figaro(['diff', ...args], { directory });

interface Document {
  readonly summary: Record<string, Record<string, number>>;
  readonly files: readonly { readonly name: string; readonly change: string }[];
  readonly documents: readonly {
    readonly change: string;
    readonly name: string;
    readonly before?: { readonly size: number };
    readonly diff?: string;
  }[];
  readonly records?: readonly { readonly file: string; readonly change: string; readonly key: string | number }[];
  readonly refused: readonly { readonly code: string; readonly message: string }[];
}

async function documentOf(...args: readonly string[]): Promise<Document> {
  const { stdout, stderr, exitCode } = await diff(...args, '--json');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Document;
}

/** Takes a set, and returns its name. */
async function take(kind: string): Promise<string> {
  const { exitCode, stdout } = await figaro([kind, '--home', home, '--repo', repo, '--json']);
  expect(exitCode).toBe(0);
  return (JSON.parse(stdout) as { set: { id: string } }).set.id;
}

describe('documents', () => {
  test('are listed with what happened to them, the summary first', async () => {
    demoApplication(home).commitUpTo([5, 254_138]);
    const { stdout, exitCode } = await diff('--home', home, '--from-time', '2026-11-22T09:23:23Z');
    expect(exitCode).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "from  2026-11-22T09:23:22Z [4][72071] in <dir>/env, asked for: 2026-11-22T09:23:23Z
      to    2026-11-22T09:23:25Z [5][197883] in <dir>/env
      2 files: 2 changed; documents: 10 added, 4 changed, 2 deleted

      d.dbxml (container): 6 added, 3 changed
        ~ doc00007  1007 B -> 2.1 KiB (content, metadata)
        ~ doc00008-é海  2.0 KiB (metadata)
        ~ doc00015  915 B -> 729 B (content)
        + doc00016  1.7 KiB
        + doc00017-é海  1.9 KiB
        + doc00018  4.3 KiB
        + doc00019  438 B
        + doc00020  832 B
        + doc00021  338 B

      e.dbxml (container): 4 added, 1 changed, 2 deleted
        ~ doc00001-é海  7.6 KiB -> 6.4 KiB (content, metadata)
        + doc00005-é海  1.6 KiB
        + doc00007  2.0 KiB
        + doc00008  2.7 KiB
        + doc00009  2.0 KiB
        - doc00000  2.0 KiB
        - doc00004  2.6 KiB
      "
    `);
  });

  test('come with a unified diff that makes the new XML of the old', async () => {
    demoApplication(home).commitUpTo([6, 5737]);
    const moments = ['--from-lsn', '[4][6558]', '--to-lsn', '[4][128335]'];
    const { documents } = await documentOf('d.dbxml', '--home', home, ...moments, '--content');
    const get = async (name: string, lsn: string): Promise<string> =>
      (await figaro(['documents', 'get', 'd.dbxml', name, '--home', home, '--to-lsn', lsn])).stdout;
    let changed = 0;
    for (const { change, name, before, diff: patch } of documents) {
      const old = before ? await get(name, '[4][6558]') : '';
      const now = change === 'deleted' ? '' : await get(name, '[4][128335]');
      expect(old.length === 0 || Buffer.byteLength(old) === before!.size).toBe(true);
      if (old !== now) changed += 1;
      expect(patch === '' ? old : applyPatch(old, patch!)).toBe(now);
    }
    expect(changed).toBeGreaterThan(3);
  });

  test('are the same backwards, added for deleted', async () => {
    demoApplication(home).commitUpTo([6, 5737]);
    const there = await documentOf('--home', home, '--from-lsn', '[3][181345]', '--to-lsn', '[5][76512]');
    const back = await documentOf('--home', home, '--from-lsn', '[5][76512]', '--to-lsn', '[3][181345]');
    const turned = { added: 'deleted', deleted: 'added', changed: 'changed' } as Record<string, string>;
    const names = ({ documents }: Document, turn: (change: string) => string): string[] =>
      documents.map(({ change, name }) => `${turn(change)} ${name}`).sort();
    expect(names(back, (change) => turned[change]!)).toEqual(names(there, (change) => change));
    expect(there.documents.length).toBeGreaterThan(5);
  });

  test('of a chain are compared with the environment in use', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    await take('hot');
    application.commitUpTo([5, 110_402]);
    const { documents } = await documentOf('--repo', repo, '--home', home);
    const expected = await documentOf('--home', home, '--from-lsn', '[4][72115]');
    expect(documents).toEqual(expected.documents);
    expect(documents.length).toBeGreaterThan(5);
  });

  test('of two chains are compared, page by page', async () => {
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const first = await take('hot');
    application.commitUpTo([5, 110_402]);
    const second = await take('hot');
    const { documents } = await documentOf('--repo', repo, '--from-set', first, '--to-set', second);
    const expected = await documentOf('--home', home, '--from-lsn', '[4][72115]');
    expect(documents).toEqual(expected.documents);
  });
});

describe('what is compared', () => {
  test('has to be said', async () => {
    demoApplication(home).commitUpTo([4, 72_115]);
    await take('hot');
    expect((await diff('--repo', repo)).stderr).toContain('error [usage]: nothing says from when on\n');
    expect((await diff('--repo', repo, '--home', home, '--to-lsn', '4/1')).stderr).toContain(
      'error [usage]: a chain is compared with the environment as it is now\n',
    );
    expect((await diff('--home', home, '--from-lsn', '4/1', '--chain', 'latest')).stderr).toContain(
      'error [usage]: --chain is for chains, and cannot be used with --home\n',
    );
    const missing = await diff('f.dbxml', '--repo', repo, '--home', home);
    expect(missing.exitCode).toBe(3);
    expect(missing.stderr).toContain(
      'error [container-missing]: f.dbxml: there is no container of this name in either state\nhint: there is d.dbxml, e.dbxml.\n',
    );
    const early = await diff('--home', home, '--from-time', '2020-01-01T00:00:00Z');
    expect(early.exitCode).toBe(5);
  });

  test('is the same where nothing happened', async () => {
    demoApplication(home).commitUpTo([4, 72_115]);
    const set = await take('hot');
    const { stdout, exitCode } = await diff('--repo', repo, '--from-set', set);
    expect({ exitCode, last: stdout.split('\n').at(-2) }).toEqual({ exitCode: 0, last: 'nothing is different' });
    expect(await documentOf('--repo', repo, '--home', home)).toMatchObject({ files: [], documents: [], refused: [] });
  });

  test('can be sets without a log, and encrypted', async () => {
    const recorded = corpusCase('crypt-53-hot');
    const password = path.join(directory, 'password');
    fs.writeFileSync(password, 'figaro-test\n');
    const of = ['--from', recorded.backup, '--from-lsn', '[1][40000]'];
    const without = await diff(...of);
    expect(without.exitCode).toBe(10);
    const { summary } = await documentOf(...of, '--password-file', password);
    expect(summary['records']!['put']).toBeGreaterThan(10);
    recorded.forget();

    const plain = corpusCase('ds-53');
    fs.cpSync(plain.backup, home, { recursive: true });
    const first = await take('offline');
    const names = fs.readdirSync(home).filter((name) => name.endsWith('.db'));
    fs.rmSync(path.join(home, names[0]!));
    const second = await figaro(['offline', '--home', home, '--repo', repo, '--accept-missing', '--json']);
    const { set } = JSON.parse(second.stdout) as { set: { id: string } };
    const { files } = await documentOf('--repo', repo, '--from-set', first, '--to-set', set.id);
    expect(files).toMatchObject([{ name: names[0], change: 'removed' }]);
    plain.forget();
  });
});

describeNative('records', () => {
  const kinds = ['btree', 'hash', 'recno', 'queue', 'heap'] as const;

  test('of every access method are told by number, and one by one', async () => {
    const application = new Session(home, ['--log-max', '200000']);
    for (const kind of kinds) {
      application.do(`open ${kind} auto ${kind}.db - ${kind} 1024${kind === 'queue' ? ' 4' : ''}`);
      application.do('begin t', `put ${kind} t 0 300 60 old`, 'commit t');
    }
    for (const opened of ['parts auto parts.db - partitioned', 'sub auto many.db one btree']) {
      const name = opened.split(' ')[0]!;
      application.do(`open ${opened} 512`, 'begin t', `put ${name} t 0 300 30 old`, 'commit t');
    }
    application.do('checkpoint');
    const set = await take('hot');
    application.do('begin t');
    for (const kind of kinds) {
      if (kind !== 'heap') application.do(`put ${kind} t 40 2 70 new`, `delete ${kind} t 100 3`);
      application.do(`put ${kind} t 300 1 60 new`);
    }
    application.do('commit t', 'consume queue auto 1', 'open more auto many.db two hash 512', 'begin t');
    application.do(
      'put more t 0 2 30 new',
      'delete sub t 0 200',
      'put parts t 150 2 30 new',
      'commit t',
      'compact sub auto',
      'flush',
    );
    await take('incremental');
    const { stdout } = await diff('--repo', repo, '--from-set', set);
    expect(stdout.slice(stdout.indexOf('\n\n'))).toMatchInlineSnapshot(`
      "

      btree.db (btree): 1 put, 2 changed, 3 deleted
      hash.db (hash): 1 put, 2 changed, 3 deleted
      heap.db (heap): 1 put
      many.db (databases)
        one (btree): 200 deleted
        added: two (hash): 2 put
      parts.db (btree): 2 changed
      queue.db (queue): 1 put, 2 changed, 4 deleted
      recno.db (recno): 1 put, 2 changed, 3 deleted
      "
    `);
    const { records } = await documentOf('hash.db', 'queue.db', '--repo', repo, '--from-set', set, '--keys');
    const told = records!.map(({ file, change, key }) => `${file} ${change} ${key}`).sort();
    const key = (n: number): string => Buffer.from(`key${String(n).padStart(7, '0')}`).toString('hex');
    expect(told).toEqual(
      [
        ...[40, 41].flatMap((n) => [`hash.db changed ${key(n)}`, `queue.db changed ${n + 1}`]),
        ...[100, 101, 102].flatMap((n) => [`hash.db deleted ${key(n)}`, `queue.db deleted ${n + 1}`]),
        ...[300].flatMap((n) => [`hash.db put ${key(n)}`, `queue.db put ${n + 1}`]),
        'queue.db deleted 1',
      ].sort(),
    );
    // The same by the environment itself, and where its log does not go back to the chain.
    const details = (text: string): string => text.slice(text.indexOf('\n\n'));
    const now = await diff('--repo', repo, '--home', home, '--from-set', set);
    expect(details(now.stdout)).toEqual(details(stdout));
    application.do('begin t', 'put btree t 50 1 60 old', 'commit t', 'checkpoint');
    for (let i = 0; i < 3; i++)
      application.do('begin t', 'put btree t 1000 2000 60 old', 'delete btree t 1000 2000', 'commit t');
    application.do('checkpoint', 'checkpoint', 'remove-logs');
    expect(fs.existsSync(path.join(home, 'log.0000000001'))).toBe(false);
    const later = await diff('--repo', repo, '--home', home, '--from-set', set);
    expect(details(later.stdout)).toEqual(details(stdout));
    await application.leave();
  });

  test('that are duplicates on pages of their own are found, though nothing else of their database changed', async () => {
    const application = new Session(home);
    application.do(
      'open a auto a.db - duplicates 512',
      'open b auto b.db - btree 512',
      'begin t',
      'put b t 0 200 60 old',
    );
    const hex = (text: string): string => Buffer.from(text).toString('hex');
    const put = (key: string, n: number): string =>
      `put-bytes a t ${hex(key)} ${hex(`duplicate ${String(n).padStart(5, '0')} ${'x'.repeat(30)}`)}`;
    for (let n = 0; n < 100; n++) application.do(put('many', 2 * n), put('others', 2 * n), put(`single ${n}`, 0));
    application.do('commit t', 'checkpoint');
    const set = await take('hot');
    application.do('begin t', put('many', 77), put('others', 3), 'put b t 5 1 60 new', 'commit t', 'flush');
    await take('incremental');
    const { records } = await documentOf('--repo', repo, '--from-set', set, '--keys');
    expect(records!.map(({ file, change, key }) => `${file} ${change} ${key}`)).toEqual([
      `a.db put ${hex('many')}`,
      `a.db put ${hex('others')}`,
      `b.db changed ${hex('key0000005')}`,
    ]);
    await application.leave();
  });

  test('cost what the log has touched, and not what the database has', async () => {
    const application = new Session(home, ['--log-max', '100000']);
    for (const kind of kinds) {
      application.do(`open ${kind} auto ${kind}.db - ${kind} 1024`);
      application.do('begin t', `put ${kind} t 0 4000 100 old`, 'commit t');
    }
    // What recovery looks through in any case is the log of the set.
    application.do(
      'open more auto more.db - btree 1024',
      'begin t',
      'put more t 0 500 100 old',
      'commit t',
      'checkpoint',
    );
    const set = await take('hot');
    application.do('begin t');
    for (const kind of kinds) application.do(`put ${kind} t 2000 3 100 new`);
    application.do('commit t', 'flush');
    await take('incremental');
    const read = new Map<string, number>();
    const files = watchedFiles(nodeFiles, {
      afterRead: (file, bytes) => {
        const name = path.basename(file);
        read.set(name, (read.get(name) ?? 0) + bytes.length);
      },
    });
    const { stdout } = await figaro(['diff', '--repo', repo, '--from-set', set, '--json'], { files });
    expect(JSON.parse(stdout)).toMatchObject({ summary: { records: { put: 3, changed: 12, deleted: 0 } } });
    for (const kind of kinds) {
      const { size } = fs.statSync(path.join(home, `${kind}.db`));
      expect(size).toBeGreaterThan(400_000);
      expect(read.get(`${kind}.db`)).toBeLessThan(size / 8);
    }
    await application.leave();
  });

  test('of a damaged file are not compared, which is told, and all others are', async () => {
    const application = new Session(home);
    for (const name of ['a', 'b']) {
      application.do(`open ${name} auto ${name}.db - btree 512`, 'begin t', `put ${name} t 0 200 60 old`, 'commit t');
    }
    application.do('checkpoint');
    const set = await take('hot');
    application.do('begin t', 'put a t 0 1 60 new', 'put b t 0 1 60 new', 'commit t', 'flush');
    await take('incremental');
    const files = watchedFiles(nodeFiles, {
      // The root says that its items are outside of it; what is recovered is on a leaf.
      afterRead: (file, bytes) => {
        if (path.basename(file) === 'a.db' && bytes.length === 512 && bytes[25] === 3) bytes.fill(0xff, 26, 30);
      },
    });
    const { stdout, stderr, exitCode } = await figaro(['diff', '--repo', repo, '--from-set', set], { files });
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/error \[page-type\]: a\.db: page \d+ is damaged/);
    expect(stdout).toContain('b.db (btree): 1 changed\n');
    await application.leave();
  });
});

describe('what only the application can read', () => {
  test('is compared as it is stored', async () => {
    const recorded = fixtureCase('custom');
    const [before, after] = ['before', 'after'].map((name) => path.join(directory, name)) as [string, string];
    for (const copy of [before, after]) {
      fs.mkdirSync(copy);
      fs.copyFileSync(path.join(recorded.home, 'xor.dbxml'), path.join(copy, 'xor.dbxml'));
    }
    const file = path.join(after, 'xor.dbxml');
    const opened = new DatabaseFile(nodeFiles, file);
    const container = new XmlContainer(opened, {});
    const entries = container.entries();
    const { value: entry } = await entries.next();
    const { value: stored } = await container.fingerprint(entry as DocumentEntry, () => {}).next();
    const beginning = Buffer.from(stored as Uint8Array).subarray(0, 30);
    opened.close();
    const bytes = fs.readFileSync(file);
    const at = bytes.indexOf(beginning);
    expect(at).toBeGreaterThan(0);
    bytes[at + 20]! ^= 1;
    fs.writeFileSync(file, bytes);
    const sets: string[] = [];
    for (const copy of [before, after]) {
      const { stdout } = await figaro([
        'offline',
        '--home',
        copy,
        '--repo',
        repo,
        '--new-source',
        '--without-log',
        '--json',
      ]);
      sets.push((JSON.parse(stdout) as { set: { id: string } }).set.id);
    }
    const moments = ['--from-set', sets[0]!, '--to-set', sets[1]!];
    const { stdout, exitCode } = await diff('--repo', repo, ...moments, '--content');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('1 file: 1 changed; documents: 1 changed\n');
    expect(stdout).toContain('which only the application knows\n');
  });
});

test('is interrupted in the middle, without a trace', async () => {
  demoApplication(home).commitUpTo([6, 5737]);
  const controller = new AbortController();
  const files = watchedFiles(nodeFiles, {
    afterRead: (file) => {
      if (path.basename(file) === 'd.dbxml') controller.abort('SIGINT');
    },
  });
  const args = ['diff', '--home', home, '--from-lsn', '[3][181345]'];
  const { exitCode, stdout } = await figaro(args, { files, signal: controller.signal });
  expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
});

test('pages that are newer than the log are refused, as by a recovery, whatever looks at them', async () => {
  const recorded = corpusCase('damaged-zerotail-48-hot');
  const from = ['--from', recorded.backup];
  const message =
    /error \[not-recoverable\]: \S+: page \d+ was last changed at \[4\]\[\d+\], but the log ends at \[4\]\[9063\]/;
  const recovery = await figaro(['recover', ...from, '--to', path.join(directory, 'recovered')]);
  for (const looked of [
    recovery,
    await diff(...from, '--from-lsn', '[1][48773]'),
    await figaro(['dump', 'c.db', ...from]),
  ]) {
    expect(looked.exitCode).toBe(4);
    expect(looked.stderr).toMatch(message);
  }
  recorded.forget();
});
