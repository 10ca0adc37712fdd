import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';
import { nodeFiles } from '../../src/engine/files.ts';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { FilePages } from '../../src/engine/verify/structure/checked-pages.ts';
import { checkFile } from '../../src/engine/verify/structure/structure.ts';

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
  const opened = new DatabaseFile(nodeFiles, file);
  const steps = checkFile(new FilePages(opened, file), false);
  let step = steps.next();
  while (!step.done) step = steps.next();
  opened.close();
  expect(step.value.findings.map(({ pgno }) => pgno)).toEqual(Array<number>(findings).fill(2));
});
