/** The structural check of databases as recovery has them. */

import { Collected, type StructureReport, type StructureOptions } from '../structure/report.ts';
import { findingOf } from '../structure/file-check.ts';
import { pause } from '../pause.ts';
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
    if (!numbers) {
      await collected.check(pages);
      pages.giveBack();
      continue;
    }
    for (const pgno of numbers) {
      try {
        pages.pageIfThere(pgno);
      } catch (error) {
        collected.find(findingOf(pages.name, pgno, error));
      }
      await pause(options.watch ?? {}, { phase: `check ${pages.name}`, step: file.format.pageSize });
    }
  }
  return collected.report();
}
