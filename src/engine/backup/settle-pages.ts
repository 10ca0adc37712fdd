/**
 * Making sure of every page of a hot copy (recovery document, G.5).
 *
 * A page may be torn only if it was being written while it was read. A page that is written was changed since the
 * checkpoint, and the record of the change is on disk before it: so the log, read after the page was copied, names it.
 * Such pages are read again until two reads agree. One gap remains: an abort puts pages back without a record of its
 * own, and the records of the aborted transaction may still be in memory. It is closed by waiting for a flush that began
 * after the last page was copied: a flush writes everything that was logged before it. Where none comes, or where it is
 * quicker, every page is read again. A file that was not written to while it was read, as its times say, is left as it is.
 *
 * Files may come and go faster than they are copied. What goes is left out: the log has its removal. What comes is copied
 * in the first rounds, since an application that rests then leaves nothing to the log; later, the log has its creation.
 */

import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { compareLsn } from '../../format/lsn.ts';
import { type EnvironmentFile } from '../environment/environment.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { type ContainerCopy } from './copy-container.ts';
import { type LogCopy } from './copy-log.ts';
import { type CreatedDatabases } from './created-databases.ts';
import { type LogNotes } from './log-notes.ts';
import { type NamedPages } from './named-pages.ts';
import { apartMs } from './page-source.ts';

interface Settling {
  readonly log: LogCopy;
  readonly notes: LogNotes;
  readonly named: NamedPages;
  /** What the log creates from the beginning of its copy on. */
  readonly created: CreatedDatabases;
  /** Grows when `list` finds new files. */
  readonly containers: readonly ContainerCopy[];
  /** Looks at the source again; returns the copies of files that are no longer there. New files are copied, but for some. */
  readonly list: (isLeft?: (file: EnvironmentFile) => boolean) => Promise<ReadonlySet<ContainerCopy>>;
  /** Sources that were touched and have no more bytes than this are read again as a whole: quicker than waiting for the application. */
  readonly smallBytes?: number;
}

const defaultSmallBytes = 64 << 20;
/** A container up to this size is read again as a whole: it may have been created, page by page, just then. In bytes. */
const newbornBytes = 1 << 20;
const pollMs = 20;
/** After how long without a word in its log the application is taken for idle. */
const idleMs = 500;
/** How long to wait for a flush that can be told to be one; commits tell their time in seconds. */
const flushMs = 3000;
/** How often a file has to be missing from a listing before it is gone: it may have been renamed during the listing. */
const looks = 3;
/** In how many rounds all new files are copied. */
const copyingRounds = 3;
/** After how many rounds a file that is never where it was just found is given up. */
const mostRounds = 20;

/**
 * Returns when every page of the copies is known to be whole; what comes back are copies of files that vanished before
 * that could be known. Throws `page-unstable` for a page, or a file, that never stands still.
 */
export async function settle(settling: Settling, watch: Watch): Promise<ReadonlySet<ContainerCopy>> {
  const { log, named, created, containers, list, smallBytes = defaultSmallBytes } = settling;
  const first = new Set(containers);
  // Where nothing tells what was not read whole, everything counts as touched.
  const isTouched = ({ isUntouched }: ContainerCopy): boolean => !isUntouched || log.isOpaque;
  const bytes = containers.filter(isTouched).reduce((sum, { size }) => sum + size, 0);
  const flushed = bytes > smallBytes && (await waitForFlush(settling, watch));
  const isLeft = ({ kind, uid, logName }: EnvironmentFile): boolean => {
    // A file has its lasting name in the log before it has it on disk. Pages of extents bring their file with them.
    log.follow();
    return kind === 'queue-extent' || created.hasMade(logName) || (uid !== undefined && created.has(uid));
  };
  const settled = new Set<ContainerCopy>();
  /** How often in a row a file was missing. */
  const missed = new Map<ContainerCopy, number>();
  for (let round = 1; ; round++) {
    // What is read again must not have been read just now.
    if (round > 1 || containers.some(isTouched)) await setTimeout(apartMs);
    const gone = await list(round > copyingRounds && !log.isOpaque ? isLeft : undefined);
    log.follow();
    for (const copy of containers) if (!isTouched(copy)) settled.add(copy);
    const left = containers.filter((copy) => !settled.has(copy));
    for (const copy of left) {
      missed.set(copy, gone.has(copy) ? (missed.get(copy) ?? 0) + 1 : 0);
      if (gone.has(copy)) continue;
      const pages = named.isComplete ? named.of(copy.paged.format.uid) : undefined;
      // What the log does not name is written without it.
      const byName = flushed && pages && copy.size > Math.min(newbornBytes, smallBytes) && first.has(copy);
      const there = byName ? await copy.confirm(pages, watch) : await copy.confirmAll(watch);
      if (there) settled.add(copy);
      log.keepUp();
    }
    const unsettled = containers.filter((copy) => !settled.has(copy));
    if (unsettled.every((copy) => missed.get(copy)! >= looks)) return new Set(unsettled);
    if (round === mostRounds) throw neverThere(unsettled.find((copy) => missed.get(copy)! < looks)!);
  }
}

function neverThere({ source: { path } }: ContainerCopy): FigaroError {
  return new FigaroError('page-unstable', `${path} comes and goes, or gets other names, faster than it is read`, {
    path,
    hint: 'try again when the application creates, renames and removes less.',
  });
}

/**
 * Waits until everything that was logged before this call is on disk: that is so once a commit or checkpoint of a later
 * second is. False when none comes, or the clocks disagree.
 */
async function waitForFlush({ log, notes }: Settling, watch: Watch): Promise<boolean> {
  const since = Math.floor(Date.now() / 1000);
  let last = log.follow();
  if (notes.newestTime > since) return false;
  let idle = 0;
  for (let waited = 0; waited < flushMs && idle < idleMs; waited += pollMs) {
    await setTimeout(pollMs);
    throwIfStopped(watch);
    const end = log.follow();
    if (notes.newestTime > since) return true;
    idle = compareLsn(end, last) > 0 ? 0 : idle + pollMs;
    last = end;
  }
  return false;
}
