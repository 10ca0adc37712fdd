/** Taking a backup set: the order of it, common to all kinds. */

import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { discoverEnvironment, filesOfKind, type Environment } from '../environment/discover.ts';
import { layerEnvironments } from '../environment/layers.ts';
import { type Files } from '../files.ts';
import { type Watch } from '../pause.ts';
import { rehearse, type RecoveryReport } from '../recovery/recovery.ts';
import { chainEnvironment, findChain, type Chain } from '../repository/chain.ts';
import {
  manifestFormat,
  type Manifest,
  type ManifestFile,
  type ManifestLog,
  type SetKind,
} from '../repository/manifest.ts';
import {
  asWriter,
  NewSet,
  openOrCreateRepository,
  openRepository,
  readSets,
  type BackupSet,
} from '../repository/repository.ts';
import { programVersion } from '../version.ts';
import { hashFile } from './copy-container.ts';
import { copyHot, type EnvironmentCopy } from './hot.ts';
import { copyIncremental } from './incremental.ts';
import { copyOffline } from './offline.ts';

export interface BackupOptions {
  /** Directory of the environment. */
  readonly home: string;
  /** Directory of the repository. */
  readonly repository: string;
  /** Incrementals: any set of the chain to continue; the newest chain by default. */
  readonly chain?: string;
  readonly watch?: Watch;
}

/** Takes a set, proves that it can be recovered, and publishes it. On failure nothing of it stays. */
export async function takeBackup(files: Files, kind: SetKind, options: BackupOptions): Promise<BackupSet> {
  const home = path.resolve(options.home);
  const directory = path.resolve(options.repository);
  const watch = options.watch ?? {};
  const started = new Date();
  const environment = requireEnvironment(files, home, kind);
  if (`${directory}/`.startsWith(`${home}/`)) {
    throw new FigaroError('usage', `the repository ${directory} lies inside the environment ${home}`, {
      hint: 'choose a repository outside of it, best on another disk.',
    });
  }
  const repository =
    kind === 'incremental' ? openRepository(files, directory) : openOrCreateRepository(files, directory);
  return await asWriter(files, repository, async () => {
    const chain =
      kind === 'incremental'
        ? findChain(readSets(files, repository).sets, options.chain === undefined ? {} : { chain: options.chain })
        : undefined;
    const before = chain && chainEnvironment(files, chain);
    const set = new NewSet(files, repository, kind, started);
    try {
      const copy =
        kind === 'hot'
          ? await copyHot(files, environment, set, watch)
          : kind === 'offline'
            ? await copyOffline(files, environment, set, watch)
            : await copyIncremental(files, environment, chain!, before!, set, watch);
      const copied = discoverEnvironment(files, set.environment);
      const whole = before ? layerEnvironments([before, copied]) : copied;
      // The proof: recovery of the set, in memory, over the files just written.
      watch.onProgress?.({ phase: 'prove that it can be recovered' });
      const hasLog = filesOfKind(whole, 'log').length > 0;
      const report = hasLog ? await rehearse(files, whole, { watch }) : undefined;
      return set.publish(manifestOf(files, { kind, home, started, set, chain, environment, copy, report }));
    } catch (error) {
      set.discard();
      throw error;
    }
  });
}

function requireEnvironment(files: Files, home: string, kind: SetKind): Environment {
  const environment = discoverEnvironment(files, home);
  const logs = filesOfKind(environment, 'log').length;
  const databases = filesOfKind(environment, 'database').length + environment.damaged.length;
  if (logs === 0 && databases === 0) {
    throw new FigaroError('environment-missing', `${home}: neither a container nor a log file is here`, {
      path: home,
      hint: 'give the directory that holds the containers and log files with --home.',
    });
  }
  if (logs === 0 && kind !== 'offline') {
    throw new FigaroError('log-missing', `${home} has no log files: it can not be backed up while it is in use`, {
      path: home,
      hint: 'stop the application and use `figaro-backup offline`.',
    });
  }
  return environment;
}

interface ManifestParts {
  readonly kind: SetKind;
  readonly home: string;
  readonly started: Date;
  readonly set: NewSet;
  readonly chain: Chain | undefined;
  readonly environment: Environment;
  readonly copy: EnvironmentCopy;
  readonly report: RecoveryReport | undefined;
}

function manifestOf(files: Files, parts: ManifestParts): Manifest {
  const { kind, home, started, set, chain, copy, report } = parts;
  return {
    format: manifestFormat,
    program: `figaro-backup ${programVersion}`,
    id: set.id,
    kind,
    parent: chain?.sets.at(-1)!.id,
    chain: chain?.id ?? set.id,
    source: home,
    host: hostname(),
    started: started.toISOString(),
    finished: new Date().toISOString(),
    files: manifestFiles(files, parts),
    log: report && manifestLog(parts, report),
    proof: report && {
      records: report.records,
      transactionsCommitted: report.transactionsCommitted,
      transactionsUndone: report.transactionsUndone,
      changesRedone: report.changesRedone,
      changesUndone: report.changesUndone,
    },
    warnings: [...copy.warnings, ...(report?.warnings ?? [])],
  };
}

function manifestLog({ copy, chain }: ManifestParts, report: RecoveryReport): ManifestLog {
  const parent = chain?.sets.at(-1)!.manifest.log;
  return {
    version: copy.logVersion,
    firstFile: parent?.firstFile ?? Number(/\d+$/.exec(copy.logFiles[0]!)![0]),
    lastFile: copy.end.file,
    end: copy.end,
    lastRecord: copy.lastRecord,
    firstCommit: report.window.first,
    lastCommit: report.window.last,
    recoveryRequired: report.changesRedone > 0 || report.changesUndone > 0,
  };
}

function manifestFiles(files: Files, { copy, set, environment }: ManifestParts): ManifestFile[] {
  const stats = new Map(environment.files.map(({ name, stat }) => [name, stat]));
  const result: ManifestFile[] = copy.containers.map(({ file, size, sha256 }) => ({
    path: file.name,
    kind: file.kind,
    size,
    sha256,
    mode: file.stat.mode,
    modifiedMs: file.stat.mtimeMs,
  }));
  const plain = [
    ...copy.others.map(({ name, kind, stat }) => ({ name, kind, stat })),
    ...copy.logFiles.map((name) => ({ name, kind: 'log' as const, stat: stats.get(name) })),
  ];
  for (const { name, kind, stat } of plain) {
    const target = path.join(set.environment, name);
    const { sha256, size } = hashFile(files, target);
    const { mode, modifiedMs } = { mode: stat?.mode ?? 0o640, modifiedMs: stat?.mtimeMs ?? Date.now() };
    result.push({ path: name, kind, size, sha256, mode, modifiedMs });
  }
  return result.sort((a, b) => (a.path < b.path ? -1 : 1));
}
