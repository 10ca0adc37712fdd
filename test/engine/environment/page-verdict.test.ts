/** What is wrong with a page, by the page and by what the log has of it. */

import { expect, test } from 'vitest';
import { problemOfPage } from '../../../src/engine/environment/page-verdict.ts';
import { Change } from '../../../src/engine/recovery/page-change.ts';
import { putItem } from '../../../src/engine/recovery/record-operations/items.ts';
import { emptyRange } from '../../../src/format/byte-range.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { pageType } from '../../../src/format/page/types.ts';
import { bytesOf, MemoryDatabase } from '../../support/memory-database.ts';

test('a leaf with half of a pair is as it may be where the log has its last change, and damaged elsewhere', () => {
  const database = new MemoryDatabase({ method: 'btree', operations: [], version: 19 });
  const page = database.file.pageOrCreate(1);
  page.initialize(1, 0, 0, 1, pageType.btreeLeaf);
  const change = Object.assign(new Change(), { version: 19, file: database.file });
  putItem(change, page, 0, 4, bytesOf(1, 0, 1, 7), emptyRange);
  expect(checkPage(page.bytes, 1, page.format)).toMatchObject({ code: 'page-type', isPassing: true });
  const passing: number[] = [];
  const notePassing = (pgno: number): void => void passing.push(pgno);
  const verdict = (): unknown => problemOfPage(page.bytes, 1, page.format, () => undefined, notePassing);
  expect(verdict()).toEqual({ code: 'page-type', problem: 'is damaged: it is a leaf of pairs with 1 entries' });
  expect(passing).toEqual([]);
  page.lsn = { file: 1, offset: 28 };
  expect(verdict()).toBeUndefined();
  expect(passing).toEqual([1]);
  const gone = problemOfPage(page.bytes, 1, page.format, () => 'but there is no log');
  expect(gone).toMatchObject({ code: 'not-recoverable' });
});
