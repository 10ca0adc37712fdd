/** Items whose contents are in files of their own (format document, 4.6.5, 1.6). */

import { type Page } from './page.ts';

/** Bytes of such an item on a page. */
export const externalItemSize = 80;

/** What an item says of its external file. */
interface ExternalItem {
  readonly id: bigint;
  /** Bytes of the contents. */
  readonly size: bigint;
  /** Directories of the database: of its file, and of a sub-database if that is not 0. */
  readonly fileId: bigint;
  readonly subDatabaseId: bigint;
}

/** Offsets in the item: in heaps the numbers begin 8 bytes later, and there are no sub-databases. */
const at = {
  tree: { id: 48, size: 56, fileId: 64, subDatabaseId: 72 },
  heap: { id: 56, size: 64, fileId: 72, subDatabaseId: undefined },
} as const;

/** The external file of the item at an offset; the 80 bytes of the item have to lie on the page. */
export function externalItem(page: Page, offset: number, kind: keyof typeof at): ExternalItem {
  const u64 = (field: number): bigint => page.view.getBigUint64(offset + field, page.littleEndian);
  const { id, size, fileId, subDatabaseId } = at[kind];
  return {
    id: u64(id),
    size: u64(size),
    fileId: u64(fileId),
    subDatabaseId: subDatabaseId === undefined ? 0n : u64(subDatabaseId),
  };
}

/** Path of an external file below the directory for them, with `/`. */
export function externalFilePath({ id, fileId, subDatabaseId }: ExternalItem): string {
  const number = id.toString();
  const digits = number.padStart(Math.ceil(number.length / 3) * 3, '0');
  const groups = digits.match(/.../g) ?? [];
  const directories = [`__db${fileId}`];
  if (subDatabaseId !== 0n) directories.push(`__db${subDatabaseId}`);
  return [...directories, ...groups.slice(0, -1), `__db.bl${digits}`].join('/');
}
