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
  const recordsPerPage = meta.u32(metaAt.queue.recordsPerPage);
  const layout = layoutOfRecords(meta.u32(metaAt.queue.recordLength), meta.format);
  return recordsPerPage === 0 || recordsPerPage > layout.recordsPerPage ? undefined : { ...layout, recordsPerPage };
}

/** Where records of a length lie when pages hold as many of them as fit. */
export function layoutOfRecords(recordLength: number, format: DatabaseFormat): QueueLayout {
  const start = queueStart(format);
  const slotSize = Math.ceil((1 + recordLength) / 4) * 4;
  return { start, slotSize, recordLength, recordsPerPage: Math.floor((format.pageSize - start) / slotSize) };
}

/** The page a record is on. */
export function pageOfRecord(recno: number, { recordsPerPage }: QueueLayout): number {
  return 1 + Math.floor((recno - 1) / recordsPerPage);
}

/** The first record of a page. */
export function firstRecordOf(pgno: number, { recordsPerPage }: QueueLayout): number {
  return 1 + (pgno - 1) * recordsPerPage;
}

/** A record, a view; undefined when there is none. */
export function queueRecord(page: Page, recno: number, layout: QueueLayout): Uint8Array | undefined {
  return recordInSlot(page, (recno - 1) % layout.recordsPerPage, layout);
}

/** The record in a slot of a page, a view; undefined when there is none. */
export function recordInSlot(page: Page, slot: number, layout: QueueLayout): Uint8Array | undefined {
  const { start, slotSize, recordLength } = layout;
  const offset = start + slot * slotSize;
  if ((page.bytes[offset]! & slotFlag.valid) === 0) return undefined;
  return page.bytes.subarray(offset + 1, offset + 1 + recordLength);
}
