/** What the log between two states says of the pages that can differ in them. */

import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { type Files } from '../files/files.ts';
import { startOf } from '../log/log-files.ts';
import { type LogParts } from '../log/log-parts.ts';
import { PageCollector } from '../log/page-collector.ts';
import { differenceInHistory } from '../log/same-history.ts';
import { scanBatches } from '../log/scan.ts';
import { pause, type Watch } from '../pause.ts';
import { lastLsn } from '../recovery/analysis.ts';
import { firstDifferent } from '../recovery/first-different.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';
import { PageSet } from './page-set.ts';

export interface TouchedPages {
  /** The pages that the log names, by the unique id of their file. */
  readonly pages: ReadonlyMap<string, PageSet>;
  /** Files that are also changed by what a recovery passes over. */
  readonly notDurable: ReadonlySet<string>;
  /** True for a file of which the log tells everything, be it that nothing happened. */
  readonly knows: (uid: string) => boolean;
}

/** One of the two states, and the log that leads to it. */
interface Reached {
  readonly files: Files;
  readonly prepared: PreparedRecovery;
}

/**
 * The pages that can differ between two states of one environment: those that records name behind the earlier state, and records of
 * transactions that were open there. Undefined where the log of the later state does not reach back to the earlier one, or
 * is of another history.
 */
export async function touchedPages(one: Reached, other: Reached, watch: Watch): Promise<TouchedPages | undefined> {
  const isOrdered = compareLsn(lastLsn(one.prepared.analysis), lastLsn(other.prepared.analysis)) <= 0;
  const [earlier, later] = isOrdered ? [one, other] : [other, one];
  if (!continues(earlier, later)) return undefined;
  const from = firstDifferent(earlier.prepared.analysis, later.prepared.analysis);
  if (compareLsn(from, startOf(later.prepared.log)) < 0) return undefined;
  return await pagesNamed(later, from, watch);
}

/** True when the log of the later state has all that leads to the earlier one. */
function continues(earlier: Reached, later: Reached): boolean {
  const { log, analysis } = earlier.prepared;
  const last = lastLsn(analysis);
  const known = partsOf(log.files, last.file);
  const parts = partsOf(later.prepared.log.files, last.file);
  if (!known || !parts) return false;
  if (
    known.length === parts.length &&
    known.every(({ path, from }, i) => path === parts[i]!.path && from === parts[i]!.from)
  ) {
    return true;
  }
  const { end } = analysis;
  // What is behind the earlier state does not matter; but records end where they end.
  const shown =
    end.lsn.file === last.file ? { end: end.lsn, lastRecord: end.lastRecord } : { end: last, lastRecord: undefined };
  return differenceInHistory(later.files, parts, known, shown) === undefined;
}

function partsOf(
  files: readonly { readonly number: number; readonly parts: LogParts }[],
  number: number,
): LogParts | undefined {
  return files.find((file) => file.number === number)?.parts;
}

async function pagesNamed({ files, prepared }: Reached, from: Lsn, watch: Watch): Promise<TouchedPages> {
  const { log, analysis } = prepared;
  const last = lastLsn(analysis);
  const pages = new Map<string, PageSet>();
  const notDurable = new Set<string>();
  const found: TouchedPages = { pages, notDurable, knows: (uid) => analysis.bindings.knows(uid) };
  const collector = new PageCollector();
  const pagesOf = (uid: string): PageSet => {
    let known = pages.get(uid);
    if (!known) pages.set(uid, (known = new PageSet()));
    return known;
  };
  for (const batch of scanBatches(files, log, { verify: false, from })) {
    for (let i = 0; i < batch.count; i++) {
      const record = batch.record(i);
      if (compareLsn(record.lsn, last) > 0) return found;
      if (!record.layout) continue;
      collector.reset();
      record.decodeWith(collector);
      const { collectedFileId: fileId, pgnos } = collector;
      const binding = fileId === undefined ? undefined : analysis.bindings.at(fileId, record.lsn);
      if (!binding || binding.inMemory) continue;
      if (record.isDebug) notDurable.add(binding.uid);
      const named = pagesOf(binding.uid);
      // Every record of a file may go along with a change of its first page.
      named.add(0);
      for (const pgno of pgnos) named.add(pgno);
    }
    await pause(watch, { phase: 'find what changed', step: batch.byteCount });
  }
  return found;
}
