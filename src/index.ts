/**
 * What other programs may import. Everything here works on a `Files`: `nodeFiles`, or one of your own. Failures that an
 * operator can act on are thrown as `FigaroError`; its `exitCode` is the one of the program.
 */

export { FigaroError, exitCodes, type ErrorCode, type ErrorDetails } from './errors.ts';
export { compareLsn, formatLsn, parseLsn, type Lsn } from './format/lsn.ts';
export { nodeFiles } from './engine/files/node-files.ts';
export { type FileStat, type Files, type OpenFile } from './engine/files/files.ts';
export { type Progress, type Watch } from './engine/pause.ts';
export { discoverEnvironment } from './engine/environment/discover.ts';
export {
  type Environment,
  type EnvironmentFile,
  type EnvironmentFileKind,
  type FileOfKind,
} from './engine/environment/environment.ts';
export { discoverLayers, layerEnvironments } from './engine/environment/layers.ts';
export { takeBackup, type BackupOptions } from './engine/backup/backup.ts';
export { openRepository, readSets, type Repository } from './engine/repository/repository.ts';
export { type BackupSet } from './engine/repository/backup-set.ts';
export { type Manifest, type ManifestFile, type SetKind } from './engine/repository/manifest.ts';
export { chainEnvironment, chainsOf, findChain, type Chain } from './engine/repository/chain.ts';
export { recoverEnvironment, type RecoverOptions, type RecoverResult } from './engine/recovery/recover.ts';
export { rehearse } from './engine/recovery/rehearse.ts';
export { type RecoveryReport } from './engine/recovery/report.ts';
export { type Commit, type RestorePoint, type RestoreWindow } from './engine/recovery/restore-point.ts';
export { listSets, type Catalog } from './engine/repository/catalog.ts';
export { verifySets } from './engine/verify/verify-sets.ts';
export { type Finding } from './engine/verify/finding.ts';
export { type VerifyOptions, type VerifyResult } from './engine/verify/verification.ts';
export { requireIntact } from './engine/verify/intact.ts';
