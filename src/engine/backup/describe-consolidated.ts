/** What the manifest of a consolidated set says. */

import { flagWarnings } from '../environment/config-risks.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import { excludedFrom, type Chain } from '../repository/chain.ts';
import { manifestFormat, type Manifest, type ManifestLog } from '../repository/manifest.ts';
import { goneOf } from '../repository/missing.ts';
import { type NewSet } from '../repository/repository.ts';
import { programVersion } from '../version.ts';
import { type FinishedFiles } from './consolidated-files.ts';
import { warningsOfExcluded } from './excluded.ts';
import { warningsOfGone } from './gone.ts';

interface Parts {
  readonly chain: Chain;
  /** The full sets of the chains that are newer. */
  readonly before: readonly string[];
  readonly started: Date;
  readonly prepared: PreparedRecovery;
  /** What the chain holds. */
  readonly environment: Environment;
  readonly files: FinishedFiles;
  /** Of the proof. */
  readonly report: RecoveryReport;
  readonly notes: readonly string[];
}

/** The state, its times and its source are those of the last set of the chain. */
export function describeConsolidated(
  set: NewSet,
  settings: NonNullable<Manifest['settings']>,
  { chain, before, started, prepared, environment, files, report, notes }: Parts,
): Manifest {
  const newest = chain.sets.at(-1)!.manifest;
  const full = chain.sets[0]!.manifest;
  const gone = goneOf(chain.sets).map((entry) => (entry.chain === chain.id ? { ...entry, chain: set.id } : entry));
  const excluded = [...new Set([...excludedFrom(chain.sets), ...report.excluded])].sort();
  const outside = new Map(
    chain.sets.flatMap(({ manifest }) => manifest.outside ?? []).map((one) => [one.directory, one]),
  );
  const told = new Map(chain.sets.flatMap(({ manifest }) => manifest.directories ?? []).map((one) => [one.path, one]));
  const unlogged = files.entries.filter((file) => file.unlogged);
  return {
    format: manifestFormat,
    program: `figaro-backup ${programVersion}`,
    id: set.id,
    kind: 'consolidated',
    parent: undefined,
    chain: set.id,
    after: chain.id,
    consolidated: {
      chain: chain.id,
      set: newest.id,
      started: started.toISOString(),
      finished: new Date().toISOString(),
      ...(before.length > 0 ? { before } : {}),
    },
    ...(full.newSource ? { newSource: true as const } : {}),
    ...(gone.length > 0 ? { gone } : {}),
    source: newest.source,
    host: newest.host,
    started: newest.started,
    finished: newest.finished,
    dataDirectories: environment.config.dataDirectories,
    logDirectory: environment.config.logDirectory,
    ...(outside.size > 0 ? { outside: [...outside.values()] } : {}),
    settings,
    files: files.entries,
    directories: environment.directories.map(
      (name) => told.get(name) ?? { path: name, ...environment.owners.get(name)! },
    ),
    leftOut: newest.leftOut,
    ...(full.excluded || excluded.length > 0
      ? { excluded: { patterns: full.excluded?.patterns ?? [], databases: excluded } }
      : {}),
    log: describeLog(prepared, files.environment, report),
    proof: {
      records: report.records,
      transactionsCommitted: report.transactionsCommitted,
      transactionsUndone: report.transactionsUndone,
      changesRedone: report.changesRedone,
      changesUndone: report.changesUndone,
      structure: 'all',
    },
    warnings: [
      ...new Set([
        ...flagWarnings(environment.config),
        ...warningsOfGone(gone),
        ...warningsOfExcluded(excluded),
        ...unlogged.map(({ path, copiedIn }) => `${path} is written without the log: it is as it was in ${copiedIn}`),
        ...notes,
        ...report.warnings,
      ]),
    ],
  };
}

function describeLog({ log, analysis }: PreparedRecovery, kept: Environment, report: RecoveryReport): ManifestLog {
  const { end, transactions } = analysis;
  const checkpoint = transactions.checkpoints.at(-1);
  return {
    version: log.files.at(-1)!.version,
    firstFile: Math.min(...logPaths(kept).keys()),
    lastFile: end.lsn.file,
    end: end.lsn,
    lastRecord: end.lastRecord,
    checkpoint: checkpoint?.lsn,
    redoFrom: checkpoint?.redoFrom,
    firstCommit: report.window.first,
    lastCommit: report.window.last,
    recoveryRequired: report.changesRedone > 0 || report.changesUndone > 0,
  };
}
