import path from 'node:path';
import { type Followed } from '../engine/failover/create.ts';
import { followForEver, followOnce, type FollowOptions, type ServiceOptions } from '../engine/failover/follow.ts';
import { promote, type PromoteOptions, type Promotion } from '../engine/failover/promote.ts';
import { type StandbyState } from '../engine/failover/standby.ts';
import { standbyStatus, type StandbyStatus, type StatusOptions } from '../engine/failover/status.ts';
import { FigaroError } from '../errors.ts';
import { openFiles, type OpenOptions } from './open-options.ts';

/** What a standby follows: the directory of its primary, or of a repository. One of them. */
export interface Primary {
  readonly home?: string;
  readonly repository?: string;
}

/** What a round follows. */
export type FollowOnceOptions = Primary & Omit<FollowOptions, 'directory' | 'followed'>;
/** As `FollowOnceOptions`, and how often. */
export type FollowForEverOptions = Primary & Omit<ServiceOptions, 'directory' | 'followed'>;

/** An environment on its way: the databases of a primary, and the log that was applied to them. */
export interface OpenStandby {
  readonly directory: string;
  /**
   * One round: applies the log that is new. Where there is no standby yet, makes one first. Throws `usage` for a standby of
   * something else, `chain-gap` where log is gone, `chain-mismatch` for one that was promoted, `busy`, and as a hot backup.
   */
  followOnce(options: FollowOnceOptions): Promise<StandbyState>;
  /** Round after round, until `watch.signal` is aborted, which throws `interrupted`, or until something is wrong that will not pass. */
  followForEver(options: FollowForEverOptions): Promise<never>;
  /** How far it is behind, and what went wrong last. Throws `standby-missing` where there is no standby. */
  status(options?: Omit<StatusOptions, 'now'>): StandbyStatus;
  /**
   * Takes what survives of the log of the primary, and makes an environment that an application opens: `home` of what comes
   * back. There is no way back. Throws `environment-in-use` while somebody has the primary open, `chain-mismatch` for one that
   * was promoted already, `standby-missing` and `busy`.
   */
  promote(options?: Omit<PromoteOptions, 'directory'>): Promise<Promotion>;
}

/** A standby in a directory. It need not be there yet: following makes it. */
export function openStandby(directory: string, options: OpenOptions = {}): OpenStandby {
  const files = openFiles(options);
  const standby = path.resolve(directory);
  return {
    directory: standby,
    followOnce: async ({ home, repository, ...follow }) =>
      await followOnce(files, { ...follow, directory: standby, followed: followed({ home, repository }) }),
    followForEver: async ({ home, repository, ...follow }) =>
      await followForEver(files, { ...follow, directory: standby, followed: followed({ home, repository }) }),
    status: (status) => standbyStatus(files, standby, status),
    promote: (promotion) => promote(files, { ...promotion, directory: standby }),
  };
}

function followed({ home, repository }: { [name in keyof Primary]: string | undefined }): Followed {
  if ((home === undefined) === (repository === undefined)) {
    throw new FigaroError('usage', 'a standby follows an environment or a repository: give one of them');
  }
  const full = (directory: string | undefined): string | undefined => directory && path.resolve(directory);
  return { home: full(home), repo: full(repository) };
}
