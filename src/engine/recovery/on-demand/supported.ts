/** Records of which redo and undo can be done for one of their pages alone. */

import { type RecordLayout } from '../../../format/log/record.ts';
import * as btree from '../../../format/log/records/btree.ts';
import * as db from '../../../format/log/records/db.ts';
import { pagePlacesFor, type PagePlaces } from '../../log/page-places.ts';
import { operationsFor } from '../record-operations/table.ts';

/**
 * What these do to a page follows from the page and the record, and for those that allocate and free pages from how long the file is and
 * which page its first one says to be the last. Those of compaction look at other pages, those of hash, queue and heap at more than that. Only where
 * compaction is taken back do records that name the root of a tree do more than others (recovery document, C.5.8).
 */
const supported: ReadonlySet<RecordLayout<object>> = new Set<RecordLayout<object>>([
  db.addrem,
  db.big,
  db.ovref,
  db.debug,
  db.noop,
  db.pgAlloc,
  db.pgFree,
  db.pgFreedata,
  db.pgInit,
  db.cksum,
  db.metasub,
  db.relinkBefore50,
  db.relink,
  btree.splitBefore50,
  btree.split,
  btree.rsplit,
  btree.adj,
  btree.cadjust,
  btree.cdel,
  btree.repl,
  btree.root,
  btree.curadj,
  btree.rcuradj,
  btree.irep,
]);

/** What a record of one kind is to a file of which pages are recovered one by one. */
export interface Treatment {
  readonly layout: RecordLayout<object>;
  readonly isSupported: boolean;
  /** It makes files grow and shrink. */
  readonly isAboutLength: boolean;
  /** Where it names its pages; undefined where that is not always at the same place. */
  readonly places: PagePlaces | undefined;
}

const aboutLength: ReadonlySet<RecordLayout<object>> = new Set<RecordLayout<object>>([
  db.pgAlloc,
  db.pgFree,
  db.pgFreedata,
]);

const byVersion = new Map<number, readonly (Treatment | undefined)[]>();

/** Of the records of one log version that change pages, indexed by record code. */
export function treatmentsFor(logVersion: number): readonly (Treatment | undefined)[] {
  let table = byVersion.get(logVersion);
  if (!table) {
    const places = pagePlacesFor(logVersion);
    table = operationsFor(logVersion).map(
      (operation) =>
        operation && {
          layout: operation.layout,
          isSupported: supported.has(operation.layout),
          isAboutLength: aboutLength.has(operation.layout),
          places: places[operation.layout.code],
        },
    );
    byVersion.set(logVersion, table);
  }
  return table;
}
