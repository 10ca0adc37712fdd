/** Records of queues (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

export const del = record(79, 'qam_del', 16, (r) => ({
  fileId: r.fileId(),
  pageLsn: r.lsn(),
  pgno: r.pgno(),
  indx: r.u32(),
  recno: r.u32(),
}));

export const add = record(80, 'qam_add', 16, (r) => ({
  fileId: r.fileId(),
  pageLsn: r.lsn(),
  pgno: r.pgno(),
  indx: r.u32(),
  recno: r.u32(),
  data: r.bytes(),
  oldFlags: r.u32(),
  oldData: r.bytes(),
}));

export const delext = record(83, 'qam_delext', 16, (r) => ({
  fileId: r.fileId(),
  pageLsn: r.lsn(),
  pgno: r.pgno(),
  indx: r.u32(),
  recno: r.u32(),
  data: r.bytes(),
}));

export const incfirst = record(84, 'qam_incfirst', 16, (r) => ({
  fileId: r.fileId(),
  recno: r.u32(),
  metaPgno: r.pgno(),
}));

export const mvptr = record(85, 'qam_mvptr', 16, (r) => ({
  opcode: r.u32(),
  fileId: r.fileId(),
  oldFirst: r.u32(),
  newFirst: r.u32(),
  oldCur: r.u32(),
  newCur: r.u32(),
  metaLsn: r.lsn(),
  metaPgno: r.pgno(),
}));
