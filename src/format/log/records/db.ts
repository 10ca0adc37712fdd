/** Records of all access methods (format document, 3.5 and 3.8). */

import { type RecordCursor } from '../cursor.ts';
import { record } from '../record.ts';

export const realloc = record(36, 'db_realloc', 17, (r) => ({
  fileId: r.fileId(),
  prevPgno: r.pgno(),
  pageLsn: r.lsn(),
  nextFree: r.link(),
  pageType: r.u32(),
  list: r.freeList(),
}));

/** Modes of `db_addrem` and `db_big`. */
export const itemMode = { add: 1, remove: 2, addBig: 3, removeBig: 4, appendBig: 7 } as const;

export const addrem = record(41, 'db_addrem', 16, (r) => ({
  opcode: r.opcode(),
  fileId: r.fileId(),
  pgno: r.pgno(),
  indx: r.u32(),
  nbytes: r.u32(),
  hdr: r.item(),
  dbt: r.bytes(),
  pageLsn: r.lsn(),
}));

export const big = record(43, 'db_big', 16, (r) => ({
  opcode: r.opcode(),
  fileId: r.fileId(),
  pgno: r.pgno(),
  prevPgno: r.pgnoIfAny(),
  nextPgno: r.pgnoIfAny(),
  dbt: r.item(),
  pageLsn: r.lsn(),
  prevPageLsn: r.lsn(),
  nextPageLsn: r.lsn(),
}));

export const ovref = record(44, 'db_ovref', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  adjust: r.i32(),
  pageLsn: r.lsn(),
}));

export const debug = record(47, 'db_debug', 16, (r) => ({
  op: r.bytes(),
  // Not a page operation: the id may be unbound.
  debugFileId: r.i32(),
  key: r.bytes(),
  data: r.bytes(),
  flags: r.u32(),
}));

export const noop = record(48, 'db_noop', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
}));

export const pgAlloc = record(49, 'db_pg_alloc', 16, (r) => ({
  fileId: r.fileId(),
  metaLsn: r.lsn(),
  metaPgno: r.pgno(),
  pageLsn: r.lsn(),
  pgno: r.pgno(),
  pageType: r.u32(),
  next: r.link(),
  lastPgno: r.link(),
}));

export const pgFree = record(50, 'db_pg_free', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  metaLsn: r.lsn(),
  metaPgno: r.pgno(),
  header: r.pageImage(),
  next: r.link(),
  lastPgno: r.link(),
}));

export const cksum = record(51, 'db_cksum', 16, () => ({}));

export const pgFreedata = record(52, 'db_pg_freedata', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  metaLsn: r.lsn(),
  metaPgno: r.pgno(),
  header: r.pageImage(),
  next: r.link(),
  lastPgno: r.link(),
  data: r.pageItems(),
}));

export const pgInit = record(60, 'db_pg_init', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  header: r.pageImage(),
  data: r.pageItems(),
}));

export const pgTrunc = record(66, 'db_pg_trunc', 16, (r) => ({
  fileId: r.fileId(),
  metaPgno: r.pgno(),
  metaLsn: r.lsn(),
  lastFree: r.pgno(),
  lastFreeLsn: r.lsn(),
  nextFree: r.link(),
  lastPgno: r.link(),
  list: r.freeList(),
}));

export const metasub = record(142, 'crdel_metasub', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  page: r.pageImage(),
  pageLsn: r.lsn(),
}));

const relinkFields = (r: RecordCursor) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  newPgno: r.pgnoIfAny(),
  prevPgno: r.pgnoIfAny(),
  prevPageLsn: r.lsn(),
  nextPgno: r.pgnoIfAny(),
  nextPageLsn: r.lsn(),
});
export const relinkBefore50 = record(147, 'bam_relink', 16, relinkFields, 16);
export const relink = record(147, 'db_relink', 17, relinkFields);

const mergeFields = (r: RecordCursor) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  sourcePgno: r.pgno(),
  sourceLsn: r.lsn(),
  hdr: r.pageImage(),
  data: r.pageItems(),
  copy: r.i32(),
});
export const mergeBefore50 = record(148, 'bam_merge', 16, mergeFields, 16);
export const merge = record(148, 'db_merge', 17, mergeFields);

const pgnoFields = (r: RecordCursor) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
  oldPgno: r.link(),
  newPgno: r.link(),
});
export const pgnoChangeBefore50 = record(149, 'bam_pgno', 16, pgnoFields, 16);
export const pgnoChange = record(149, 'db_pgno', 17, pgnoFields);
