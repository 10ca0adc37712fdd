/**
 * What other programs may import. A backup, and the recovery of it:
 *
 * ```ts
 * import { openEnvironment, openRepository } from 'figaro-backup';
 *
 * const set = await openEnvironment('/srv/orders').hot({ repository: '/backup/orders' });
 * console.log(set.id, set.manifest.warnings);
 *
 * const recovered = await openRepository('/backup/orders').recover({ target: '/restore/orders' });
 * console.log(recovered.report?.recoveredTo, recovered.warnings);
 * ```
 *
 * Defaults and refusals are those of the commands of the same name; there are no hooks, and no configuration is read. What
 * keeps something from being done is thrown as a `FigaroError`, whose `code` says what it is. Sizes are in bytes, and
 * durations say their unit. Long work takes a `watch`, which shows progress, and stops it.
 */

export { openEnvironment, type OpenEnvironment } from './api/environment.ts';
export { createRepository, openRepository, type OpenRepository } from './api/repository.ts';
export { openStandby, type OpenStandby } from './api/standby.ts';

// What goes in.
export { type OpenOptions } from './api/open-options.ts';
export { Cipher } from './format/crypto.ts';
export { Pace } from './engine/pace.ts';
export { type Progress, type Watch } from './engine/pause.ts';
export {
  type ContentsOptions,
  type HotOptions,
  type IncrementalOptions,
  type OfflineOptions,
  type RecoverCopyOptions,
} from './api/environment.ts';
export { type RecoverChainOptions } from './api/repository.ts';
export { type ConsolidateOptions, type Consolidation } from './engine/backup/consolidate.ts';
export { type RestorePoint } from './engine/recovery/restore-point.ts';
export { type VerifyOptions } from './engine/verify/verification.ts';
export { type RetentionRules } from './engine/repository/retention.ts';
export { type CopyOptions, type CopyResult } from './engine/transfer/copy-sets.ts';
export { type HealthRules } from './engine/repository/health.ts';
export { type FollowForEverOptions, type FollowOnceOptions, type Primary } from './api/standby.ts';

// What comes back.
export { type Environment, type EnvironmentFile } from './engine/environment/environment.ts';
export { type BackupResult, type NothingNew } from './engine/backup/backup-options.ts';
export { type BackupSet } from './engine/repository/backup-set.ts';
export { type Manifest, type ManifestFile, type SetKind } from './engine/repository/manifest.ts';
export { type Catalog, type ListedChain, type ListedSet } from './engine/repository/catalog.ts';
export { type WriterRun } from './engine/repository/writer.ts';
export { type Recovered } from './engine/recovery/recover-from.ts';
export { type RecoveryReport } from './engine/recovery/report.ts';
export { type Preflight } from './engine/recovery/preflight.ts';
export { type Commit, type RestoreWindow } from './engine/recovery/restore-point.ts';
export { type Finding } from './engine/verify/finding.ts';
export { type VerifyResult } from './engine/verify/verification.ts';
export { type Decision } from './engine/repository/retention.ts';
export { type Health, type HealthProblem } from './engine/repository/health.ts';
export { type Pin } from './engine/repository/pins.ts';
export { type StandbyState } from './engine/failover/standby.ts';
export { type StandbyStatus } from './engine/failover/status.ts';
export { type Promotion } from './engine/failover/promote.ts';
export { compareLsn, formatLsn, parseLsn, type Lsn } from './format/lsn.ts';
export { FigaroError, exitCodes, type ErrorCode, type ErrorDetails } from './errors.ts';

// A disk of one's own.
export { nodeFiles } from './engine/files/node-files.ts';
export { type Disk, type FileStat, type OpenFile } from './engine/files/files.ts';
