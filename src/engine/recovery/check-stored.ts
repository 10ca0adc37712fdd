/** The structural check of databases as recovery has them. */

import { Collected, type StructureReport, type StructureOptions } from '../structure/report.ts';
import { type StoredFile } from './page-store.ts';
import { StoredPages } from './stored-pages.ts';

/** Checks databases as recovery has them in memory. What is in its cache is written to its storage. */
export async function checkStored(
  stored: Iterable<StoredFile>,
  options: StructureOptions = {},
): Promise<StructureReport> {
  const collected = new Collected(options);
  for (const file of stored) {
    file.flush();
    await collected.check(new StoredPages(file));
  }
  return collected.report();
}
