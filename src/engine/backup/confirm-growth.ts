/**
 * Making sure of the pages by which transactions made their files longer while they were copied. What a transaction begun
 * with DB_TXN_BULK inserts on them is not in the log: it is on disk when the record of the commit is (recovery document,
 * G.3). So they are read again after it, and the log is followed to its end after that, until it has no more of them.
 */

import { setTimeout } from 'node:timers/promises';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { type PageOnDisk, type PagesOnDisk } from '../recovery/disk-comparison.ts';
import { type GrownFile, type Growth } from '../log/growth.ts';
import { type Watch } from '../pause.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type LogCopy } from './copy-log.ts';
import { apartMs, type PageSource } from './page-source.ts';

interface GrowthSource {
  readonly log: LogCopy;
  readonly growth: Growth;
  /** Grows when `list` finds new files. */
  readonly containers: readonly ContainerCopy[];
  /** Looks at the source again; returns the copies of files that are no longer there. */
  readonly list: () => Promise<ReadonlySet<ContainerCopy>>;
  /** Makes sure of what the log needs beside the pages, each time before it is followed to its end. */
  readonly confirmOthers: () => Promise<void>;
  /** Leaves copies out of the set. */
  readonly drop: (copies: ReadonlySet<ContainerCopy>) => void;
}

/** What is known of pages that were added. */
export interface AddedPages {
  readonly onDisk: PagesOnDisk | undefined;
  /** One where rows may be missing and nothing tells. */
  readonly warnings: readonly string[];
}

/** How often to look for pages that came meanwhile. */
export const growthRounds = 3;
/** How often a file has to be missing from a listing before it is gone: it may have been renamed during the listing. */
export const looks = 3;

/**
 * Follows the log to its end, with what is not in it of the pages that its transactions have added. Where there is no end to
 * them, the last ones are as the log makes them, and have to be compared with what is on disk.
 */
export async function confirmGrowth(source: GrowthSource, watch: Watch): Promise<AddedPages> {
  const { log, growth, containers } = source;
  const byUid = new Map<string, ContainerCopy>();
  const sourceOf = (uid: string): ContainerCopy | undefined => byUid.get(uid);
  /** Unique ids of what is nowhere: in memory only, or removed, which the log says. */
  const nowhere = new Set<string>();
  for (let i = 1; ; i++) {
    await source.confirmOthers();
    await log.followToEnd();
    byUid.clear();
    for (const copy of containers) if (copy.paged.file.kind === 'database') byUid.set(copy.paged.file.uid!, copy);
    // What was read after the commit has its rows.
    const isToRead = ({ uid, pgnos, committed }: GrownFile): boolean =>
      !nowhere.has(uid) && sourceOf(uid)?.hasRead(pgnos, committed) !== true;
    const written = whatMayBeWritten(growth.takeCommitted().filter(isToRead), sourceOf);
    // Pages of other transactions come from the log, which has been followed to its end.
    if (written.length === 0) return { onDisk: undefined, warnings: [] };
    if (i > growthRounds) return await readTheRest(written, sourceOf, log.end, watch);
    for (const uid of await readAgain(source, written, watch)) nowhere.add(uid);
  }
}

/**
 * Leaves out what was not on disk when its transaction committed: a bulk transaction writes all that it has changed in a
 * file that it makes longer, the pages that it adds and the first one.
 *
 * @param sourceOf the file of a unique id; one that is not known may be anywhere
 */
export function whatMayBeWritten(
  grown: readonly GrownFile[],
  sourceOf: (uid: string) => Pick<PageSource, 'areWritten'> | undefined,
): readonly GrownFile[] {
  return grown.filter(({ uid, pgnos, first, last }) => {
    const source = sourceOf(uid);
    return source?.areWritten([0], last) !== false && source?.areWritten(pgnos, first) !== false;
  });
}

/** Reads pages again that were added. Returns the unique ids of files that are nowhere. */
async function readAgain(
  { containers, list, drop }: GrowthSource,
  grown: readonly GrownFile[],
  watch: Watch,
): Promise<Iterable<string>> {
  const left = new Map<string, Set<number>>();
  for (const { uid, pgnos } of grown) {
    let pages = left.get(uid);
    if (!pages) left.set(uid, (pages = new Set()));
    for (const pgno of pgnos) pages.add(pgno);
  }
  /** Copies that were not there before. */
  const whole = new Set<ContainerCopy>();
  for (let i = 1; i <= looks && left.size + whole.size > 0; i++) {
    await setTimeout(apartMs);
    const before = new Set(containers);
    const gone = await list();
    for (const copy of containers) if (!before.has(copy)) whole.add(copy);
    for (const copy of containers) {
      if (gone.has(copy)) continue;
      const { kind, uid = '' } = copy.paged.file;
      const pages = kind === 'database' ? left.get(uid) : undefined;
      const isNew = whole.has(copy);
      if (!pages && !isNew) continue;
      if (!(await copy.confirmGrowth(isNew ? undefined : pages, watch))) continue;
      whole.delete(copy);
      if (pages) left.delete(uid);
    }
  }
  drop(whole);
  return left.keys();
}

/** Reads pages on disk. What was changed there after `end` cannot be compared with the log up to there. */
async function readTheRest(
  grown: readonly GrownFile[],
  sourceOf: (uid: string) => ContainerCopy | undefined,
  end: Lsn,
  watch: Watch,
): Promise<AddedPages> {
  const found = new Map<string, Map<number, PageOnDisk>>();
  let isDoubtful = false;
  for (const { uid, pgnos } of grown) {
    const pages = (await sourceOf(uid)?.readSettled(pgnos, watch)) ?? [];
    const known = [...pages].filter(([, { lsn }]) => compareLsn(lsn, end) < 0);
    if (known.length === 0) isDoubtful = true;
    found.set(uid, new Map([...(found.get(uid) ?? []), ...known]));
  }
  return { onDisk: { pages: found, isAll: false }, warnings: isDoubtful ? [endlessGrowth] : [] };
}

export const endlessGrowth =
  'pages were added and written faster than they were read: should a bulk transaction (DB_TXN_BULK) have committed in the last moments of the copy, rows of it may be missing';
