/** What a manifest says of a new set. */

import { hostname } from 'node:os';
import { type CopiedLog, type EnvironmentCopy } from './environment-copy.ts';
import { type SetProof } from './prove-set.ts';
import { type ManifestLog, type Manifest, manifestFormat } from '../repository/manifest.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import { type Chain } from '../repository/chain.ts';
import { type BackupParts } from './backup-options.ts';
import { type NewSet } from '../repository/repository.ts';
import path from 'node:path';
import { programVersion } from '../version.ts';
import { summarize } from '../environment/left-out.ts';

/** Why nobody read a set: there was no password of its environment, or no key to the sets before it. */
export type WhyUnread = 'opaque' | 'locked';

export function describeSet(
  set: NewSet,
  { kind, home, started, environment, chain, earlier, insideNames }: BackupParts,
  copy: EnvironmentCopy,
  proven: SetProof | WhyUnread,
  unexplained: readonly string[],
): Manifest {
  const proof = typeof proven === 'string' ? undefined : proven;
  const report = proof?.report;
  return {
    format: manifestFormat,
    program: `figaro-backup ${programVersion}`,
    id: set.id,
    kind,
    parent: chain?.sets.at(-1)!.id,
    chain: chain?.id ?? set.id,
    after: earlier.at(-1)?.id,
    source: path.resolve(home),
    host: hostname(),
    started: started.toISOString(),
    finished: new Date().toISOString(),
    dataDirectories: environment.config.dataDirectories,
    logDirectory: environment.config.logDirectory,
    ...(insideNames.size > 0
      ? { outside: [...insideNames].map(([directory, name]) => ({ directory, path: name })) }
      : {}),
    files: copy.files,
    directories: [...environment.owners].map(([name, owner]) => ({ path: name, ...owner })),
    leftOut: summarize(copy.leftOut),
    log: copy.log && describeLog(copy.log, chain, report, proven === 'locked'),
    proof: proof?.structure && {
      records: report?.records ?? 0,
      transactionsCommitted: report?.transactionsCommitted ?? 0,
      transactionsUndone: report?.transactionsUndone ?? 0,
      changesRedone: report?.changesRedone ?? 0,
      changesUndone: report?.changesUndone ?? 0,
      structure: proof.structure,
      ...(proof.how?.from === undefined ? {} : { from: proof.how.from }),
      ...(proof.how?.anew === undefined ? {} : { anew: proof.how.anew }),
      ...(proof.how?.pagesOnly?.length ? { pagesOnly: proof.how.pagesOnly } : {}),
      ...(proof.how?.state === undefined ? {} : { state: proof.how.state }),
    },
    warnings: [...new Set([...copy.warnings, ...unexplained, ...(report?.warnings ?? [])])],
  };
}

function describeLog(
  { version, firstFile, end, lastRecord, notes }: CopiedLog,
  chain: Chain | undefined,
  report: RecoveryReport | undefined,
  isLocked: boolean,
): ManifestLog {
  const parent = chain?.sets.at(-1)!.manifest.log;
  return {
    version,
    firstFile: parent?.firstFile ?? firstFile,
    lastFile: end.file,
    end,
    lastRecord: lastRecord ?? parent?.lastRecord,
    checkpoint: notes.checkpoint?.lsn ?? parent?.checkpoint,
    redoFrom: notes.checkpoint?.redoFrom ?? parent?.redoFrom,
    firstCommit: report ? report.window.first : isLocked ? (parent?.firstCommit ?? notes.firstCommit) : undefined,
    lastCommit: report ? report.window.last : isLocked ? (notes.lastCommit ?? parent?.lastCommit) : undefined,
    recoveryRequired:
      parent?.recoveryRequired === true || !report || report.changesRedone > 0 || report.changesUndone > 0,
  };
}
