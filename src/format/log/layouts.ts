import { type RecordLayout } from './record.ts';
import * as btree from './records/btree.ts';
import * as db from './records/db.ts';
import * as dbreg from './records/dbreg.ts';
import * as fileops from './records/fileops.ts';
import * as hash from './records/hash.ts';
import * as heap from './records/heap.ts';
import * as queue from './records/queue.ts';
import * as txn from './records/txn.ts';

function isLayout(value: unknown): value is RecordLayout<object> {
  return typeof value === 'object' && value !== null && 'decode' in value;
}

/** Every layout of every record type. */
export const allLayouts: readonly RecordLayout<object>[] = [dbreg, txn, hash, db, btree, queue, fileops, heap].flatMap(
  (group) => Object.values<unknown>(group).filter(isLayout),
);

const byVersion = new Map<number, readonly (RecordLayout<object> | undefined)[]>();

/** The layouts of one log version, indexed by record code. */
export function layoutsFor(logVersion: number): readonly (RecordLayout<object> | undefined)[] {
  let layouts = byVersion.get(logVersion);
  if (!layouts) {
    const table: (RecordLayout<object> | undefined)[] = Array.from({ length: 201 });
    for (const layout of allLayouts) {
      if (layout.since <= logVersion && logVersion <= layout.until) table[layout.code] = layout;
    }
    byVersion.set(logVersion, table);
    layouts = table;
  }
  return layouts;
}

/** Native name of a record code, whatever the version; `unknown_<code>` when there is none. */
export function recordName(code: number): string {
  return allLayouts.findLast((layout) => layout.code === code)?.name ?? `unknown_${code}`;
}
