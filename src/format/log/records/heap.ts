/** Records of heaps (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

export const addrem = record(151, 'heap_addrem', 18, (r) => ({
  opcode: r.opcode(),
  fileId: r.fileId(),
  pgno: r.pgno(),
  indx: r.u32(),
  nbytes: r.u32(),
  hdr: r.item(),
  dbt: r.itemData(),
  pageLsn: r.lsn(),
}));

export const pgAlloc = record(152, 'heap_pg_alloc', 18, (r) => ({
  fileId: r.fileId(),
  metaLsn: r.lsn(),
  metaPgno: r.pgno(),
  pgno: r.pgno(),
  pageType: r.u32(),
  lastPgno: r.link(),
}));

export const truncMeta = record(153, 'heap_trunc_meta', 18, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  lastPgno: r.link(),
  keyCount: r.u32(),
  recordCount: r.u32(),
  currentRegion: r.u32(),
  regions: r.u32(),
  pageLsn: r.lsn(),
}));

export const truncPage = record(154, 'heap_trunc_page', 18, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  oldData: r.pageImage(),
  isRegion: r.u32(),
  pageLsn: r.lsn(),
}));
