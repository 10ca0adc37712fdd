import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { inspecting } from '../support/inspecting.ts';
import { figaro } from '../support/run-cli.ts';
import { lacks } from '../support/windows.ts';

const clean = corpusCase('dbxml-clean');
const encrypted = corpusCase('crypt-53-hot');

let directory: string;
let home: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
});

const { inspect, json, refusal } = inspecting(() => directory);

function lay(recorded: { readonly backup: string }): void {
  fs.cpSync(recorded.backup, home, { recursive: true });
}

describe('inspect container', () => {
  test('shows databases, documents and indexes of a container', async () => {
    lay(clean);
    const { exitCode, stdout } = await inspect('container', path.join(home, 'opera.dbxml'));
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').filter((line) => !/^ {2}(?!name|37)/.test(line))).toMatchInlineSnapshot(`
      [
        "<dir>/env/opera.dbxml: 148.0 KiB, btree version 9 (Berkeley DB 4.2 to 6.0.20), pages of 4096 bytes, little-endian, no checksums, not encrypted",
        "  37 pages, 1 of names, 0 free",
        "",
        "container of Berkeley DB XML, version 6: 7 documents stored by nodes, indexes lead to nodes, indexes are added automatically",
        "  name                                        node-element-substring-string node-element-equality-string node-element-equality-double",
        "  name (http://www.sleepycat.com/2002/dbxml)  unique-node-metadata-equality-string",
        "",
        "node_nodestorage: btree, 131 records, 2 levels",
        "primary_dictionary: recno, 75 records, 1 level",
        "secondary_configuration: btree, 7 records, 1 level",
        "secondary_dictionary: btree, 45 records, 1 level, duplicates, sorted duplicates",
        "secondary_document: btree, 8 records, 1 level",
        "secondary_document_index_double: btree, 126 records, 34 keys, 1 level, duplicates, sorted duplicates",
        "secondary_document_index_string: btree, 329 records, 206 keys, 2 levels, duplicates, sorted duplicates",
        "secondary_document_statistics_double: btree, 18 records, 1 level",
        "secondary_document_statistics_string: btree, 189 records, 1 level",
        "secondary_sequence: btree, 1 record, 1 level",
        "structural_stats: btree, 71 records, 1 level",
        "",
      ]
    `);
  });

  test('finds a container by its name in the environment', async () => {
    lay(corpusCase('datadirs-181-logs'));
    fs.mkdirSync(path.join(home, 'data'), { recursive: true });
    fs.copyFileSync(path.join(clean.backup, 'opera.dbxml'), path.join(home, 'data', 'opera.dbxml'));
    const { path: found } = await json('container', '--home', home, 'opera.dbxml');
    expect(found).toBe('<dir>/env/data/opera.dbxml');
    const { stdout } = await figaro(['inspect', 'container', 'opera.dbxml', '--json'], {
      directory,
      env: { DB_HOME: home },
    });
    expect(JSON.parse(stdout)).toMatchObject({ path: found });
  });

  test.skipIf(lacks.anyName)('keeps control characters in names from the terminal', async () => {
    lay(clean);
    const strange = path.join(home, 'a\u001b[31m\n.dbxml');
    fs.renameSync(path.join(home, 'opera.dbxml'), strange);
    const { stdout } = await inspect('container', strange);
    expect(stdout).not.toContain('\u001b');
  });

  test('of a file that is cut off in a page tells it, shows the rest, and ends with 4', async () => {
    lay(clean);
    const file = path.join(home, 'opera.dbxml');
    fs.truncateSync(file, 36 * 4096 + 100);
    const { exitCode, stdout, stderr } = await inspect('container', file);
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: '' });
    expect(stdout).toContain('page 36: it is cut off after 100 of 4096 bytes');
    expect(stdout).toContain('secondary_configuration: btree, 7 records');
  });

  test('of a file with a damaged page leaves it out of the numbers', async () => {
    lay(corpusCase('damaged-page-48-clean'));
    const { exitCode, stdout } = await inspect('container', path.join(home, 'a.db'), '--json');
    expect(exitCode).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({
      findingCount: 1,
      findings: [{ pgno: 5, code: 'page-checksum' }],
      format: { method: 'btree', checksums: true },
    });
  });

  test('of an encrypted file needs its password', async () => {
    lay(encrypted);
    const file = path.join(home, 'secret.db');
    const right = path.join(directory, 'right');
    const wrong = path.join(directory, 'wrong');
    fs.writeFileSync(right, 'figaro-test\n');
    fs.writeFileSync(wrong, 'figaro-best\n');
    expect(await refusal('container', file)).toMatchInlineSnapshot(
      `"10 error [password]: <dir>/env/secret.db is encrypted"`,
    );
    expect(await refusal('container', file, '--password-file', wrong)).toMatchInlineSnapshot(
      `"10 error [password]: <dir>/env/secret.db does not open with this password"`,
    );
    const { stdout } = await inspect('container', file, '--password-file', right, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ format: { encrypted: true }, databases: [{ method: 'btree' }] });
  });

  test('refuses what is not there, no file, or no database', async () => {
    layDemoEnvironment(home);
    expect(await refusal('container', path.join(home, 'f.dbxml'))).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env/f.dbxml is not there"`,
    );
    expect(await refusal('container', 'f.dbxml', '--home', home)).toMatchInlineSnapshot(
      `"3 error [container-missing]: f.dbxml is not there, neither in <dir>/env nor as a path"`,
    );
    expect(await refusal('container', home)).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env is a directory, not a database file"`,
    );
    expect(await refusal('container', path.join(home, 'log.0000000001'))).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env/log.0000000001 is not a container"`,
    );
  });
});
