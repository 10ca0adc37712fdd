/** Whether an environment can be recovered: the one answer that backups, verification and recovery give. */

import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { checkEnvironment } from '../database/check-environment.ts';
import { checkStored, type PagesToCheck } from './check-stored.ts';
import { type StructureReport } from '../structure/report.ts';
import { rehearse, type RecoveredState, type RecoveryOptions } from './rehearse.ts';
import { type PreparedRecovery } from './recovery.ts';
import { type RecoveryReport } from './report.ts';
import { type Storage } from './storage.ts';
import { type Lsn } from '../../format/lsn.ts';

export interface ProofOptions extends RecoveryOptions {
  /** The log, when it has been read already. */
  readonly prepared?: PreparedRecovery | undefined;
  /** The application orders keys in a way of its own, which the check cannot know. */
  readonly anyOrder?: boolean;
  /** The databases that no record from here on is about were proven before, and are not looked at again. */
  readonly changedSince?: Lsn | undefined;
  /** Of which databases only some pages are looked at; of none by default. */
  readonly pagesOf?: PagesToCheck;
  /** Looks at the recovered state while it is in memory. */
  readonly inspect?: (state: RecoveredState) => Promise<void>;
  /** Is given the recovered state while it is in memory, when it is sound. */
  readonly keep?: (state: RecoveredState) => void;
  /** See `rehearse`. */
  readonly storage?: Storage | undefined;
  readonly watch?: Watch;
}

export interface Proof {
  /** Undefined for an environment without a log: there is nothing to recover. */
  readonly report: RecoveryReport | undefined;
  /** What was found in the databases that come out. */
  readonly structure: StructureReport;
}

/**
 * Goes through the recovery of an environment in memory, and checks the structure of every database that comes out; of
 * one without a log, of those that are there. Throws what `rehearse` throws; whether the structure is sound is for the
 * caller to look at (`requireSound`). Pages are taken as they are: whoever copied or verified them has looked at each.
 */
export async function proveRecoverable(
  files: Files,
  environment: Environment,
  { prepared, anyOrder = false, changedSince, pagesOf, inspect, keep, ...recovery }: ProofOptions = {},
): Promise<Proof> {
  const watch = recovery.watch ?? {};
  const options = { anyOrder, watch };
  if (!environment.files.some(({ kind }) => kind === 'log')) {
    return { report: undefined, structure: await checkEnvironment(files, environment, options) };
  }
  let structure: StructureReport = { findings: [], total: 0, notes: [] };
  const report = await rehearse(files, environment, {
    ...recovery,
    ...(prepared ? { prepared } : {}),
    inspect: async (state) => {
      await inspect?.(state);
      const checked = state.recovered.filter((file) => !changedSince || file.changedSince(changedSince));
      structure = await checkStored(checked, options, pagesOf);
      if (structure.total === 0) keep?.(state);
    },
  });
  return { report, structure };
}
