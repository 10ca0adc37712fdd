/** A recovery with somebody looking on: the environment goes through all its states, from the first one that can be had to the end. */

import { FigaroError } from '../../errors.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { separateTwins } from '../environment/twins.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { FileTable } from './file-table.ts';
import { firstDifferent } from './first-different.ts';
import { Passes, type RedoObserver } from './passes.ts';
import { FileOperations } from './record-operations/fileops.ts';
import { type PreparedRecovery, type Scope } from './recovery.ts';
import { defaultCacheBytes, pathsIn, prepareRecovery } from './rehearse.ts';
import { requireSettled } from './requirements.ts';
import { type Commit } from './restore-point.ts';
import { OverlayStorage } from './storage.ts';

export interface ReplayOptions {
  /** Memory for pages, in bytes. */
  readonly cacheBytes?: number | undefined;
  readonly watch: Watch;
}

/** Where a replay is. */
export interface Replay {
  /** The log to its end. */
  readonly prepared: PreparedRecovery;
  readonly table: FileTable;
  readonly scope: Scope;
}

/** Who looks on at a replay. */
interface Onlooker extends RedoObserver {
  /** Told where the replay begins: the pages are as of this commit. */
  readonly begin: (first: Commit) => Promise<void>;
  /** Told that the end of the log is reached. */
  readonly end: () => Promise<void>;
}

/**
 * Recovers databases in memory to the first commit that the log can bring them to, and then record by record to the end of the log. While
 * that goes on, pages also hold what transactions have changed that commit only later. Throws what keeps the first state or the
 * last one from being recovered.
 *
 * @param scopeOf says which databases are recovered, by what is known of the log
 */
export async function replay(
  files: Files,
  environment: Environment,
  scopeOf: (prepared: PreparedRecovery) => Scope,
  onlookerOf: (replay: Replay) => Onlooker,
  { cacheBytes = defaultCacheBytes, watch }: ReplayOptions,
): Promise<void> {
  if (filesOfKind(environment, 'log').length === 0) {
    throw new FigaroError('log-missing', `${environment.home} holds no log files, which tell what happened`, {
      path: environment.home,
    });
  }
  const prepared = await prepareRecovery(files, environment, { isPart: true, watch });
  const { first } = prepared.analysis.commits.window;
  if (!first) return;
  const restorePoint = { kind: 'lsn', lsn: first.lsn } as const;
  const earlier = await prepareRecovery(files, environment, { restorePoint, isPart: true, watch });
  const scope = scopeOf(prepared);
  const storage = new OverlayStorage(files);
  try {
    const { log, analysis } = prepared;
    const separated = separateTwins(environment, (uid) => analysis.names.of(uid)).environment;
    const version = log.files.at(-1)!.version;
    const table = new FileTable(separated, storage, pathsIn(environment), cacheBytes, version);
    const fileOperations = new FileOperations(table, analysis.creations);
    const recovery = { files, environment, log, analysis, table, fileOperations, scope, watch };
    const passes = new Passes({ ...recovery, analysis: earlier.analysis });
    await passes.undo();
    await passes.redo();
    const onlooker = onlookerOf({ prepared, table, scope });
    await onlooker.begin(first);
    // Those that went on were among others, which have committed.
    const rest = { ...log, start: firstDifferent(earlier.analysis, analysis) };
    for (const file of table) file.beginRedoAnew();
    await new Passes({ ...recovery, log: rest }, onlooker).redo();
    await onlooker.end();
    requireSettled(recovery, new Map());
  } finally {
    storage.close();
  }
}
