/** Records of hash databases (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

export const insdelBefore50 = record(
  21,
  'ham_insdel',
  16,
  (r) => ({
    opcode: r.u32(),
    fileId: r.fileId(),
    pgno: r.pgno(),
    indx: r.u32(),
    pageLsn: r.lsn(),
    key: r.bytes(),
    data: r.bytes(),
  }),
  16,
);

export const insdel = record(21, 'ham_insdel', 17, (r) => ({
  opcode: r.u32(),
  fileId: r.fileId(),
  pgno: r.pgno(),
  indx: r.u32(),
  pageLsn: r.lsn(),
  keyType: r.opcode(),
  key: r.item(),
  dataType: r.opcode(),
  data: r.item(),
}));

export const newpage = record(22, 'ham_newpage', 16, (r) => ({
  opcode: r.u32(),
  fileId: r.fileId(),
  prevPgno: r.pgno(),
  prevPageLsn: r.lsn(),
  newPgno: r.pgno(),
  pageLsn: r.lsn(),
  nextPgno: r.pgno(),
  nextPageLsn: r.lsn(),
}));

export const splitdata = record(24, 'ham_splitdata', 16, (r) => ({
  fileId: r.fileId(),
  opcode: r.u32(),
  pgno: r.pgno(),
  page: r.pageImage(),
  pageLsn: r.lsn(),
}));

export const replaceBefore50 = record(
  25,
  'ham_replace',
  16,
  (r) => ({
    fileId: r.fileId(),
    pgno: r.pgno(),
    indx: r.u32(),
    pageLsn: r.lsn(),
    offset: r.i32(),
    oldItem: r.bytes(),
    newItem: r.bytes(),
    makeDuplicate: r.u32(),
  }),
  16,
);

export const replace = record(25, 'ham_replace', 17, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  indx: r.u32(),
  pageLsn: r.lsn(),
  offset: r.i32(),
  oldType: r.opcode(),
  oldItem: r.item(),
  newType: r.opcode(),
  newItem: r.item(),
}));

export const copypage = record(28, 'ham_copypage', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  nextPgno: r.pgno(),
  nextPageLsn: r.lsn(),
  nextNextPgno: r.pgno(),
  nextNextPageLsn: r.lsn(),
  page: r.pageImage(),
}));

export const metagroup = record(29, 'ham_metagroup', 16, (r) => ({
  fileId: r.fileId(),
  bucket: r.u32(),
  masterMetaPgno: r.pgno(),
  masterMetaLsn: r.lsn(),
  metaPgno: r.pgno(),
  metaLsn: r.lsn(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  newAlloc: r.u32(),
  lastPgno: r.link(),
}));

export const groupalloc = record(32, 'ham_groupalloc', 16, (r) => ({
  fileId: r.fileId(),
  metaLsn: r.lsn(),
  startPgno: r.pgno(),
  count: r.u32(),
  unused: r.u32(),
  lastPgno: r.link(),
}));

export const curadj = record(33, 'ham_curadj', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.link(),
  indx: r.u32(),
  len: r.u32(),
  dupOff: r.u32(),
  add: r.i32(),
  isDup: r.i32(),
  order: r.u32(),
}));

export const chgpg = record(34, 'ham_chgpg', 16, (r) => ({
  fileId: r.fileId(),
  mode: r.u32(),
  oldPgno: r.link(),
  newPgno: r.link(),
  oldIndx: r.u32(),
  newIndx: r.u32(),
}));

export const changeslot = record(35, 'ham_changeslot', 17, (r) => ({
  fileId: r.fileId(),
  metaLsn: r.lsn(),
  slot: r.u32(),
  old: r.link(),
  new: r.link(),
}));

export const contract = record(37, 'ham_contract', 17, (r) => ({
  fileId: r.fileId(),
  metaPgno: r.pgno(),
  metaLsn: r.lsn(),
  bucket: r.u32(),
  pgno: r.pgno(),
}));
