import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { placeFor } from '../support/dumps.ts';
import { databaseFiles, describeNative, makeDatabases, verifyNatively } from '../support/native.ts';
import { pagesOf } from '../support/structural-damage.ts';
import { figaro } from '../support/run-cli.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { FilePages } from '../../src/engine/database/file-pages.ts';
import { pageType } from '../../src/format/page/types.ts';
import { checkFile } from '../../src/engine/structure/check-file.ts';

const heap = fs.readFileSync(path.join(import.meta.dirname, '../fixtures/cases/heap.db'));

test.each([
  ['at a page boundary', 9 * 512, 'page 0: it says that the file has 18 pages, but it has 9'],
  ['in a page', 9 * 512 + 100, 'page 9: it is cut off after 100 of 512 bytes'],
])('dump and inspect of a heap cut %s say so and exit with 4', async (_where, size, problem) => {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'cut.db');
  fs.writeFileSync(file, heap.subarray(0, size));
  const dump = await figaro(['dump', file], { directory });
  expect([dump.exitCode, dump.stdout]).toEqual([4, '']);
  expect(dump.stderr).toContain(problem);
  const inspect = await figaro(['inspect', 'container', file], { directory });
  expect(inspect.exitCode).toBe(4);
  expect(inspect.stdout).toContain(problem);
});

// What db_verify 5.3 says of the same flags.
test.each([
  [0, 0],
  [2, 1],
  [4, 1],
  [6, 1],
])('a whole record of a heap with the flags %i is %i finding of structure', (flags, findings) => {
  const file = path.join(temporaryDirectory(), 'flags.db');
  const bytes = Buffer.from(heap);
  const page = bytes.subarray(2 * 512, 3 * 512);
  page[page.readUInt16LE(26)] = flags;
  fs.writeFileSync(file, bytes);
  expect(findingsIn(file)).toEqual(Array<number>(findings).fill(2));
});

/** Pages with something wrong in the structure of a file. */
function findingsIn(file: string): number[] {
  const opened = new DatabaseFile(nodeFiles, file);
  try {
    const steps = checkFile(new FilePages(opened, file), false);
    let step = steps.next();
    while (!step.done) step = steps.next();
    return step.value.findings.map(({ pgno }) => pgno);
  } finally {
    opened.close();
  }
}

describeNative('of databases of every kind', () => {
  const pageSize = 512;

  test('dump, inspect and salvage of what is cut, or lacks an extent or a partition, never exit with 0', async () => {
    const home = makeDatabases(['--seed', '7', '--records', '60', '--page-size', `${pageSize}`]);
    const wrong: string[] = [];
    for (const name of databaseFiles(home)) {
      const directory = placeFor(home, name);
      const file = path.join(directory, name);
      fs.copyFileSync(path.join(home, name), file);
      for (const part of fs.readdirSync(directory)) {
        const whole = fs.readFileSync(path.join(directory, part));
        const pages = whole.length / pageSize;
        const cuts = new Set([0, 1, pages >> 1, pages - 1].flatMap((at) => [at * pageSize, at * pageSize + 100]));
        for (const size of [...cuts, undefined]) {
          if (size === undefined ? part === name : size >= whole.length) continue;
          if (size === undefined) fs.rmSync(path.join(directory, part));
          else fs.writeFileSync(path.join(directory, part), whole.subarray(0, size));
          for (const command of [['dump'], ['dump', '--salvage'], ['inspect', 'container']]) {
            const { exitCode, stderr } = await figaro([...command, file]);
            // Whether there were records on pages of a queue that are missing, nobody can say.
            const isDoubtful = part.startsWith('__dbq.') && (size === undefined || size % pageSize === 0);
            const isTold = command[0] === 'inspect' || stderr.includes('it is not there, and if there were records');
            if (![3, 4].includes(exitCode) && !(exitCode === 0 && isDoubtful && isTold))
              wrong.push(`${command.join(' ')} ${part} of ${size}: ${exitCode} ${stderr}`);
          }
        }
        fs.writeFileSync(path.join(directory, part), whole);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('the check of structure finds the flags of a heap record that db_verify finds, on each kind of piece', () => {
    const home = makeDatabases(['--seed', '7', '--records', '100', '--page-size', `${pageSize}`]);
    const missed: string[] = [];
    const kinds = new Map<string, number>();
    for (const name of ['heap.db', 'heap-limit.db']) {
      const file = path.join(placeFor(home, name), name);
      const original = fs.readFileSync(path.join(home, name));
      for (const page of pagesOf(original)) {
        const offset = page.type === pageType.heapData && page.entries > 0 ? page.itemAt(0) : 0;
        const kind = `${name} ${page.bytes[offset]}`;
        if (offset === 0 || kinds.has(kind)) continue;
        kinds.set(kind, page.pgno);
        for (let flags = 0; flags < 17; flags++) {
          const bytes = Buffer.from(original);
          bytes[page.pgno * pageSize + offset] = flags;
          fs.writeFileSync(file, bytes);
          const native = verifyNatively(path.dirname(file));
          if (native.length > 0 && findingsIn(file).length === 0)
            missed.push(`${kind} -> ${flags}: ${native[0]!.problem}`);
        }
      }
    }
    // Whole, and the first, a middle and the last piece of a record.
    expect(kinds.size).toBeGreaterThanOrEqual(6);
    expect(missed).toEqual([]);
  });
});
