import { expect, test } from 'vitest';
import { allocationOperations } from '../../../../src/engine/recovery/record-operations/db-allocation.ts';
import { hashOperations } from '../../../../src/engine/recovery/record-operations/hash.ts';
import { queueOperations } from '../../../../src/engine/recovery/record-operations/queue.ts';
import { rangeOf } from '../../../../src/format/byte-range.ts';
import * as db from '../../../../src/format/log/records/db.ts';
import * as hash from '../../../../src/format/log/records/hash.ts';
import { noLsn } from '../../../../src/format/lsn.ts';
import { metaAt } from '../../../../src/format/page/meta.ts';
import { pageType } from '../../../../src/format/page/types.ts';
import { lsnAt, MemoryDatabase, textRange } from '../../../support/memory-database.ts';

const freed = 3;
const put = 0x20;
/** An item of a hash that is kept on its page. */
const inline = 1 << 8;

/** A hash database whose first page is newer than the free, as where the page was used again since. */
function database(): MemoryDatabase {
  return new MemoryDatabase({
    method: 'hash',
    operations: [...allocationOperations, ...hashOperations],
    version: 19,
    meta: { 0: 9, [metaAt.lastPgno]: 5 },
  });
}

test('the last page of a file that was freed takes inserts of a hash bucket at once, in the cache as from disk', () => {
  const results = [false, true].map((evicted) => {
    const memory = database();
    const page = memory.file.pageOrCreate(freed);
    page.initialize(freed, 0, 0, 0, pageType.overflow);
    page.lsn = lsnAt(1);
    memory.redo(db.pgFree, lsnAt(2), {
      fileId: 0,
      pgno: freed,
      metaLsn: lsnAt(0),
      metaPgno: 0,
      header: rangeOf(page.bytes.slice(0, 26)),
      next: 0,
      lastPgno: freed,
    });
    if (evicted) {
      memory.file.flush();
      memory.file.discard();
    }
    memory.redo(hash.insdel, lsnAt(3), {
      fileId: 0,
      opcode: put,
      keyType: inline,
      dataType: inline,
      pgno: freed,
      indx: 0,
      pageLsn: noLsn,
      key: textRange('key'),
      data: textRange('data'),
    });
    return Buffer.from(memory.page(freed).bytes).toString('hex');
  });
  expect(results[0]).toBe(results[1]);
  expect(results[0]).toContain(Buffer.from('data').toString('hex'));
});

test('a page of a queue extent is there or not whether or not later pages of it were written yet', () => {
  const found = [false, true].map((evicted) => {
    const memory = new MemoryDatabase({
      method: 'queue',
      operations: queueOperations,
      version: 19,
      meta: { [metaAt.queue.extentPages]: 8 },
    });
    memory.file.pageOrCreate(5);
    if (evicted) {
      memory.file.flush();
      memory.file.discard();
    }
    return memory.file.page(3) !== undefined;
  });
  expect(found).toEqual([true, true]);
});
