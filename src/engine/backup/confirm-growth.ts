/**
 * Making sure of the pages by which transactions made their files longer while they were copied. What a transaction begun
 * with DB_TXN_BULK inserts on them is not in the log: it is on disk when the record of the commit is (recovery document,
 * G.3). So they are read again after it, and the copy of the log ends where all of its commits were looked at like that.
 */

import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { unnamed, type Growth } from '../log/growth.ts';
import { type Watch } from '../pause.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type LogCopy } from './copy-log.ts';
import { apartMs } from './page-source.ts';

export interface GrowthSource {
  readonly home: string;
  readonly log: LogCopy;
  readonly growth: Growth;
  /** Grows when `list` finds new files. */
  readonly containers: readonly ContainerCopy[];
  /** Looks at the source again; returns the copies of files that are no longer there. */
  readonly list: () => Promise<ReadonlySet<ContainerCopy>>;
}

/** How often to look for pages that came meanwhile. The log is followed only up to the pages read: few come. */
const rounds = 100;
/** How often a file has to be missing from a listing before it is gone: it may have been renamed during the listing. */
const looks = 3;

/**
 * Reads again the pages of every transaction that made a file longer and has committed within the log copied. The log is
 * followed as far as these pages need it. Throws `page-unstable` when there is no end to it.
 */
export async function confirmGrowth(source: GrowthSource, watch: Watch): Promise<void> {
  const { home, log, growth, containers, list } = source;
  const left = new Map<string, { readonly pages: Set<number>; missed: number }>();
  const nowhere = new Set<string>();
  for (let i = 1; ; i++) {
    for (const [uid, pages] of growth.takeCommitted()) {
      if (nowhere.has(uid)) continue;
      const known = left.get(uid);
      if (known) for (const pgno of pages) known.pages.add(pgno);
      else left.set(uid, { pages: new Set(pages), missed: 0 });
    }
    if (left.size === 0) return;
    if (i > rounds) throw endless(home);
    await setTimeout(apartMs);
    const known = new Set(containers);
    const gone = await list();
    const everything = left.has(unnamed);
    for (const copy of containers) {
      if (copy.paged.file.kind !== 'database' || gone.has(copy)) continue;
      const { uid } = copy.paged.format;
      const pages = left.get(uid)?.pages;
      const isWhole = everything || !known.has(copy);
      if (!pages && !isWhole) continue;
      if (await copy.confirmGrowth(isWhole ? undefined : pages!, watch)) left.delete(uid);
    }
    left.delete(unnamed);
    for (const [uid, file] of left) {
      file.missed += 1;
      if (file.missed < looks) continue;
      // Removed: the log says so, up to here. Or it never was a file.
      left.delete(uid);
      nowhere.add(uid);
      log.follow();
    }
  }
}

function endless(home: string): FigaroError {
  return new FigaroError('page-unstable', `${home}: pages are added faster than they are copied`, {
    path: home,
    hint: 'try again when the application writes less.',
  });
}
