/** The proof of a chain with a new set: from where the proof of the set before ended, or else from the beginning. */

import path from 'node:path';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { equalLsn } from '../../format/lsn.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { proveRecoverable, type Proof, type ProofOptions } from '../recovery/proof.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { type RecoveredState } from '../recovery/rehearse.ts';
import { type Chain } from '../repository/chain.ts';
import { type Repository } from '../repository/repository.ts';
import { goOnFrom } from './going-on.ts';
import { dropState, keepState, own } from './keep-state.ts';
import { ProofStorage } from './proof-storage.ts';
import { readProofState, requireOwnPlace, stateDirectory, type ProofState } from './proof-state.ts';

/** What was proven of a chain, and how. */
export interface ChainProof extends Proof {
  /** The set whose proof this one goes on from; undefined where it begins with the chain. */
  readonly from: string | undefined;
  /** Why it does not go on, though that set has left something to go on from. */
  readonly anew: string | undefined;
  /** Names of databases of which only the pages that have changed were looked at, each by itself. */
  readonly pagesOnly: readonly string[];
  /** SHA-256 of what this one leaves behind; undefined where that could not be written. */
  readonly state: string | undefined;
}

type KeptProof = Omit<ChainProof, 'from' | 'anew'>;

interface ChainParts {
  readonly repository: Repository;
  /** Without the new set, whose name is `set`. */
  readonly chain: Chain;
  readonly set: string;
}

/**
 * The whole structure of a database is checked when a quarter of its pages has changed since, and in any case when it has at most this many:
 * to read all of a large one for each small change would make the cost grow with what is old.
 */
const fewPages = 1024;

/** These are of the run, and not of what it works on. */
const ofTheRun: ReadonlySet<ErrorCode> = new Set(['interrupted', 'busy', 'store-unreachable']);

/**
 * Proves that a chain can be recovered with the log of a new set, and leaves behind what the next proof goes on from. It refuses nothing
 * that a rehearsal of the whole chain would not: whatever keeps it from going on, it begins again with the chain.
 *
 * @param whole the chain with its new set
 */
export async function proveChain(
  files: Files,
  whole: Environment,
  parts: ChainParts,
  options: ProofOptions,
): Promise<ChainProof> {
  const newest = parts.chain.sets.at(-1)!.manifest;
  let anew: string | undefined;
  if (newest.proof?.state !== undefined) {
    try {
      const before = stateBefore(files, parts, newest.proof.state);
      const proof = await goOn(files, whole, parts, before, options);
      const [finding] = proof.structure.findings;
      if (!finding) return { ...proof, from: newest.id, anew };
      anew = finding.message;
    } catch (error) {
      if (!(error instanceof FigaroError) || ofTheRun.has(error.code)) throw error;
      // A manifest is read wherever the repository is then.
      anew = error.message.replaceAll(parts.repository.directory + path.sep, '');
    }
  }
  const storage = new ProofStorage(files);
  try {
    // Who counted pages that have changed since a structure was checked is gone.
    const isLost = parts.chain.sets.some(({ manifest }) => (manifest.proof?.pagesOnly ?? []).length > 0);
    const changedSince = isLost ? parts.chain.sets[0]!.manifest.log?.end : options.changedSince;
    const proof = await proveAndKeep(files, whole, whole, parts, { ...options, changedSince, storage }, undefined);
    return { ...proof, from: undefined, anew };
  } finally {
    storage.close();
  }
}

/** The state that the newest set of a chain has left behind; undefined where there is none, or it is not as it was written. */
export function findState(files: Files, repository: Repository, chain: Chain): ProofState | undefined {
  const sha256 = chain.sets.at(-1)!.manifest.proof?.state;
  if (sha256 === undefined) return undefined;
  try {
    return stateBefore(files, { repository, chain }, sha256);
  } catch (error) {
    if (!(error instanceof FigaroError) || ofTheRun.has(error.code)) throw error;
    return undefined;
  }
}

/** The state that the newest set has left behind. Throws where it is not there, or not as it was written. */
function stateBefore(
  files: Files,
  { repository, chain }: Pick<ChainParts, 'repository' | 'chain'>,
  sha256: string,
): ProofState {
  requireOwnPlace(files, repository, chain.id);
  const directory = stateDirectory(repository, chain.id);
  const state = readProofState(files, directory, sha256);
  const { id, log } = chain.sets.at(-1)!.manifest;
  if (state.chain === chain.id && state.set === id && log && equalLsn(state.end, log.end)) return state;
  throw new FigaroError('io', `${directory} is not what ${id} has left behind`, { path: directory });
}

async function goOn(
  files: Files,
  whole: Environment,
  parts: ChainParts,
  before: ProofState,
  options: ProofOptions,
): Promise<KeptProof> {
  const { environment, storage, made, close } = goOnFrom(
    files,
    whole,
    stateDirectory(parts.repository, parts.chain.id),
    before,
  );
  try {
    const continued = { ...before, made };
    return await proveAndKeep(files, whole, environment, parts, { ...options, storage, continued }, before);
  } finally {
    close();
  }
}

async function proveAndKeep(
  files: Files,
  whole: Environment,
  environment: Environment,
  { repository, chain, set }: ChainParts,
  options: ProofOptions,
  before: ProofState | undefined,
): Promise<KeptProof> {
  const names = new Map(whole.files.map((file) => [file.path, file.name]));
  const nameOf = (file: string): string => names.get(file)!;
  const pagesOnly: string[] = [];
  const unchecked = new Map<StoredFile, number>();
  const pagesOf = (file: StoredFile): Iterable<number> | undefined => {
    const piece = own(file.piece);
    const { pageSize } = file.format;
    const changed = piece.was.unchecked + piece.written.size;
    const isWhole = !before || file.extents || file.pageCount <= fewPages || changed >= file.pageCount / 4;
    unchecked.set(file, isWhole ? 0 : changed);
    if (isWhole) return undefined;
    pagesOnly.push(file.name!);
    return [...piece.written.keys()].map((position) => position / pageSize);
  };
  let sha256: string | undefined;
  const keep = (state: RecoveredState): void => {
    try {
      sha256 = keepState(files, { repository, chain: chain.id, set, before, state, nameOf, unchecked });
    } catch (error) {
      if (!(error instanceof FigaroError) || ofTheRun.has(error.code)) throw error;
      giveUp(files, repository, chain.id);
    }
  };
  const proof = await proveRecoverable(files, environment, { ...options, pagesOf, keep });
  return { ...proof, pagesOnly, state: sha256 };
}

/** A state that cannot be written is no reason to fail, and takes no room from what has to be. */
function giveUp(files: Files, repository: Repository, chain: string): void {
  try {
    dropState(files, repository, chain);
  } catch (error) {
    if (!(error instanceof FigaroError) || ofTheRun.has(error.code)) throw error;
    // No manifest has its checksum: nobody goes on from it.
  }
}
