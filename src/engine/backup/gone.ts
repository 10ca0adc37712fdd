/** Databases that the newest chain has, and that are not in the source any more: whether the log says so. */

import path from 'node:path';
import { fileRemove, remove } from '../../format/log/records/fileops.ts';
import { FigaroError } from '../../errors.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { summarize } from '../environment/left-out.ts';
import { type Files } from '../files/files.ts';
import { type Lsn } from '../../format/lsn.ts';
import { shellWord } from '../../shell-words.ts';
import { openLog } from '../log/log-files.ts';
import { type ProofState } from '../proofs/proof-state.ts';
import { type LogParts } from '../log/log-parts.ts';
import { scanLog } from '../log/scan.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { chainEnvironment, type Chain } from '../repository/chain.ts';
import {
  databasesTold,
  plainId,
  type GoneDatabase,
  type ManifestLeftOut,
  type NamedDatabase,
} from '../repository/manifest.ts';
import { goneOf } from '../repository/missing.ts';

/** The unique ids of the files that a log removes, whether or not the transaction committed. */
export class RemovedFiles implements LogObserver {
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

/** What is there now, to be compared with the chain before it. */
interface Comparison {
  /** The directory of the source. */
  readonly source: string;
  readonly databases: readonly NamedDatabase[];
  readonly leftOut: readonly ManifestLeftOut[];
  /** Of the log that was copied. */
  readonly removed: RemovedFiles;
  /** The log files of the source, by number, and the first one that is in the copy. */
  readonly sourceLog: ReadonlyMap<number, LogParts>;
  readonly firstCopied: number | undefined;
  /** The log is encrypted, and there is no password: what it removes is not known. */
  readonly isOpaque: boolean;
  /** Chains that are still there, by the ids of their full sets. */
  readonly chains: ReadonlySet<string>;
  /** Damaged files do not stop the backup: they are gone then. */
  readonly keepDamaged?: boolean | undefined;
}

/**
 * The databases that the chain before has, or misses itself, and that are not there now, where no log at hand removes
 * them. Throws `page-type` for one whose file is still there under its name and is no longer a database: that is damage.
 *
 * One that has another database in its place is gone, too, when the log at hand goes on from the chain without a gap. Behind
 * a gap nobody knows: then the other one is taken for its successor.
 */
export function findGone(files: Files, before: Chain, now: Comparison): GoneDatabase[] {
  const { removed, chains } = now;
  const there = new Databases(now.databases);
  const missing = databasesOf(before).filter((had) => !there.has(had) && !removed.has(had.databaseId));
  const log = missing.length === 0 ? undefined : logBetween(files, before, now);
  const unexplained = missing.filter(
    ({ databaseId, path }) => !log!.removed.has(databaseId) && (log!.isWhole || !there.hasName(path)),
  );
  if (now.keepDamaged !== true) requireNoneDamaged(files, now.source, unexplained, now.leftOut, before);
  const ids = new Set(missing.map(({ databaseId }) => databaseId));
  const earlier = goneOf(before.sets).filter(({ databaseId }) => !ids.has(databaseId));
  return [...earlier, ...unexplained.map((had) => ({ ...had, chain: before.id }))].filter(
    (gone) => !there.has(gone) && chains.has(gone.chain),
  );
}

/**
 * The databases that a chain has and the source has not, though the chain, continued up to now, does not remove them.
 * Throws `page-type` as `findGone` does.
 *
 * @param whole the chain with the new incremental
 * @param isOpaque what its log removes cannot be read
 * @param proven what the proof of the chain has left behind: what it no longer has was removed by the log before
 * @param look lists the source; a file that is being renamed can be missed by one look
 */
export function findGoneFromChain(
  files: Files,
  chain: Chain,
  whole: Environment,
  { isOpaque, proven }: { readonly isOpaque: boolean; readonly proven: ProofState | undefined },
  look: () => Environment,
): GoneDatabase[] {
  let missing: readonly NamedDatabase[] = databasesOf(chain);
  let leftOut: readonly ManifestLeftOut[] = [];
  let home = '';
  for (let i = 0; i < 2 && missing.length > 0; i++) {
    const source = look();
    const there = new Databases(databasesIn(source));
    missing = missing.filter((had) => !there.has(had));
    ({ home } = source);
    leftOut = summarize(source.leftOut);
  }
  if (missing.length === 0) return [];
  const removed = new RemovedFiles();
  if (!isOpaque) see(removed, files, logPaths(whole), proven?.from);
  const left = proven && new Set(proven.files.map(({ uid }) => uid && plainId(uid)));
  const unexplained = missing.filter(
    ({ databaseId }) => !removed.has(databaseId) && left?.has(plainId(databaseId)) !== false,
  );
  requireNoneDamaged(files, home, unexplained, leftOut, chain);
  return unexplained.map((had) => ({ ...had, chain: chain.id }));
}

/** Those that a chain has, with the names that it told. */
function databasesOf({ sets }: Chain): NamedDatabase[] {
  return sets.flatMap(({ manifest }) => databasesTold(manifest));
}

/** Those with a unique id; one that a transaction removes or renames has a stand-in with it. */
function databasesIn({ files }: Environment): NamedDatabase[] {
  return files.flatMap(({ name, uid }) => (uid === undefined ? [] : [{ path: name, databaseId: uid }]));
}

/** Databases that are there, of which there may be many. */
class Databases {
  readonly #ids = new Set<string>();
  /** By path. The part of their ids that is never encrypted. */
  readonly #plainIds = new Map<string, Set<string>>();

