/**
 * A new full set, made of a chain without its source: databases brought to the end of the chain as by a round of a standby, and the
 * log that goes on from there (recovery document, J.4). The order of it.
 */

import { FigaroError } from '../../errors.ts';
import { earlierLsn } from '../../format/lsn.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { separateTwins } from '../environment/twins.ts';
import { type Files } from '../files/files.ts';
import { syncTree } from '../files/sync-tree.ts';
import { removeTree } from '../files/tree.ts';
import { requireCounts } from '../given.ts';
import { type Watch } from '../pause.ts';
import { BackgroundCopies } from '../recovery/background-copies.ts';
import { placeDatabases } from '../recovery/finish.ts';
import { neededFrom } from '../recovery/needed-from.ts';
import { proveRecoverable } from '../recovery/proof.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';
import { prepareRecovery, runPasses } from '../recovery/rehearse.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import { requireKey } from '../recovery/requirements.ts';
import { copyDatabases, openStage } from '../recovery/stage.ts';
import { StagedStorage } from '../recovery/storage.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { chainEnvironment, isUnsound, type Chain } from '../repository/chain.ts';
import { chooseChain } from '../repository/choose-chain.ts';
import { noteLook, readLook } from '../repository/last-look.ts';
import { settingsOf } from '../repository/set-environment.ts';
import { asWriter, NewSet, type LockWait, type Repository } from '../repository/repository.ts';
import { requireSound } from '../structure/report.ts';
import { requireIntact } from '../verify/intact.ts';
import { ConsolidatedFiles, type FinishedFiles } from './consolidated-files.ts';
import { describeConsolidated } from './describe-consolidated.ts';
import { requireBytes, type Room } from './room.ts';

/** Which chain is consolidated, and how. */
export interface ConsolidateOptions extends LockWait {
  /** Any set of the chain; the newest chain by default. */
  readonly chain?: string;
  /** Memory for pages, in bytes; 256 MiB by default. */
  readonly cacheBytes?: number;
  /** The application orders keys in a way of its own, which the proof cannot know. */
  readonly anyOrder?: boolean;
  /** Find out what it would take, and write nothing. */
  readonly dryRun?: boolean;
  /** Told of the room that the set takes, and of what there is, before anything is copied. */
  readonly onRoom?: (room: Room) => void;
}

/** What came of it. */
export interface Consolidation {
  /** The chain, by its full set. */
  readonly chain: string;
  /** Its last set. */
  readonly upTo: BackupSet;
  /** The set that was made; undefined for a dry run, and for a chain that is nothing but a full set. */
  readonly set: BackupSet | undefined;
  /** What it takes, in bytes, and what there is; undefined for a chain that is nothing but a full set. */
  readonly room: Pick<Room, 'bytesNeeded' | 'bytesFree'> | undefined;
  /** Sets that cannot be used, one sentence each. What there is to say of the new set is in its manifest. */
  readonly warnings: readonly string[];
}

/**
 * Makes a full set of what a chain holds at its end, proves that it can be recovered, and publishes it: a new chain, which the next
 * incremental continues. Neither the source nor the sets of the chain are touched. On failure nothing of it stays. A chain that is
 * nothing but a full set is left alone.
 *
 * Throws `set-missing` and `chain-gap` as whoever chooses a chain, `usage` for a chain without a log, `not-recoverable` for a copy of a
 * damaged source, `busy`, `no-space`, `password`, and what is damaged in the chain.
 */
export async function consolidate(
  files: Files,
  repository: Repository,
  options: ConsolidateOptions = {},
): Promise<Consolidation> {
  requireCounts({ cacheBytes: options.cacheBytes });
  const make = async (held: Files, watch: Watch): Promise<Consolidation> =>
    await consolidateHeld(held, repository, { ...options, watch });
  if (options.dryRun === true) return await make(files, options.watch ?? {});
  return await asWriter(files, repository, make, options);
}

async function consolidateHeld(
  files: Files,
  repository: Repository,
  { chain: wanted, onRoom, dryRun, ...options }: ConsolidateOptions,
): Promise<Consolidation> {
  const started = new Date();
  const { chain, chains, warnings } = chooseChain(files, repository, {
    ...(wanted === undefined ? {} : { chain: wanted }),
    hint: 'take a full set with `figaro-backup hot`, or name the chain that is to be consolidated with --chain.',
  });
  requireConsolidatable(chain);
  const upTo = chain.sets.at(-1)!;
  const result = { chain: chain.id, upTo, set: undefined, room: undefined, warnings };
  if (chain.sets.length === 1) return result;

  // What the log says of the chain: from where on it is needed, and how much that is.
  const whole = chainEnvironment(files, chain, { acceptGrown: true });
  requireKey(whole);
  const watch: Watch = { ...options.watch, plan: { done: 0, total: planned(whole) } };
  const prepared = await prepareRecovery(files, whole, { watch });
  const { environment } = separateTwins(whole, (uid) => prepared.analysis.names.of(uid));
  const kept = withLogFrom(environment, firstLogFile(prepared));
  const bytesNeeded = bytesOf(kept);
  const room = { bytesNeeded, bytesFree: files.freeSpace(repository.directory) };
  if (dryRun) return { ...result, room };

  const before = chainsAfter(chain, chains);
  const set = new NewSet(files, repository, 'consolidated', started);
  try {
    requireBytes(files, set.directory, bytesNeeded, onRoom);
    const work = { ...options, chain, environment, kept, prepared, watch };
    const filled = await fill(files, set, work);
    const look = readLook(files, upTo, () => {});
    if (look !== undefined) noteLook(files, set, new Date(look));
    const settings = settingsOf(files, set.environment);
    const manifest = describeConsolidated(set, settings, { chain, before, started, prepared, environment, ...filled });
    return { ...result, room, set: set.publish(manifest) };
  } catch (error) {
    set.discard();
    throw error;
  }
}

