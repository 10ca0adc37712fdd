/** Databases that the newest chain has, and that are not in the source any more: whether the log says so. */

import { fileRemove, remove } from '../../format/log/records/fileops.ts';
import { FigaroError } from '../../errors.ts';
import { logPaths } from '../environment/discover.ts';
import { type Files } from '../files.ts';
import { openLog } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { chainEnvironment, type Chain } from '../repository/chain.ts';
import { type GoneDatabase, type ManifestFile, type ManifestLeftOut } from '../repository/manifest.ts';

/** The unique ids of the files that a log removes, whether or not the transaction committed. */
export class RemovedFiles {
  readonly #uids = new Set<string>();

  see(record: ScannedRecord): void {
    const removed = bodyAs(record, remove);
    if (removed) this.#uids.add(removed.uid);
    const replaced = bodyAs(record, fileRemove);
    if (replaced) this.#uids.add(replaced.realUid);
  }

  has(uid: string): boolean {
    return this.#uids.has(uid);
  }
}

/** What a new full set has, to be compared with the chain before it. */
export interface Comparison {
  readonly files: readonly ManifestFile[];
  readonly leftOut: readonly ManifestLeftOut[];
  /** Of the log that was copied. */
  readonly removed: RemovedFiles;
  /** Chains that are still there, by the ids of their full sets. */
  readonly chains: ReadonlySet<string>;
}

/**
 * The databases that the chain before has, or misses itself, and that a new full set has not, where no log at hand removes
 * them. Throws `page-type` for one whose file is still there under its name and is no database any more: that is damage.
 */
export function findGone(
  files: Files,
  before: Chain,
  { files: now, leftOut, removed, chains }: Comparison,
): GoneDatabase[] {
  const there = new Set(now.flatMap(({ databaseId }) => databaseId ?? []));
  const names = new Set(now.map(({ path }) => path));
  const had = before.sets.flatMap(({ manifest }) =>
    manifest.files.flatMap(({ path, databaseId }) =>
      databaseId === undefined ? [] : [{ path, databaseId, chain: before.id }],
    ),
  );
  const missing = had.filter(({ databaseId }) => !there.has(databaseId) && !removed.has(databaseId));
  const unexplained = missing.length === 0 ? [] : withoutRemoved(files, before, missing);
  for (const { path } of unexplained) {
    const left = leftOut.find((entry) => entry.path === path);
    if (left && (left.reason === 'other' || left.reason === 'empty')) throw damaged(path, before, left.reason);
  }
  const earlier = before.sets.at(-1)!.manifest.gone ?? [];
  return [...earlier, ...unexplained].filter(
    ({ databaseId, chain, path }) => !there.has(databaseId) && chains.has(chain) && !names.has(path),
  );
}

/** The log of the chain goes on behind the copy of its containers, and may tell of removals, too. */
function withoutRemoved(files: Files, before: Chain, missing: readonly GoneDatabase[]): readonly GoneDatabase[] {
  const paths = logPaths(chainEnvironment(files, before));
  if (paths.size === 0) return missing;
  const removed = new RemovedFiles();
  for (const record of scanLog(files, openLog(files, paths))) removed.see(record);
  return missing.filter(({ databaseId }) => !removed.has(databaseId));
}

function damaged(path: string, before: Chain, reason: 'other' | 'empty'): FigaroError {
  const what = reason === 'empty' ? 'is empty' : 'does not begin as a database does';
  return new FigaroError('page-type', `${path} ${what}, and is a database in ${before.id}`, {
    path,
    pgno: 0,
    hint: `the file is damaged: recover it from that chain with \`recover --chain ${before.id} --only ${path}\`. If it is meant to be so, name it with --exclude.`,
  });
}

export function warningsOfGone(gone: readonly GoneDatabase[]): string[] {
  return gone.map(
    ({ path, chain }) =>
      `${path} is in ${chain} and gone from the source, without the log saying so. If it was meant to go, say --accept-missing: until then that chain is kept`,
  );
}