  constructor(databases: readonly NamedDatabase[]) {
    for (const { path, databaseId } of databases) {
      this.#ids.add(databaseId);
      const ids = this.#plainIds.get(path);
      if (ids) ids.add(plainId(databaseId));
      else this.#plainIds.set(path, new Set([plainId(databaseId)]));
    }
  }

  has({ path, databaseId }: NamedDatabase): boolean {
    return this.#ids.has(databaseId) || this.#plainIds.get(path)?.has(plainId(databaseId)) === true;
  }

  hasName(path: string): boolean {
    return this.#plainIds.has(path);
  }
}

/** What is removed by the log of the chain, and by the log of the source from there on that was not copied. */
function logBetween(
  files: Files,
  before: Chain,
  { sourceLog, firstCopied, isOpaque }: Comparison,
): { readonly removed: RemovedFiles; readonly isWhole: boolean } {
  const removed = new RemovedFiles();
  if (isOpaque) return { removed, isWhole: false };
  see(removed, files, logPaths(chainEnvironment(files, before)));
  const end = before.sets.at(-1)!.manifest.log?.end.file;
  if (end === undefined || firstCopied === undefined) return { removed, isWhole: false };
  // The newest ones without a gap: the application may be removing the oldest.
  const between = new Map<number, LogParts>();
  for (let number = firstCopied - 1; number >= end && sourceLog.has(number); number--) {
    between.set(number, sourceLog.get(number)!);
  }
  try {
    see(removed, files, between);
  } catch (error) {
    const isVanished = [...between.values()].flat().some((part) => files.statThrough(part.path) === undefined);
    if (!(error instanceof FigaroError) || !isVanished) throw error;
    return { removed, isWhole: false };
  }
  return { removed, isWhole: firstCopied - between.size <= end };
}

function see(removed: RemovedFiles, files: Files, paths: ReadonlyMap<number, LogParts>, from?: Lsn): void {
  const needed = new Map([...paths].filter(([number]) => !from || number >= from.file));
  if (needed.size === 0) return;
  for (const record of scanLog(files, openLog(files, needed), from ? { from } : {})) removed.see(record);
}

function requireNoneDamaged(
  files: Files,
  source: string,
  missing: readonly NamedDatabase[],
  leftOut: readonly ManifestLeftOut[],
  before: Chain,
): void {
  for (const { path: name } of missing) {
    const left = leftOut.find((entry) => entry.path === name) ?? amongMany(files, source, leftOut, name);
    if (left && (left.reason === 'other' || left.reason === 'empty')) throw damaged(name, before, left.reason);
  }
}

/** A file that is there, and was counted with others of its directory and kind. */
function amongMany(
  files: Files,
  source: string,
  leftOut: readonly ManifestLeftOut[],
  name: string,
): Pick<ManifestLeftOut, 'reason'> | undefined {
  const stat = files.statThrough(path.join(source, name));
  if (stat?.kind !== 'file') return undefined;
  const directory = name.slice(0, name.lastIndexOf('/') + 1) || './';
  const reason = stat.size === 0 ? 'empty' : 'other';
  return leftOut.find((entry) => entry.count !== undefined && entry.path === directory && entry.reason === reason);
}

function damaged(path: string, before: Chain, reason: 'other' | 'empty'): FigaroError {
  const what = reason === 'empty' ? 'is empty' : 'does not begin as a database does';
  return new FigaroError('page-type', `${path} ${what}, and is a database in ${before.id}`, {
    path,
    pgno: 0,
    hint: `the file is damaged: recover it from that chain with \`recover --chain ${before.id} --only ${shellWord(path)}\`. If it is meant to be so, name it with --exclude.`,
  });
}

export function warningsOfGone(gone: readonly GoneDatabase[]): string[] {
  return gone.map(
    ({ path, chain }) =>
      `${path} is in ${chain} and gone from the source, without the log saying so. If it was meant to go, take a full set with --accept-missing: until then that chain is kept`,
  );
}
