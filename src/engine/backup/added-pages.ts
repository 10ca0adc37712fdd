/**
 * Pages by which transactions made files longer since a chain's newest set, as they are on the disk of the source. An
 * incremental takes no pages: what a bulk transaction put there without logging it (recovery document, G.3) is missing
 * from the chain, and the proof of the set finds that by them.
 */

import { setTimeout } from 'node:timers/promises';
import { isLogged } from '../../format/lsn.ts';
import { fromStored, hasRightChecksum } from '../../format/page/checksum.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { Page } from '../../format/page/page.ts';
import { filesOfKind, type Environment } from '../environment/discover.ts';
import { isOpaque } from '../environment/opaque.ts';
import { type Files } from '../files.ts';
import { Growth, type GrownFile } from '../log/growth.ts';
import { isOpaqueLog, openLog } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';
import { pause, type Watch } from '../pause.ts';
import { type PageOnDisk, type PagesOnDisk } from '../recovery/disk-comparison.ts';
import { type ManifestLog } from '../repository/manifest.ts';
import { endlessGrowth, growthRounds, looks, whatMayBeWritten } from './confirm-growth.ts';
import { type LogCopy } from './copy-log.ts';
import { apartMs, DamagedPages, PageSource, type OpenPages } from './page-source.ts';

/**
 * Goes through the log of a chain from where transactions began that may commit in the log to come. What is seen after
 * that has to be shown to the result.
 *
 * @param chainLog paths by number
 * @param next number of the first file that is not from the chain
 */
export function growthBefore(
  files: Files,
  chainLog: ReadonlyMap<number, string>,
  { redoFrom }: ManifestLog,
  next: number,
): Growth {
  const growth = new Growth();
  const first = redoFrom?.file ?? 0;
  const needed = new Map([...chainLog].filter(([number]) => number >= first && number < next));
  if (needed.size > 0 && !isOpaqueLog(files, [...needed.values()]))
    for (const record of scanLog(files, openLog(files, needed), { verify: false })) growth.see(record);
  growth.takeCommitted();
  return growth;
}

/** Where the pages are. */
export interface AddedPagesSource {
  /** When it was listed last. */
  readonly environment: Environment;
  readonly log: LogCopy;
  readonly growth: Growth;
  readonly list: () => Promise<Environment>;
}

/**
 * Follows a log to its end, and reads the pages that its transactions have added and that are on disk: so every state they
 * are in is in the log. Throws `page-unstable` when there is no end to them.
 */
export async function readAdded(
  files: Files,
  { environment, log, growth, list }: AddedPagesSource,
  watch: Watch,
): Promise<PagesOnDisk> {
  const found = new Map<string, Map<number, PageOnDisk>>();
  /** Unique ids of what is nowhere: in memory only, or removed, which the log says. */
  const nowhere = new Set<string>();
  let sources = sourcesIn(files, environment);
  for (let i = 1; ; i++) {
    await log.followToEnd();
    let left = growth.takeCommitted().filter(({ uid }) => !nowhere.has(uid));
    if (left.length === 0) return found;
    if (i > growthRounds) throw endlessGrowth(environment.home);
    for (let j = 1; left.length > 0 && j <= looks; j++) {
      if (j > 1) {
        await setTimeout(apartMs);
        sources = sourcesIn(files, await list());
      }
      const written = whatMayBeWritten(left, (uid) => sources.get(uid)?.firstLsn());
      // Pages of other transactions come from the log, which has been followed to its end.
      if (j === 1 && written.length === 0) return found;
      left = [];
      for (const grown of written)
        if (!(await readPages(sources.get(grown.uid), grown, found, watch))) left.push(grown);
    }
    for (const { uid } of left) nowhere.add(uid);
  }
}

function sourcesIn(files: Files, environment: Environment): ReadonlyMap<string, PageSource> {
  const readable = filesOfKind(environment, 'database').filter(({ format }) => !isOpaque(format!));
  return new Map(
    readable.map((file) => {
      const paged = { file, format: file.format!, firstPgno: 0 };
      return [file.uid!, new PageSource(files, paged, undefined, new DamagedPages())];
    }),
  );
}

/** Takes note of the pages of a file. Returns false when the file is not there. */
async function readPages(
  source: PageSource | undefined,
  { uid, pgnos }: GrownFile,
  found: Map<string, Map<number, PageOnDisk>>,
  watch: Watch,
): Promise<boolean> {
  const opened = source?.open();
  if (!source || !opened) return false;
  let pages = found.get(uid);
  if (!pages) found.set(uid, (pages = new Map()));
  const { path } = source.file;
  try {
    for (const [i, pgno] of pgnos.entries()) {
      const page = await readSettled(opened, pgno, source.paged.format);
      if (page) pages.set(pgno, page);
      await pause(watch, { phase: `look at new pages of ${path}`, done: i + 1, total: pgnos.length });
    }
  } finally {
    opened.close();
  }
  return true;
}

/** Undefined for a page that is not there, was never logged, or is damaged. */
async function readSettled(source: OpenPages, pgno: number, format: DatabaseFormat): Promise<PageOnDisk | undefined> {
  const bytes = new Uint8Array(format.pageSize);
  for (let i = 1; i <= attempts; i++) {
    if (source.read(bytes, pgno * format.pageSize).length === 0) return undefined;
    if (hasRightChecksum(bytes, format)) {
      const { lsn, entries, type } = new Page(fromStored(bytes, format), format);
      return isLogged(lsn) ? { lsn, entries, type } : undefined;
    }
    // It is being written just now.
    await setTimeout(apartMs);
  }
  return undefined;
}

const attempts = 4;
