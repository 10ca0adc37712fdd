/** Records of btree and recno (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

export const adj = record(55, 'bam_adj', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
  indxCopy: r.u32(),
  isInsert: r.u32(),
}));

export const cadjust = record(56, 'bam_cadjust', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
  adjust: r.i32(),
  flags: r.u32(),
}));

export const cdel = record(57, 'bam_cdel', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
}));

export const repl = record(58, 'bam_repl', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
  isDeleted: r.u32(),
  orig: r.bytes(),
  repl: r.bytes(),
  prefix: r.u32(),
  suffix: r.u32(),
}));

export const root = record(59, 'bam_root', 16, (r) => ({
  fileId: r.fileId(),
  metaPgno: r.pgno(),
  rootPgno: r.link(),
  metaLsn: r.lsn(),
}));

/** Flags of a split. */
export const splitFlag = { counts: 1, recno: 2 } as const;

export const splitBefore50 = record(
  62,
  'bam_split',
  16,
  (r) => ({
    fileId: r.fileId(),
    left: r.pgno(),
    leftLsn: r.lsn(),
    right: r.pgno(),
    rightLsn: r.lsn(),
    indx: r.u32(),
    nextPgno: r.pgnoIfAny(),
    nextLsn: r.lsn(),
    parentPgno: r.pgno(),
    parentLsn: r.lsn(),
    parentIndx: r.u32(),
    page: r.pageImage(),
    leftEntry: r.item(),
    rightEntry: r.item(),
    flags: r.u32(),
  }),
  16,
);

export const split = record(62, 'bam_split', 17, (r) => {
  const fileId = r.fileId();
  // Page type of the parent in the low byte, the flags above it.
  const flags = r.opcode() >>> 8;
  return {
    fileId,
    flags,
    left: r.pgno(),
    leftLsn: r.lsn(),
    right: r.pgno(),
    rightLsn: r.lsn(),
    indx: r.u32(),
    nextPgno: r.pgnoIfAny(),
    nextLsn: r.lsn(),
    parentPgno: r.pgno(),
    parentLsn: r.lsn(),
    parentIndx: r.u32(),
    page: r.pageImage(),
    leftEntry: r.item(),
    rightEntry: r.item(),
  };
});

export const rsplit = record(63, 'bam_rsplit', 16, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  page: r.pageImage(),
  rootPgno: r.pgno(),
  nrec: r.u32(),
  rootEntry: r.bytes(),
  rootLsn: r.lsn(),
}));

export const curadj = record(64, 'bam_curadj', 16, (r) => ({
  fileId: r.fileId(),
  mode: r.u32(),
  fromPgno: r.link(),
  toPgno: r.link(),
  leftPgno: r.link(),
  firstIndx: r.u32(),
  fromIndx: r.u32(),
  toIndx: r.u32(),
}));

export const rcuradj = record(65, 'bam_rcuradj', 16, (r) => ({
  fileId: r.fileId(),
  mode: r.u32(),
  root: r.link(),
  recno: r.u32(),
  order: r.u32(),
}));

export const irep = record(67, 'bam_irep', 17, (r) => ({
  fileId: r.fileId(),
  pgno: r.pgno(),
  pageLsn: r.lsn(),
  indx: r.u32(),
  pageType: r.opcode(),
  hdr: r.item(),
  data: r.itemData(),
  old: r.item(),
}));
