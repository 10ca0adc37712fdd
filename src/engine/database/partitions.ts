/** Databases whose records are in files of their own: partitions (format document, 4.12). */

import { metaAt, metaFlag } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { type Database } from './database-file.ts';
import { btreeRecords } from './trees.ts';

/** How many partitions a database has; 0 for one that keeps its records itself. */
export function partitionCount(meta: Page): number {
  const flags = metaFlag.rangePartitions | metaFlag.callbackPartitions;
  return (meta.bytes[metaAt.metaFlags]! & flags) === 0 ? 0 : meta.u32(metaAt.partitions);
}

/** The least keys of the partitions after the first, when keys decide; the database itself holds them. */
export function* partitionKeys(database: Database): Generator<Uint8Array> {
  if ((database.meta.bytes[metaAt.metaFlags]! & metaFlag.rangePartitions) === 0) return;
  let isFirst = true;
  for (const { key } of btreeRecords(database)) {
    if (!isFirst) yield key as Uint8Array;
    isFirst = false;
  }
}
