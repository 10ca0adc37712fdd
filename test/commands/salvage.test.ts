import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { flipBit } from '../support/damage.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { recordsIn } from '../support/dumps.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';

const heap = path.join(import.meta.dirname, '../fixtures/cases/heap.db');

let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'd.db');
  fs.copyFileSync(heap, file);
});

function run(...args: readonly string[]): Promise<CliResult> {
  return figaro(args, { directory });
}

describe('dump --salvage', () => {
  test('names what it passes over on stderr, and exits with 4', async () => {
    const bytes = fs.readFileSync(file);
    bytes[2 * 512 + 25] = 99;
    fs.writeFileSync(file, bytes.subarray(0, 17 * 512 + 100));
    expect(await run('dump', '--salvage', '--list', file)).toMatchInlineSnapshot(`
      {
        "exitCode": 4,
        "stderr": "warning: <dir>/d.db: page 17: it is passed over: it is cut off after 100 of 512 bytes
      warning: <dir>/d.db: page 0: it says that the file has 18 pages, but it has 17
      warning: <dir>/d.db: page 2: it is damaged: it has type 99, which no heap file has; what can be read of it is given
      ",
        "stdout": "heap  (the file itself)
      1 database, pages of 512 bytes
      ",
      }
    `);
    expect((await run('dump', file)).exitCode).toBe(4);
  });

  test('says the same with --json', async () => {
    flipBit(file, 2 * 512 + 25);
    const { exitCode, stdout, stderr } = await run('dump', '--salvage', '--json', file);
    expect([exitCode, stderr]).toEqual([4, '']);
    const { databases, findings, findingCount } = JSON.parse(stdout) as {
      databases: readonly { readonly records: readonly object[] }[];
      findings: readonly object[];
      findingCount: number;
    };
    expect(databases[0]!.records.length).toBeGreaterThan(0);
    expect(findings[0]).toMatchObject({ path: '<dir>/d.db', pgno: 2, code: 'page-type' });
    expect(findingCount).toBe(findings.length);
  });

  test('says in one line with --quiet that this may not be all of it, and exits with 4', async () => {
    flipBit(file, 2 * 512 + 25);
    expect(await run('dump', '--salvage', '--quiet', file)).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^error \[page-type\]: .*: \d+ findings?: this may not be all of it\n$/) as string,
    });
  });

  test('gives what dump gives of a sound container, database by database', async () => {
    const home = path.join(directory, 'recovered');
    layDemoEnvironment(path.join(directory, 'env'));
    await run('recover', '--quiet', '--from', path.join(directory, 'env'), '--to', home);
    const container = path.join(home, 'd.dbxml');
    const salvaged = await run('dump', '--salvage', container);
    expect({ ...salvaged, stdout: '' }).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(recordsIn(salvaged.stdout)).toEqual(recordsIn((await run('dump', container)).stdout));
    for (const more of [[], ['--printable']]) {
      const one = ['--database', 'secondary_document', ...more, container];
      expect(await run('dump', '--salvage', ...one)).toEqual(await run('dump', ...one));
    }
    expect(await run('dump', '--salvage', '--list', container)).toEqual(await run('dump', '--list', container));
    const none = await run('dump', '--salvage', '--database', 'none', container);
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('holds no database none')]);
  });

  test('reads pages of the size that is given', async () => {
    const bytes = fs.readFileSync(file).fill(0, 0, 512);
    // Nothing but one page is left, and nothing tells where pages end.
    fs.writeFileSync(file, bytes.fill(0, 3 * 512));
    const { exitCode, stdout } = await run('dump', '--salvage', '--page-size', '512', file);
    expect(exitCode).toBe(4);
    expect(recordsIn(stdout, false).length).toBeGreaterThan(0);
  });

  test('does not take for a database what has no page of one', async () => {
    fs.writeFileSync(file, Buffer.alloc(8192, 'text'));
    expect(await run('dump', '--salvage', file)).toMatchInlineSnapshot(`
      {
        "exitCode": 3,
        "stderr": "error [container-missing]: <dir>/d.db has no page of a database that can be read
      hint: give --page-size if you know it, and --password-file if it is encrypted.
      ",
        "stdout": "",
      }
    `);
    fs.writeFileSync(file, '');
    expect((await run('dump', '--salvage', file)).exitCode).toBe(3);
  });

  test.each([
    [['--page-size', '512']],
    [['--record-length', '12']],
    [['--any-order']],
    [['--salvage', '--record-numbers']],
    [['--salvage', '--page-size', '700']],
  ])('is needed for its options, and takes no others: %j', async (options) => {
    expect((await run('dump', ...options, file)).exitCode).toBe(2);
  });
});
