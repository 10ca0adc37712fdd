import { type RecordLayout } from '../../format/log/record.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { allocationOperations } from './apply/allocation.ts';
import { btreeOperations } from './apply/btree.ts';
import { commonOperations } from './apply/common.ts';
import { hashOperations } from './apply/hash.ts';
import { heapOperations } from './apply/heap.ts';
import { queueOperations } from './apply/queue.ts';
import { type Operation } from './change.ts';

const operations = new Map<RecordLayout<object>, Operation>(
  [commonOperations, allocationOperations, btreeOperations, hashOperations, heapOperations, queueOperations].flatMap(
    (group) => group.map((operation) => [operation.layout, operation]),
  ),
);

/** Redo and undo of a record that changes pages; undefined for other records. */
export function operationFor(record: ScannedRecord): Operation | undefined {
  const { layout } = record;
  return layout && operations.get(layout);
}