function requireConsolidatable({ id, sets }: Chain): void {
  const [full] = sets;
  if (isUnsound(full!)) {
    throw new FigaroError('not-recoverable', `${id} is a copy of a damaged source: it cannot be consolidated`, {
      path: full!.directory,
      hint: 'name a sound chain with --chain; see `figaro-backup list`.',
    });
  }
  if (sets.at(-1)!.manifest.log) return;
  throw new FigaroError('usage', `${id} is of an environment without logs: there is nothing to consolidate`, {
    hint: 'each of its sets is a full one.',
  });
}

/** The number of the first log file that is kept: with the last commit, so that it is known what the state is. */
function firstLogFile(prepared: PreparedRecovery): number {
  const { log, analysis } = prepared;
  const from = neededFrom(prepared);
  const { last } = analysis.commits;
  return Math.max(log.files[0]!.number, (last ? earlierLsn(from, last.lsn) : from).file);
}

function withLogFrom(environment: Environment, first: number): Environment {
  const files = environment.files.filter(({ logNumber }) => logNumber === undefined || logNumber >= first);
  return { ...environment, files };
}

function bytesOf({ files }: Pick<Environment, 'files'>): number {
  return files.reduce((sum, { stat }) => sum + stat.size, 0);
}

/** What there is to read, roughly: everything to compare it, the log twice, and what comes of it three times. */
function planned(whole: Environment): number {
  const log = bytesOf({ files: filesOfKind(whole, 'log') });
  return 4 * bytesOf(whole) - log;
}

/** The full sets of the chains that are newer. */
function chainsAfter(chain: Chain, chains: readonly Chain[]): string[] {
  return chains.slice(chains.findIndex(({ id }) => id === chain.id) + 1).map(({ id }) => id);
}

interface Work extends Pick<ConsolidateOptions, 'cacheBytes' | 'anyOrder'> {
  readonly chain: Chain;
  readonly environment: Environment;
  /** Without the log that is not needed any more. */
  readonly kept: Environment;
  readonly prepared: PreparedRecovery;
  readonly watch: Watch;
}

interface Filled {
  readonly files: FinishedFiles;
  readonly report: RecoveryReport;
  readonly notes: readonly string[];
}

/** Fills the set, and proves it. */
async function fill(files: Files, set: NewSet, work: Work): Promise<Filled> {
  const { chain, environment, kept, prepared, watch, anyOrder = false, cacheBytes } = work;
  const recovery = { watch, ...(cacheBytes === undefined ? {} : { cacheBytes }) };
  await requireIntact(files, chain, environment, watch);
  const copies = new BackgroundCopies(files);
  const stage = openStage(files, kept, set.directory, copies);
  const storage = new StagedStorage(files, stage.pieces);
  const from = new Map(environment.files.map(({ name }) => [stage.pathOf(name), name]));
  const made = new ConsolidatedFiles(files, chain, environment, set.environment);
  try {
    // Every page is looked at on the way. Then the log brings them to its end, and is not ended.
    await copyDatabases(files, kept, prepared.analysis, stage, watch);
    const pathOf = (name: string): string => stage.pathOf(name)!;
    const state = await runPasses(files, { ...prepared, environment, storage, pathOf }, recovery);
    await copies.finish();
    for (const placed of await placeDatabases(files, stage, state, watch)) {
      made.rename(from.get(placed.from), placed.name);
    }
  } catch (error) {
    await copies.stop();
    throw error;
  } finally {
    storage.close();
  }
  // What is of no use any more, as a database that the log removes.
  removeTree(files, stage.pieces);
  await syncTree(files, set.environment, watch);
  const finished = await made.finish(watch);

  // The proof: recovery of the set, in memory, over the files just written.
  watch.onProgress?.({ phase: 'prove that it can be recovered' });
  const result = { ...finished.environment, stateAt: prepared.analysis.end.lsn };
  const { report, structure } = await proveRecoverable(files, result, { ...recovery, anyOrder });
  const notes = requireSound(structure, 'what came of the chain');
  return { files: finished, report: report!, notes };
}
