/** The proof of a new set: recovery of it, in memory, over the files just written. */

import { type Files } from '../files/files.ts';
import { type Environment } from '../environment/environment.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import { type EnvironmentCopy } from './environment-copy.ts';
import { requireSound } from '../structure/report.ts';
import { type SetFinding } from '../repository/manifest.ts';
import { type BackupParts } from './backup-options.ts';
import { proveChain, type ChainProof } from '../proofs/prove-chain.ts';
import { rehearsedBy, type Rehearsed } from '../recovery/earlier-log.ts';
import { proveRecoverable, type Proof } from '../recovery/proof.ts';
import { type RecoveredState } from '../recovery/rehearse.ts';
import { type NewSet } from '../repository/repository.ts';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { logsBefore, requireNoOlderCopies } from './older-copies.ts';

/** Refusals of recovery that say something of the source. */
const unprovable: ReadonlySet<ErrorCode> = new Set(['not-recoverable', 'container-missing']);

/** With these, a damaged source can be kept. */
const keepable: ReadonlySet<ErrorCode> = new Set([
  ...unprovable,
  'chain-mismatch',
  'page-checksum',
  'page-type',
  'format-unsupported',
]);

type HowProven = Partial<Pick<ChainProof, 'from' | 'anew' | 'pagesOnly' | 'state'>>;

/** What was proven of a set, or what keeps it from being recovered, when it is kept all the same. */
export interface SetProof {
  readonly report: RecoveryReport | undefined;
  readonly structure: 'all' | 'changed' | undefined;
  /** How the chain of an incremental was proven. */
  readonly how?: HowProven;
  readonly findings: readonly SetFinding[];
  readonly notes: readonly string[];
}

/** Proves that what was copied can be recovered. Throws when it cannot, unless damage is to be kept. */
export async function proveSet(
  files: Files,
  whole: Environment,
  { copiedAfter, onDisk }: EnvironmentCopy,
  set: NewSet,
  { environment, chain, watch = {}, anyOrder = false, keepDamaged = false }: BackupParts,
): Promise<SetProof> {
  watch.onProgress?.({ phase: 'prove that it can be recovered' });
  // What the new part of the log is not about was checked with the sets before, if they looked.
  const looked = chain?.sets.every(({ manifest }) => manifest.proof?.structure !== undefined) === true;
  const changedSince = looked ? chain!.sets.at(-1)!.manifest.log?.end : undefined;
  try {
    const earlier = chain || !copiedAfter ? [] : logsBefore(environment, whole);
    const keepsSeen = earlier.length > 0;
    let rehearsed: Rehearsed | undefined;
    const keep = (state: RecoveredState): void => {
      if (keepsSeen) rehearsed = rehearsedBy(state);
    };
    const options = { watch, anyOrder, changedSince, copiedAfter, onDisk };
    const proof: Proof & HowProven = chain
      ? await proveChain(files, whole, { repository: set.repository, chain, set: set.id }, options)
      : await proveRecoverable(files, whole, { ...options, isAsListed: true, keepsSeen, keep });
    const { report, structure, from, anew, pagesOnly = [], state } = proof;
    const findings = structure.findings.map(({ path: name, pgno, code, message }) => ({
      path: name,
      pgno,
      code,
      message,
    }));
    if (!keepDamaged) requireSound(structure, 'this copy');
    if (earlier.length > 0) {
      await requireNoOlderCopies(files, whole, earlier, rehearsed, { copiedAfter: copiedAfter!, watch });
    }
    const proven = { report, structure: changedSince ? 'changed' : 'all', findings, notes: structure.notes } as const;
    return { ...proven, how: { from, anew, pagesOnly, state } };
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    const { code, message, details } = error;
    if (keepDamaged && keepable.has(code)) {
      const { path: name = '', pgno } = details;
      return { report: undefined, structure: undefined, findings: [{ path: name, pgno, code, message }], notes: [] };
    }
    if (!unprovable.has(code)) throw error;
    throw new FigaroError(code, chain ? `the chain ${chain.id} cannot be continued: ${message}` : message, {
      ...details,
      cause: error,
      hint: chain
        ? 'containers were changed without the log since the chain began. Begin a new chain with `figaro-backup hot`.'
        : 'the log does not explain the containers, or they are damaged. If this is a copy that was not recovered, use `figaro-backup recover --from` on it; otherwise restore the container from an older set, and keep a copy of what is there with --keep-damaged. If the application has an order of keys of its own, add --any-order.',
    });
  }
}
