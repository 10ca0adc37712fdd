/**
 * Pages by which transactions made files longer since a chain's newest set, as they are on the disk of the source. An
 * incremental takes no pages: what a bulk transaction put there without logging it (recovery document, G.3) is missing
 * from the chain, and the proof of the set finds that by them.
 */

import { setTimeout } from 'node:timers/promises';
import { type Lsn } from '../../format/lsn.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { isOpaque } from '../environment/opaque.ts';
import { type Files } from '../files/files.ts';
import { type Growth } from '../log/growth.ts';
import { isOpaqueLog, openLog } from '../log/log-files.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { type LogParts } from '../log/log-parts.ts';
import { scanLog } from '../log/scan.ts';
import { type Watch } from '../pause.ts';
import { type PageOnDisk } from '../recovery/disk-comparison.ts';
import { endlessGrowth, growthRounds, looks, whatMayBeWritten, type AddedPages } from './confirm-growth.ts';
import { type LogCopy } from './copy-log.ts';
import { apartMs, DamagedPages, PageSource } from './page-source.ts';

/**
 * Shows observers the log of a chain from where transactions began that may commit in the log to come.
 *
 * @param chainLog where its files are, by number
 * @param from that place; the beginning of the log by default
 */
export function showOpenTransactions(
  files: Files,
  chainLog: ReadonlyMap<number, LogParts>,
  from: Lsn | undefined,
  observers: readonly LogObserver[],
): void {
  const needed = new Map([...chainLog].filter(([number]) => number >= (from?.file ?? 0)));
  if (needed.size === 0 || isOpaqueLog(files, [...needed.values()])) return;
  for (const record of scanLog(files, openLog(files, needed), { ...(from && { from }), verify: false })) {
    for (const observer of observers) observer.see(record);
  }
}

/** Where the pages are. */
interface AddedPagesSource {
  /** When it was listed last. */
  readonly environment: Environment;
  readonly log: LogCopy;
  readonly growth: Growth;
  readonly list: () => Promise<Environment>;
}

/**
 * Follows a log to its end, and reads the pages that its transactions have added and that are on disk: so every state they
 * are in is in the log.
 */
export async function readAdded(
  files: Files,
  { environment, log, growth, list }: AddedPagesSource,
  watch: Watch,
): Promise<AddedPages> {
  const found = new Map<string, ReadonlyMap<number, PageOnDisk>>();
  /** Unique ids of what is nowhere: in memory only, or removed, which the log says. */
  const nowhere = new Set<string>();
  let sources = sourcesIn(files, environment);
  for (let i = 1; ; i++) {
    await log.followToEnd();
    let left = growth.takeCommitted().filter(({ uid }) => !nowhere.has(uid));
    if (left.length === 0) return { onDisk: { pages: found, isAll: true }, warnings: [] };
    for (let j = 1; left.length > 0 && j <= looks; j++) {
      if (j > 1) {
        await setTimeout(apartMs);
        sources = sourcesIn(files, await list());
      }
      const written = whatMayBeWritten(left, (uid) => sources.get(uid));
      // Pages of other transactions come from the log, which has been followed to its end.
      if (j === 1 && written.length === 0) return { onDisk: { pages: found, isAll: true }, warnings: [] };
      if (i > growthRounds) return { onDisk: { pages: found, isAll: true }, warnings: [endlessGrowth] };
      left = [];
      for (const grown of written) {
        const pages = await sources.get(grown.uid)?.readSettled(grown.pgnos, watch);
        if (pages) found.set(grown.uid, new Map([...(found.get(grown.uid) ?? []), ...pages]));
        else left.push(grown);
      }
    }
    for (const { uid } of left) nowhere.add(uid);
  }
}

function sourcesIn(files: Files, environment: Environment): ReadonlyMap<string, PageSource> {
  const readable = filesOfKind(environment, 'database').filter(({ format }) => !isOpaque(format));
  return new Map(
    readable.map((file) => {
      const paged = { file, format: file.format, firstPgno: 0 };
      return [file.uid, new PageSource(files, paged, undefined, new DamagedPages())];
    }),
  );
}
