/** Registration of databases (format document, 3.6). */

import { record } from '../record.ts';

/** Low four bits of the opcode. */
export const registration = {
  checkpoint: 1,
  close: 2,
  open: 3,
  preopen: 4,
  recoveryClose: 5,
  reopen: 6,
  exclusiveCheckpoint: 7,
  exclusiveOpen: 8,
  exclusiveReopen: 9,
} as const;

/** `databaseType` of a registration. */
export const databaseType = { btree: 1, hash: 2, recno: 3, queue: 4, unknown: 5, heap: 6 } as const;

export const registerBefore61 = record(
  2,
  'dbreg_register',
  16,
  (r) => ({
    opcode: r.u32(),
    name: r.name(),
    uid: r.uid(),
    // Not `fileId`: this record binds the id, it does not use it.
    boundId: r.i32(),
    databaseType: r.u32(),
    metaPgno: r.link(),
    createdBy: r.u32(),
    externalFileIdLow: 0,
    externalFileIdHigh: 0,
  }),
  21,
);

export const register = record(2, 'dbreg_register', 22, (r) => ({
  opcode: r.u32(),
  name: r.name(),
  uid: r.uid(),
  boundId: r.i32(),
  databaseType: r.u32(),
  metaPgno: r.link(),
  createdBy: r.u32(),
  externalFileIdLow: r.u32(),
  externalFileIdHigh: r.u32(),
}));
