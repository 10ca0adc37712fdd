/** What can be said about a metadata page that is sound by itself (format document, 7.3). */

import { accessMethodOf, accessMethods } from '../../format/magic.ts';
import { btreeFlag, hashFlag, metaAt, metaFlag } from '../../format/page/meta.ts';
import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { type FileCheck } from './file-check.ts';

const knownMetaFlags = metaFlag.checksums | metaFlag.rangePartitions | metaFlag.callbackPartitions | metaFlag.sliced;
const partitioned = metaFlag.rangePartitions | metaFlag.callbackPartitions;
/** Sliced databases, of btree and of hash (4.4.3). */
const sliced = { btree: 0x100, hash: 8 } as const;

/** Space on a page for a key and its data at least; db_verify 5.3 draws the line here. */
const bytesOfKey = 20;

/** Checks a metadata page. Returns whether what it leads to can be checked. */
export function checkMetadata(check: FileCheck, meta: Page): boolean {
  const before = check.total;
  const find = (problem: string): void => check.find(meta.pgno, problem);
  const magic = meta.u32(metaAt.magic);
  const method = accessMethodOf(magic);
  if (!method || accessMethods[method].metaType !== meta.type) {
    find(`it is a metadata page of type ${meta.type} with magic number ${magic}`);
    return false;
  }
  const { oldest, newest } = accessMethods[method];
  const version = meta.u32(metaAt.version);
  if (version < oldest || version > newest) find(`it has ${method} version ${version}, not ${oldest} to ${newest}`);
  const metaFlags = meta.bytes[metaAt.metaFlags]!;
  if ((metaFlags & ~knownMetaFlags) !== 0) find(`it has the unknown flags ${metaFlags}`);
  if (meta.pgno > 0) compareWithFile(check, meta, find);
  switch (meta.type) {
    case pageType.btreeMeta:
      checkBtree(meta, find);
      break;
    case pageType.hashMeta:
      checkHash(meta, check.end, find);
      break;
    case pageType.queueMeta:
    case pageType.heapMeta:
      if (meta.u32(metaAt.free) !== 0) find('it has free pages, which no queue or heap has');
      if ((metaFlags & partitioned) !== 0) find('it says that it has partitions, which no queue or heap has');
      if (meta.u32(metaAt.flags) !== 0) find(`it has the unknown flags ${meta.u32(metaAt.flags)}`);
  }
  return check.total === before;
}

/** A sub-database is like the file it is in (4.11.1). */
function compareWithFile({ file }: FileCheck, meta: Page, find: (problem: string) => void): void {
  const { format } = file;
  const uid = Buffer.from(meta.bytes.subarray(metaAt.uid, metaAt.uid + 20)).toString('hex');
  if (uid !== format.uid) find(`it has the unique id ${uid}, but its file has ${format.uid}`);
  if ((meta.bytes[metaAt.encryption] === 1) !== format.encrypted) find('it differs from its file in being encrypted');
  const checksums = (meta.bytes[metaAt.metaFlags]! & metaFlag.checksums) !== 0;
  if (checksums !== format.checksums) find('it differs from its file in having checksums');
  if (meta.u32(metaAt.free) !== 0) find('it has free pages, which only the first page of a file has');
}

function checkBtree(meta: Page, find: (problem: string) => void): void {
  const flags = meta.u32(metaAt.flags);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const known = Object.values(btreeFlag).reduce((all, flag) => all | flag, sliced.btree as number);
  if ((flags & ~known) !== 0) find(`it has the unknown flags ${flags}`);
  if (has(btreeFlag.sortedDuplicates) && !has(btreeFlag.duplicates)) find('it sorts duplicates, but can have none');
  if (has(btreeFlag.duplicates) && has(btreeFlag.recno | btreeFlag.recordNumbers)) {
    find('it has duplicates together with record numbers');
  }
  if (has(btreeFlag.renumber | btreeFlag.fixedLength) && !has(btreeFlag.recno)) find('it has flags of a recno');
  if (has(btreeFlag.recno) && has(btreeFlag.recordNumbers | btreeFlag.compressed)) find('it has flags of a btree');
  const minKey = meta.u32(metaAt.btree.minKey);
  const ofRecords = btreeFlag.duplicates | btreeFlag.recno | btreeFlag.recordNumbers | btreeFlag.compressed;
  if (meta.pgno === 0 && has(btreeFlag.subDatabases) && has(ofRecords))
    find(`it leads to sub-databases with flags ${flags}`);
  const maxMinKey = Math.floor((meta.size - meta.indexStart) / bytesOfKey);
  if (minKey < 2 || minKey > maxMinKey) find(`it wants ${minKey} keys on a page, not 2 to ${maxMinKey}`);
  const recordLength = meta.u32(metaAt.btree.recordLength);
  if (recordLength > 0 && !has(btreeFlag.fixedLength)) find(`it has records of ${recordLength} and of any length`);
  const root = meta.u32(metaAt.btree.root);
  if (root === 0 || root === meta.pgno) find(`it says that its root is page ${root}`);
  else if (meta.pgno === 0 && root !== 1) find(`it says that the root of its file is page ${root}, not 1`);
}

function checkHash(meta: Page, end: number, find: (problem: string) => void): void {
  const flags = meta.u32(metaAt.flags);
  const known = Object.values(hashFlag).reduce((all, flag) => all | flag, sliced.hash as number);
  if ((flags & ~known) !== 0) find(`it has the unknown flags ${flags}`);
  if ((flags & hashFlag.sortedDuplicates) !== 0 && (flags & hashFlag.duplicates) === 0) {
    find('it sorts duplicates, but can have none');
  }
  const maxBucket = meta.u32(metaAt.hash.maxBucket);
  const highMask = meta.u32(metaAt.hash.highMask);
  const lowMask = meta.u32(metaAt.hash.lowMask);
  // As many bits as the number of the last bucket has.
  const rightMask = maxBucket === 0 ? 0 : 0xffff_ffff >>> Math.clz32(maxBucket);
  if (highMask !== rightMask || lowMask !== highMask >>> 1) {
    find(`its last bucket is ${maxBucket}, which does not fit the masks ${highMask} and ${lowMask}`);
  }
  for (let group = 0; group < 32; group++) {
    const spare = meta.u32(metaAt.hash.spares + 4 * group);
    const first = (group === 0 ? 0 : 2 ** (group - 1)) + spare;
    if (spare !== 0 && first >= end) find(`bucket group ${group} begins with page ${first}, past the end of the file`);
  }
}
