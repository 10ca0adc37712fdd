/** What Node.js says of a file. */

import { type BigIntStats, type Stats } from 'node:fs';
import { type FileStat } from './files.ts';

/** Windows numbers files with 64 bits. The lower ones tell files of one disk from each other, and a number holds 53 exactly. */
export const asked = { bigint: process.platform === 'win32' };
/** As `asked`, of what may not be there. */
export const askedIfThere = { ...asked, throwIfNoEntry: false } as const;

export type Looked = Stats | BigIntStats;

export function statOf(stat: Looked): FileStat {
  const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'link' : 'other';
  if ('mtimeNs' in stat) {
    return {
      kind,
      size: Number(stat.size),
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      mtimeMs: Number(stat.mtimeNs) / 1e6,
      changedMs: Number(stat.ctimeNs) / 1e6,
      device: lower(stat.dev),
      inode: lower(stat.ino),
    };
  }
  const { size, mode, uid, gid, mtimeMs, ctimeMs: changedMs, dev: device, ino: inode } = stat;
  return { kind, size, mode: mode & 0o7777, uid, gid, mtimeMs, changedMs, device, inode };
}

function lower(number: bigint): number {
  return Number(BigInt.asUintN(53, number));
}
