import { layoutsFor } from '../../../format/log/layouts.ts';
import { type RecordLayout } from '../../../format/log/record.ts';
import * as dbreg from '../../../format/log/records/dbreg.ts';
import * as fileops from '../../../format/log/records/fileops.ts';
import * as txn from '../../../format/log/records/txn.ts';
import { allocationOperations } from './db-allocation.ts';
import { btreeOperations } from './btree.ts';
import { commonOperations } from './db.ts';
import { hashOperations } from './hash.ts';
import { heapOperations } from './heap.ts';
import { queueOperations } from './queue.ts';
import { type Operation } from '../page-change.ts';

const operations = new Map<RecordLayout<object>, Operation>(
  [commonOperations, allocationOperations, btreeOperations, hashOperations, heapOperations, queueOperations].flatMap(
    (group) => group.map((operation) => [operation.layout, operation]),
  ),
);

const byVersion = new Map<number, readonly (Operation | undefined)[]>();

/** Redo and undo of the records that change pages, of one log version, indexed by record code. */
export function operationsFor(logVersion: number): readonly (Operation | undefined)[] {
  let table = byVersion.get(logVersion);
  if (!table) {
    table = layoutsFor(logVersion).map((layout) => layout && operations.get(layout));
    byVersion.set(logVersion, table);
  }
  return table;
}

/** Records of transactions, registrations and replication: nothing of them is on pages. */
const withoutPages: ReadonlySet<number> = new Set(
  [
    txn.commit,
    txn.checkpoint,
    txn.child,
    txn.prepare,
    txn.recycle,
    dbreg.register,
    dbreg.registerBefore61,
    fileops.replicationMember,
  ].map(({ code }) => code),
);

/** True for a record that changes neither a page nor a file, by its code. */
export function isWithoutPages(code: number): boolean {
  return withoutPages.has(code);
}
