/** Records of transactions (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

export const txnOpcode = { commit: 1, prepare: 2, abort: 3 } as const;

export const commit = record(10, 'txn_regop', 16, (r) => ({
  opcode: r.u32(),
  timestamp: r.time(),
  environmentId: r.u32(),
  locks: r.locks(),
}));

/** Where a commit has its fields, in bytes behind the head of the record: for those who read millions of them. `locks` goes to the end. */
export const commitAt = { opcode: 0, timestamp: 4, locksLength: 12, locks: 16 } as const;

export const checkpoint = record(11, 'txn_ckp', 16, (r) => ({
  redoFrom: r.lsn(),
  lastCheckpoint: r.lsn(),
  timestamp: r.time(),
  environmentId: r.u32(),
  spare: r.u32(),
}));

export const child = record(12, 'txn_child', 16, (r) => ({
  child: r.u32(),
  childLsn: r.lsn(),
}));

export const prepare = record(13, 'txn_prepare', 16, (r) => ({
  opcode: r.u32(),
  gid: r.bytes(),
  beginLsn: r.lsn(),
  locks: r.locks(),
}));

export const recycle = record(14, 'txn_recycle', 16, (r) => ({
  min: r.u32(),
  max: r.u32(),
}));
