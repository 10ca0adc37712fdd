/** The structural check of databases as recovery has them. */

import { Collected, type StructureReport, type StructureOptions } from '../structure/report.ts';
import { type StoredFile } from './page-store.ts';
import { StoredPages } from './stored-pages.ts';

/** Pages of a database that are looked at, each by itself; undefined for its whole structure. */
export type PagesToCheck = (file: StoredFile) => Iterable<number> | undefined;

/** Checks databases as recovery has them in memory. What is in its cache is written to its storage. */
export async function checkStored(
  stored: Iterable<StoredFile>,
  options: StructureOptions = {},
  pagesOf: PagesToCheck = () => undefined,
): Promise<StructureReport> {
  const collected = new Collected(options);
  for (const file of stored) {
    file.flush();
    const pages = new StoredPages(file);
    const numbers = pagesOf(file);
    if (numbers) await collected.checkPages(pages, numbers);
    else await collected.check(pages);
    pages.giveBack();
  }
  return collected.report();
}
