/**
 * Making sure of the pages by which transactions made their files longer while they were copied. What a transaction begun
 * with DB_TXN_BULK inserts on them is not in the log: it is on disk when the record of the commit is (recovery document,
 * G.3). So they are read again after it, and the log is followed to its end after that, until it has no more of them.
 */

import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { compareLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { type GrownFile, type Growth } from '../log/growth.ts';
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
  /** Makes sure of what the log needs beside the pages, each time before it is followed to its end. */
  readonly confirmOthers: () => Promise<void>;
  /** Leaves copies out of the set. */
  readonly drop: (copies: ReadonlySet<ContainerCopy>) => void;
}

/** How often to look for pages that came meanwhile. */
export const growthRounds = 20;
/** How often a file has to be missing from a listing before it is gone: it may have been renamed during the listing. */
export const looks = 3;

/**
 * Follows the log to its end, with what is not in it of the pages that its transactions have added. Throws
 * `page-unstable` when there is no end to them.
 */
export async function confirmGrowth(source: GrowthSource, watch: Watch): Promise<void> {
  const { home, log, growth, containers } = source;
  /** Unique ids of what is nowhere: in memory only, or removed, which the log says. */
  const nowhere = new Set<string>();
  for (let i = 1; ; i++) {
    await source.confirmOthers();
    await log.followToEnd();
    const grown = growth.takeCommitted().filter(({ uid }) => !nowhere.has(uid));
    if (grown.length === 0) return;
    if (i > growthRounds) throw endlessGrowth(home);
    const written = whatMayBeWritten(grown, (uid) =>
      containers.find(({ paged: { file } }) => file.kind === 'database' && file.uid === uid)?.firstLsn(),
    );
    // Pages of other transactions come from the log, which has been followed to its end.
    if (written.length === 0) return;
    for (const uid of await readAgain(source, written, watch)) nowhere.add(uid);
  }
}

/**
 * Leaves out what was not on disk when its transaction committed: a bulk transaction writes all that it has changed in a
 * file that it makes longer, and that is the first page, too.
 *
 * @param firstLsnOf LSN of the first page of a file, on disk, by unique id
 */
export function whatMayBeWritten(
  grown: readonly GrownFile[],
  firstLsnOf: (uid: string) => Lsn | undefined,
): readonly GrownFile[] {
  const firstLsns = new Map<string, Lsn | undefined>();
  return grown.filter(({ uid, last }) => {
    if (!firstLsns.has(uid)) firstLsns.set(uid, firstLsnOf(uid));
    const first = firstLsns.get(uid);
    return !first || !isLogged(first) || compareLsn(first, last) >= 0;
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

export function endlessGrowth(home: string): FigaroError {
  return new FigaroError('page-unstable', `${home}: pages are added faster than they are read`, {
    path: home,
    hint: 'try again when the application writes less, or give it a larger cache: pages in use stay in it, then.',
  });
}
