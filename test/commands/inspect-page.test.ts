import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { corpusCase } from '../support/corpus.ts';
import { flipBit } from '../support/damage.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { inspecting } from '../support/inspecting.ts';

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

describe('inspect page', () => {
  test('shows a metadata page', async () => {
    lay(clean);
    const { exitCode, stdout } = await inspect('page', path.join(home, 'libretti.dbxml'), '0');
    expect(exitCode).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "<dir>/env/libretti.dbxml: page 0 at byte 0, 8192 bytes
        type           btree meta (9)
        LSN            [3][405143]
        checksum       right
        magic          0x53162
        method         btree
        version        9
        page size      8192
        encryption     none
        meta flags     checksums
        free           0
        last pgno      41
        partitions     0
        key count      0
        record count   0
        flags          sub databases
        uid            5060250000fe00007979751876e5010000000000
        min key        2
        record length  0
        pad            32
        root           1
      "
    `);
  });

  test('shows a leaf, and its bytes with --raw', async () => {
    lay(clean);
    const { stdout } = await inspect('page', path.join(home, 'opera.dbxml'), '1', '--raw');
    const [text, dump = ''] = stdout.split('\n\n0000  ');
    expect(text).toMatchInlineSnapshot(`
      "<dir>/env/opera.dbxml: page 1 at byte 4096, 4096 bytes
        type         btree leaf (5)
        LSN          [1][375068]
        checksum     none
        level        1
        prev pgno    0
        next pgno    0
        entries      22
        items start  3692
        free bytes   3622

        0   3912  key   16 B  6e6f64655f6e6f646573746f72616765  node_nodestorage
        1   3904  data  4 B   0000000c  ....
        2   4004  key   18 B  7072696d6172795f64696374696f6e617279  primary_dictionary
        3   3996  data  4 B   00000006  ....
        4   4068  key   23 B  7365636f6e646172795f636f6e66696775726174696f6e  secondary_configuration
        5   4060  data  4 B   00000002  ....
        6   3972  key   20 B  7365636f6e646172795f64696374696f6e617279  secondary_dictionary
        7   3964  data  4 B   00000008  ....
        8   3940  key   18 B  7365636f6e646172795f646f63756d656e74  secondary_document
        9   3932  data  4 B   0000000a  ....
       10   3748  key   31 B  7365636f6e646172795f646f63756d656e745f696e646578…  secondary_document_index…
       11   3740  data  4 B   00000014  ....
       12   3868  key   31 B  7365636f6e646172795f646f63756d656e745f696e646578…  secondary_document_index…
       13   3860  data  4 B   0000000e  ....
       14   3700  key   36 B  7365636f6e646172795f646f63756d656e745f7374617469…  secondary_document_stati…
       15   3692  data  4 B   00000016  ....
       16   3820  key   36 B  7365636f6e646172795f646f63756d656e745f7374617469…  secondary_document_stati…
       17   3812  data  4 B   00000010  ....
       18   4036  key   18 B  7365636f6e646172795f73657175656e6365  secondary_sequence
       19   4028  data  4 B   00000004  ....
       20   3792  key   16 B  7374727563747572616c5f7374617473  structural_stats
       21   3784  data  4 B   00000012  ...."
    `);
    expect(dump.split('\n')).toHaveLength(4096 / 16 + 1);
    expect(`0000  ${dump.split('\n')[0]}`).toMatchInlineSnapshot(
      `"0000  01 00 00 00 1c b9 05 00 01 00 00 00 00 00 00 00  ................"`,
    );
  });

  test('gives the same as data with --json', async () => {
    lay(clean);
    const page = await json('page', path.join(home, 'opera.dbxml'), '1', '--raw');
    expect(page).toMatchObject({
      pgno: 1,
      typeName: 'btree leaf',
      checksum: 'none',
      header: { level: 1, entries: 22 },
    });
    const items = page['items'] as readonly { readonly role: string; readonly data: string }[];
    expect(items).toHaveLength(22);
    // Names of the sub-databases, and the big-endian numbers of their metadata pages.
    expect(items[0]).toEqual({
      index: 0,
      offset: 3912,
      role: 'key',
      data: Buffer.from('node_nodestorage').toString('hex'),
    });
    expect((page['raw'] as string).length).toBe(2 * 4096);
  });

  test('that does not match its checksum is shown all the same, with exit status 4', async () => {
    lay(clean);
    const file = path.join(home, 'libretti.dbxml');
    const before = await json('page', file, '1');
    flipBit(file, 8192 + 100);
    const { exitCode, stdout, stderr } = await inspect('page', file, '1');
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: '' });
    expect(stdout).toContain('the page is damaged: it does not match its checksum');
    expect(stdout).toContain('checksum     wrong');
    const after = JSON.parse((await inspect('page', file, '1', '--json')).stdout) as Record<string, unknown>;
    expect(after['items']).toEqual(before['items']);
  });

  test('that is zero is told to be never written', async () => {
    lay(clean);
    const file = path.join(home, 'opera.dbxml');
    const bytes = fs.readFileSync(file);
    bytes.fill(0, 3 * 4096, 4 * 4096);
    fs.writeFileSync(file, bytes);
    const { exitCode, stdout } = await inspect('page', file, '3');
    expect({ exitCode, stdout }).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stdout": "<dir>/env/opera.dbxml: page 3 at byte 12288, 4096 bytes
        type       never written
        LSN        [0][0]
        checksum   none
        next pgno  0
      ",
      }
    `);
  });

  test('that is cut off is shown as far as it goes', async () => {
    lay(clean);
    const file = path.join(home, 'opera.dbxml');
    fs.truncateSync(file, 36 * 4096 + 300);
    const { exitCode, stdout } = await inspect('page', file, '36');
    expect(exitCode).toBe(4);
    expect(stdout).toContain('the page is damaged: it is cut off: 300 of its 4096 bytes are there');
  });

  test('can be read when the first page of its file is damaged', async () => {
    lay(clean);
    const file = path.join(home, 'opera.dbxml');
    const bytes = fs.readFileSync(file);
    bytes[25] = 77;
    fs.writeFileSync(file, bytes);
    const { exitCode, stdout } = await inspect('page', file, '1');
    expect(exitCode).toBe(4);
    expect(stdout).toContain('the first page of the file is damaged: its first page has type 77');
    expect(stdout).toContain('node_nodestorage');
    bytes.writeUInt32LE(4097, 20);
    fs.writeFileSync(file, bytes);
    expect(await refusal('page', file, '1')).toMatch(/^4 error \[page-type\]: .* is a damaged database/);
  });

  test('of an encrypted file without password shows its header only', async () => {
    lay(encrypted);
    const file = path.join(home, 'secret.db');
    const { exitCode, stdout } = await inspect('page', file, '1');
    expect({ exitCode, stdout }).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stdout": "<dir>/env/secret.db: page 1 at byte 512, 512 bytes
        type         btree internal (3)
        LSN          [2][52000]
        checksum     unknown
        level        3
        records      0
        entries      2
        items start  476
        free bytes   408
        the rest     is encrypted: give the password
      ",
      }
    `);
    const right = path.join(directory, 'right');
    fs.writeFileSync(right, 'figaro-test\n');
    const { stdout: readable } = await inspect('page', file, '1', '--password-file', right);
    expect(readable).toMatchInlineSnapshot(`
      "<dir>/env/secret.db: page 1 at byte 512, 512 bytes
        type         btree internal (3)
        LSN          [2][52000]
        checksum     right
        level        3
        records      0
        entries      2
        items start  476
        free bytes   408

        0    500  child  0 B   to page 20
        1    476  child  11 B  6b65793030303030323335  key00000235  to page 21
      "
    `);
    fs.writeFileSync(right, 'other\n');
    expect(await refusal('page', file, '1', '--password-file', right)).toMatchInlineSnapshot(
      `"10 error [password]: <dir>/env/secret.db does not open with this password"`,
    );
  });

  test('of a queue may be in an extent', async () => {
    lay(corpusCase('cds-48'));
    const { exitCode, stdout } = await inspect('page', path.join(home, 'q.db'), '40', '--json');
    const page = JSON.parse(stdout) as { offset?: number; items: { role: string }[] };
    expect({ exitCode, role: page.items[0]?.role, offset: page.offset }).toEqual({
      exitCode: 0,
      role: 'record',
      offset: undefined,
    });
    expect(await refusal('page', path.join(home, 'q.db'), '99999')).toMatchInlineSnapshot(
      `"2 error [usage]: <dir>/env/q.db has no page 99999"`,
    );
    expect(await refusal('page', path.join(home, '__dbq.q.db.9'), '1')).toMatchInlineSnapshot(
      `"3 error [container-missing]: <dir>/env/__dbq.q.db.9 is not a container"`,
    );
  });

  test('has to be in the file, and a number', async () => {
    lay(clean);
    const file = path.join(home, 'opera.dbxml');
    expect(await refusal('page', file, '37')).toMatchInlineSnapshot(
      `"2 error [usage]: <dir>/env/opera.dbxml has no page 37: its last one is 36"`,
    );
    expect(await refusal('page', file, '4294967296')).toMatch(/^2 error \[usage\]/);
    expect(await refusal('page', file, '-1')).toMatch(/^2 error \[usage\]/);
    expect(await refusal('page', file, 'one')).toMatch(/^2 error \[usage\]/);
    expect(await refusal('page', file)).toMatch(/^2 error \[usage\]/);
    expect(await refusal('page', path.join(home, 'none.dbxml'), '1')).toMatch(/^3 error \[container-missing\]/);
    expect(await refusal('page', path.join(home, 'log.0000000001'), '0')).toMatch(/^3 error \[container-missing\]/);
  });
});
