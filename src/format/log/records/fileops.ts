/** Records of file operations, in-memory databases and replication (format document, 3.5 and 3.8). */

import { record } from '../record.ts';

/** Contents of an external file (6.0 and later). The two halves of v20's offset are the bytes of the later u64. */
export const writeFile = record(86, 'fop_write_file', 20, (r) => ({
  name: r.name(),
  dataDirectory: r.name(),
  directory: r.directory(),
  offset: r.u64(),
  oldData: r.bytes(),
  newData: r.bytes(),
  flags: r.u32(),
}));

export const inMemoryCreate = record(138, 'crdel_inmem_create', 16, (r) => ({
  boundId: r.i32(),
  name: r.name(),
  uid: r.uid(),
  pageSize: r.u32(),
}));

export const inMemoryRename = record(139, 'crdel_inmem_rename', 16, (r) => ({
  oldName: r.name(),
  newName: r.name(),
  uid: r.uid(),
}));

export const inMemoryRemove = record(140, 'crdel_inmem_remove', 16, (r) => ({
  name: r.name(),
  uid: r.uid(),
}));

/** The end of a removal or renaming: `name` is now either gone or the placeholder `placeholderUid`. */
export const fileRemove = record(141, 'fop_file_remove', 16, (r) => ({
  realUid: r.uid(),
  placeholderUid: r.uid(),
  name: r.name(),
  directory: r.directory(),
  child: r.u32(),
}));

export const create = record(143, 'fop_create', 16, (r) => ({
  name: r.name(),
  dataDirectory: r.name(),
  directory: r.directory(),
  mode: r.u32(),
}));

export const remove = record(144, 'fop_remove', 16, (r) => ({
  name: r.name(),
  uid: r.uid(),
  directory: r.directory(),
}));

/** `page` is the exact form on disk: in the database's byte order, checksummed and encrypted where it is. */
export const write = record(145, 'fop_write', 16, (r) => ({
  name: r.name(),
  dataDirectory: r.name(),
  directory: r.directory(),
  pageSize: r.u32(),
  pgno: r.link(),
  offset: r.u32(),
  page: r.bytes(),
  flag: r.u32(),
}));

export const rename = record(146, 'fop_rename', 16, (r) => ({
  oldName: r.name(),
  newName: r.name(),
  dataDirectory: r.name(),
  uid: r.uid(),
  directory: r.directory(),
}));

/** As `rename`, but an abort leaves it: the placeholder of a removal. */
export const renameNoUndo = record(150, 'fop_rename_noundo', 16, (r) => ({
  oldName: r.name(),
  newName: r.name(),
  dataDirectory: r.name(),
  uid: r.uid(),
  directory: r.directory(),
}));

export const replicationMember = record(200, 'repmgr_member', 18, (r) => ({
  version: r.u32(),
  oldStatus: r.u32(),
  status: r.u32(),
  host: r.bytes(),
  port: r.u32(),
}));
