/** Removing log files at the source that neither it nor the chain needs any more (recovery document, F.4). */

import path from 'node:path';
import { FigaroError, isSetDamage } from '../../errors.ts';
import { findFirstLogFile } from '../backup/redo-start.ts';
import { logDirectoryOf } from '../backup/environment-copy.ts';
import { configOf, discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind, type FileOfKind } from '../environment/environment.ts';
import { type Files, placeOf } from '../files/files.ts';
import { logFileName } from '../../format/names.ts';
import { placesOf, requireApart } from '../places.ts';
import { type Watch } from '../pause.ts';
import { type Chain } from '../repository/chain.ts';
import { findChain } from '../repository/find-chain.ts';
import { checksName, lastRehearsalOf, readChecks } from '../repository/checks.ts';
import { asWriter, environmentOf, readSets, type LockWait, type Repository } from '../repository/repository.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { hashFile } from '../files/hash.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { wholeEnvironment } from '../environment/outside.ts';

interface PruneOptions extends LockWait {
  readonly home: string;
  /** As for a backup. */
  readonly dataDirectories?: readonly string[] | undefined;
  readonly logDirectory?: string | undefined;
  /** Leave so many of the files that could go. */
  readonly keep?: number;
  /** Let those go, too, that no set holds because they are from before the chain: there is no way back into their time. */
  readonly olderThanChain?: boolean;
  /** Remove; otherwise only find out. */
  readonly confirm?: boolean;
}

export interface PrunedFile {
  readonly number: number;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Why it stays, the end of a sentence about it; undefined for one that goes. */
  readonly stays: string | undefined;
}

export interface PruneResult {
  readonly chain: string;
  /** In order of number. */
  readonly files: readonly PrunedFile[];
  /** False for a run that only looked. */
  readonly removed: boolean;
}

/**
 * Decides about the log files of an environment, and with `confirm` removes what can go. A file goes when recovery of the
 * source does not read it, the chain has got past it, and a set of the chain without findings holds the same records, both
 * read and compared now. Files go from the oldest on, so that the log never has a gap.
 */
export async function pruneLog(disk: Files, repository: Repository, options: PruneOptions): Promise<PruneResult> {
  const { keep = 0, olderThanChain = false, confirm = false } = options;
  const home = path.resolve(options.home);
  const { files } = wholeEnvironment(disk, home, options);
  for (const place of placesOf(files, 'the environment', home, configOf(files, home).directories)) {
    requireApart(files, place, { what: 'the repository', path: repository.directory });
  }
  const prune = async (held: Files, watch: Watch = {}): Promise<PruneResult> => {
    const environment = discoverEnvironment(files, home);
    const logs = [...filesOfKind(environment, 'log')].sort((a, b) => a.logNumber - b.logNumber);
    const needed = findFirstLogFile(files, placeOf(files, path.join(home, logDirectoryOf(environment))));
    const { sets, broken } = readSets(files, repository);
    const chain = findChain(sets, {}, broken);
    requireSameSource(chain, home);
    const decided: PrunedFile[] = [];
    let blocked: string | undefined;
    const last = logs.filter(({ logNumber }) => logNumber < needed).length - keep;
    for (const [i, log] of logs.entries()) {
      blocked ??=
        log.logNumber >= needed
          ? 'recovery needs it'
          : i >= last
            ? 'it is to be kept'
            : await whyKept(files, chain, log, olderThanChain, watch);
      decided.push({ number: log.logNumber, path: log.path, size: log.stat.size, stays: blocked });
      // What comes behind one that stays would leave a gap.
      if (blocked !== undefined && log.logNumber < needed && i < last) blocked = `log file ${log.logNumber} stays`;
    }
    if (confirm) remove(held, decided);
    return { chain: chain.id, files: decided, removed: confirm };
  };
  // No backup may be under way that counts on a file.
  return confirm ? await asWriter(files, repository, prune, options) : await prune(files, options.watch);
}

