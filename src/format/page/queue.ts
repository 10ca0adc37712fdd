/** Records on the pages of a queue (format document, 4.9). */

import { metaAt, type DatabaseFormat } from './meta.ts';
import { type Page } from './page.ts';

/** Record numbers run from 1 to this, and then from 1 again. */
export const lastRecno = 0xffff_ffff;

/** Flags of a record slot. */
export const slotFlag = { valid: 1, set: 2 } as const;

/** Where records lie in a queue. */
export interface QueueLayout {
  /** Offset of the first slot of a page. */
  readonly start: number;
  /** Bytes of a slot. */
  readonly slotSize: number;
  readonly recordLength: number;
  readonly recordsPerPage: number;
}

/** Offset of the first slot: not where other pages have their index. */
export function queueStart({ encrypted, checksums }: DatabaseFormat): number {
  return encrypted ? 64 : checksums ? 48 : 28;
}

/** What the metadata page says; undefined when so many records do not fit a page. */
export function queueLayout(meta: Page): QueueLayout | undefined {
  const recordLength = meta.u32(metaAt.queue.recordLength);
  const recordsPerPage = meta.u32(metaAt.queue.recordsPerPage);
  const start = queueStart(meta.format);
  const slotSize = Math.ceil((1 + recordLength) / 4) * 4;
  if (recordsPerPage === 0 || start + recordsPerPage * slotSize > meta.size) return undefined;
  return { start, slotSize, recordLength, recordsPerPage };
}

/** The page a record is on. */
export function pageOfRecord(recno: number, { recordsPerPage }: QueueLayout): number {
  return 1 + Math.floor((recno - 1) / recordsPerPage);
}

/** The first record of a page. */
export function firstRecordOf(pgno: number, { recordsPerPage }: QueueLayout): number {
  return 1 + (pgno - 1) * recordsPerPage;
}

/** The record in a slot, a view; undefined when there is none. */
export function queueRecord(page: Page, recno: number, layout: QueueLayout): Uint8Array | undefined {
  const { start, slotSize, recordLength, recordsPerPage } = layout;
  const offset = start + ((recno - 1) % recordsPerPage) * slotSize;
  if ((page.bytes[offset]! & slotFlag.valid) === 0) return undefined;
  return page.bytes.subarray(offset + 1, offset + 1 + recordLength);
}
