import { type Page } from './page.ts';

/** The part of an item that is on this overflow page (format document, 4.6.4); a view. */
export function overflowData(page: Page): Uint8Array {
  return page.bytes.subarray(page.indexStart, page.indexStart + page.highFree);
}