function requireSameSource({ id, sets }: Chain, home: string): void {
  const { source } = sets.at(-1)!.manifest;
  if (path.resolve(home) === source) return;
  throw new FigaroError('chain-mismatch', `${id} is a chain of ${source}, not of ${path.resolve(home)}`, {
    hint: 'name the repository with the sets of this environment.',
  });
}

/** Why a file has to stay that recovery of the source does not need; undefined when it can go. */
async function whyKept(
  files: Files,
  chain: Chain,
  { logNumber, path: source }: FileOfKind<'log'>,
  olderThanChain: boolean,
  watch: Watch,
): Promise<string | undefined> {
  const end = chain.sets.at(-1)!.manifest.log!.end;
  if (logNumber >= end.file) return 'the next incremental begins with it';
  const first = chain.sets[0]!;
  if (logNumber < first.manifest.log!.firstFile) {
    if (!olderThanChain) return `no set of ${chain.id} holds it, it is from before: --older-than-chain lets it go`;
    return foundIn(files, first);
  }
  const held = heldIn(chain, logNumber);
  if (held.length === 0) return `no set of ${chain.id} holds it`;
  let known = 0;
  for (const { set, entry } of held) {
    const { size, tailOf } = entry;
    const found = foundIn(files, set);
    if (found !== undefined) return found;
    if (set.manifest.unread && lastRehearsalOf(readChecks(files, set)) === undefined) {
      return `${set.id} holds it, but its recovery was not rehearsed yet`;
    }
    const from = tailOf?.from ?? 0;
    const copy = path.join(environmentOf(set.directory), entry.path);
    if (from !== known || !(await isStored(files, copy, entry, watch))) {
      return `the copy in ${set.id} is damaged: verify the repository`;
    }
    known = from + size;
    // Log files may have room behind their last record.
    if (!(await isAs(files, source, { from, end: known }, entry, watch))) {
      return `the copy in ${set.id} holds other records: this log has another history`;
    }
  }
  return undefined;
}

/** What the last verification has against a set; that its result is not known, too. */
function foundIn(files: Files, set: BackupSet): string | undefined {
  const { made, isDamaged } = readChecks(files, set);
  if (isDamaged) return `what the last verification found in ${set.id} is not known: ${checksName} cannot be read`;
  return (made.at(-1)?.findings ?? 0) > 0 ? `the last verification found something in ${set.id}` : undefined;
}

/** What the sets of a chain have of a log file: the newest copy that begins it, and its tails behind that. */
function heldIn({ sets }: Chain, number: number): { readonly set: BackupSet; readonly entry: ManifestFile }[] {
  const name = logFileName(number);
  const found = sets.flatMap((set) =>
    set.manifest.files
      .filter(({ kind, path: file, tailOf }) => kind === 'log' && path.posix.basename(tailOf?.path ?? file) === name)
      .map((entry) => ({ set, entry })),
  );
  return found.slice(
    Math.max(
      0,
      found.findLastIndex(({ entry }) => !entry.tailOf),
    ),
  );
}

/** Whether the repository has a file of a set as its manifest says. Throws `password` where nobody here can read it. */
async function isStored(files: Files, copy: string, entry: ManifestFile, watch: Watch): Promise<boolean> {
  try {
    return await isAs(files, copy, { end: entry.size }, entry, watch);
  } catch (error) {
    if (isSetDamage(error)) return false;
    throw error;
  }
}

/** True when a file, or a part of it, is what a manifest says. */
async function isAs(
  files: Files,
  file: string,
  part: { readonly from?: number; readonly end: number },
  { size, sha256 }: ManifestFile,
  watch: Watch,
): Promise<boolean> {
  const hash = await hashFile(files, file, watch, part);
  return hash.size === size && hash.sha256 === sha256;
}

function remove(files: Files, decided: readonly PrunedFile[]): void {
  for (const { path: file, stays } of decided) {
    if (stays !== undefined) return;
    files.remove(file);
    files.syncDirectory(path.dirname(file));
  }
}
