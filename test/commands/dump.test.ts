import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { run } from '../../src/cli.ts';
import { corpusCase } from '../support/corpus.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { namesIn } from '../support/trees.ts';
import { CollectingStream, figaro, type CliResult } from '../support/run-cli.ts';
import { prepared } from '../support/prepared.ts';

const expected = JSON.parse(readFileSync(path.join(import.meta.dirname, '../../demo/expected.json'), 'utf8')) as {
  points: { time: string; databases: Record<string, string> }[];
};
const hasNativeDump = spawnSync('db5.3_dump', ['-V']).status === 0;

let directory: string;
let home: string;
let container: string;

const laid = prepared(async (place) => {
  const crashed = path.join(place.directory, 'crashed');
  layDemoEnvironment(crashed);
  expect((await figaro(['recover', '--from', crashed, '--to', place.home])).exitCode).toBe(0);
});
beforeEach(() => {
  ({ directory, home } = laid());
  container = path.join(home, 'e.dbxml');
});

const dump = (...args: readonly string[]): Promise<CliResult> => figaro(['dump', ...args], { directory });

describe('dump', () => {
  test('of a database is what db_dump prints', async () => {
    const databases = Object.entries(expected.points.find(({ time }) => time === 'end')!.databases);
    for (const [name, sha256] of databases) {
      const [file = '', database = ''] = name.split(' ');
      const { exitCode, stdout } = await dump(path.join(home, file), '--database', database, '-k');
      const records = /^HEADER=END\n([^]*)^DATA=END\n$/m.exec(stdout)?.[1] ?? '';
      const found = createHash('sha256').update(records).digest('hex');
      expect({ name, exitCode, sha256: found }).toEqual({ name, exitCode: 0, sha256 });
    }
  });

  test('of a container is every database of it, one after the other', async () => {
    const { stdout } = await dump(container);
    expect(stdout.match(/^database=.*$/gm)).toHaveLength(13);
    expect(stdout.match(/^DATA=END$/gm)).toHaveLength(13);
  });

  test('lists databases', async () => {
    const { exitCode, stdout, stderr } = await dump(container, '--list', '--database', 'primary_dictionary');
    expect({ exitCode, stdout, stderr }).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stderr": "",
        "stdout": "recno  primary_dictionary
      1 database, pages of 4096 bytes
      ",
      }
    `);
  });

  test('prints characters as they are with --printable', async () => {
    expect((await dump(container, '--database', 'secondary_document', '--printable')).stdout).toMatchInlineSnapshot(`
      "VERSION=3
      format=print
      type=btree
      db_pagesize=4096
      HEADER=END
       \\03\\01\\1d
       doc00001-\\c3\\a9\\e6\\b5\\b7\\00
       \\03D\\1d
       delta\\00
       \\03F\\12
       344\\00
       \\09\\01\\1d
       doc00005-\\c3\\a9\\e6\\b5\\b7\\00
       \\0b\\01\\1d
       doc00007\\00
       \\0c\\01\\1d
       doc00008\\00
       \\0d\\01\\1d
       doc00009\\00
      DATA=END
      "
    `);
  });

  test
    .skipIf(!hasNativeDump)
    .each([
      [[]],
      [['-p']],
      [['-k']],
      [['-s', 'content_document', '-p']],
      [['-s', 'primary_dictionary', '-k', '-p']],
      [['-s', 'secondary_document_index_string']],
    ])('with %j equals db5.3_dump to the byte', async (options) => {
    const native = spawnSync('db5.3_dump', [...options, container], { encoding: 'utf8' });
    expect((await dump(container, ...options)).stdout).toBe(native.stdout);
  });

  test('prints one document with --json', async () => {
    const { stdout } = await dump(container, '--database', 'primary_dictionary', '--json');
    const document = JSON.parse(stdout) as { databases: { records: unknown[] }[] };
    expect(document).toMatchObject({ file: '<dir>/env/e.dbxml', databases: [{ method: 'recno' }] });
    expect(document.databases[0]!.records).toHaveLength(73);
    expect(document.databases[0]!.records[0]).toEqual({ key: 1, data: expect.stringMatching(/^[0-9a-f]+$/) as string });
  });

  test('stops without a word when nobody reads any more', async () => {
    const stdout = new CollectingStream(false, Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    const stderr = new CollectingStream();
    expect(await run(['dump', container], { stdout, stderr, env: {} })).toBe(0);
    expect(stderr.text).toBe('');
  });

  test('fails when standard output cannot take it', async () => {
    const failure = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const stderr = new CollectingStream();
    const stdout = new CollectingStream(false, failure);
    expect(await run(['dump', container], { stdout, stderr, env: {} })).toBe(6);
    expect(stderr.text).toMatch(/^error \[no-space\]: standard output: cannot write: /);
  });
});

describe('dump refuses', () => {
  /** Exit status and first line of the message. */
  async function refusal(...args: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await dump(...args);
    expect(stderr).toMatch(/^error \[[a-z-]+\]: [^\n]+\n(hint: [^\n]+\n)?$/);
    return `${exitCode} ${stderr.split('\n')[0]}`;
  }

  test('a file that is not there', async () => {
    expect(await refusal(path.join(home, 'f.dbxml'))).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env/f.dbxml is not there"`,
    );
  });

  test('a directory', async () => {
    expect(await refusal(home)).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env is a directory, not a database file"`,
    );
  });

  test('a file that is not a container', async () => {
    expect(await refusal(path.join(home, 'log.0000000001'))).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env/log.0000000001 is not a container"`,
    );
  });

  test('a database that the container does not hold', async () => {
    expect(await refusal(container, '--database', 'nothing')).toMatchInlineSnapshot(
      `"2 error [usage]: <dir>/env/e.dbxml holds no database nothing"`,
    );
  });

  test('a container that is cut off', async () => {
    truncateSync(container, 4 * 4096);
    expect(await refusal(container)).toMatchInlineSnapshot(
      `"4 error [page-type]: <dir>/env/e.dbxml: page 10 is missing: the file has 4 pages"`,
    );
  });

  test('a container with a damaged page, and prints no half document', async () => {
    const contents = readFileSync(container);
    contents[7 * 4096 + 25] = 119;
    writeFileSync(container, contents);
    expect(await refusal(container)).toMatchInlineSnapshot(
      `"4 error [page-type]: <dir>/env/e.dbxml: page 7 is damaged: it has type 119, which no btree file has"`,
    );
    const { exitCode, stdout } = await dump(container, '--json');
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'page-type', pgno: 7, exitCode: 4 } });
  });
});

