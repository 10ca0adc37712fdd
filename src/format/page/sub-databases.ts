/** Several databases in one file, by name (format document, 4.11.1). */

import { pageType } from './types.ts';
import { btreeFlag, metaAt } from './meta.ts';
import { type Page } from './page.ts';

/** True for the first page of such a file. */
export function isMasterPage(meta: Page): boolean {
  return meta.type === pageType.btreeMeta && meta.pgno === 0 && (meta.u32(metaAt.flags) & btreeFlag.subDatabases) !== 0;
}

/**
 * The metadata page of a sub-database by what its name is entered with; undefined when that is no number. It is big-endian,
 * whatever the byte order of the file (format document, 4.11.1).
 */
export function subDatabasePgno(data: Uint8Array): number | undefined {
  return data.length === 4 ? new DataView(data.buffer, data.byteOffset, 4).getUint32(0, false) : undefined;
}