test('a dump as of a restore point is that of a recovery to it, and nothing is written', async () => {
  const repo = path.join(directory, 'repo');
  const crashed = path.join(directory, 'crashed');
  expect((await figaro(['hot', '--home', crashed, '--repo', repo])).exitCode).toBe(0);
  const before = namesIn(repo);
  const { largest } = JSON.parse((await figaro(['logs', 'timeline', '--repo', repo, '--json'])).stdout) as {
    largest: { previous?: { lsn: string } }[];
  };
  const lsn = largest.find(({ previous }) => previous)!.previous!.lsn;
  const earlier = path.join(directory, 'earlier');
  expect((await figaro(['recover', '--repo', repo, '--to', earlier, '--to-lsn', lsn])).exitCode).toBe(0);
  for (const [recovered, point] of [
    [home, []],
    [earlier, ['--to-lsn', lsn]],
  ] as const) {
    for (const name of ['d.dbxml', 'e.dbxml']) {
      const { stdout } = await dump(path.join(recovered, name));
      for (const source of [
        ['--repo', repo],
        ['--from', crashed],
        ['--home', crashed],
      ]) {
        const found = await dump(name, ...source, ...point);
        expect(found.exitCode).toBe(0);
        expect(found.stdout === stdout).toBe(true);
      }
    }
  }
  expect(namesIn(repo)).toEqual(before);
});

describe('of an environment with external files', () => {
  const isLog = (file: string): boolean => path.basename(file).startsWith('log.');

  async function expectDumpsAsRecovered(copy: string): Promise<void> {
    const target = path.join(directory, 'recovered');
    expect((await figaro(['recover', '--from', copy, '--to', target])).exitCode).toBe(0);
    for (const name of ['ext.db', 'exth.db', 'm.db']) {
      const { stdout } = await dump(path.join(target, name));
      const found = await dump(name, '--from', copy);
      expect(found.exitCode).toBe(0);
      expect(found.stdout === stdout).toBe(true);
    }
  }

  test('a dump as of a restore point has what is in them', async () => {
    await expectDumpsAsRecovered(corpusCase('extfile-181-crash').backup);
  });

  test('a dump as of a restore point has all of what the log makes of them', async () => {
    const { backup } = corpusCase('extfile-62-hot');
    const logs = path.join(directory, 'logs');
    cpSync(backup, logs, { recursive: true, filter: (file) => file === backup || isLog(file) });
    await expectDumpsAsRecovered(logs);
  });

  test('and without a log a dump is of the database that was named', async () => {
    const copy = path.join(directory, 'copy');
    cpSync(corpusCase('extfile-181-crash').backup, copy, { recursive: true, filter: (file) => !isLog(file) });
    const { stdout } = await dump(path.join(copy, 'none.db'));
    const found = await dump('none.db', '--from', copy);
    expect(found.exitCode).toBe(0);
    expect(found.stdout === stdout).toBe(true);
  });
});

test('salvage reads files alone, and a file is one though variables name a repository', async () => {
  const { exitCode, stderr } = await dump('e.dbxml', '--salvage', '--from', home);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringContaining('--salvage reads a file') as string,
  });
  const env = { FIGARO_BACKUP_REPO: path.join(directory, 'none'), DB_HOME: path.join(directory, 'none') };
  expect((await figaro(['dump', container, '--list'], { env })).exitCode).toBe(0);
});
