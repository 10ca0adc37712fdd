/** The log written since the newest set of a chain (design, section 4; recovery document, section I). The order of it. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/discover.ts';
import { type Files } from '../files.ts';
import { logFileName } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { type Chain } from '../repository/chain.ts';
import { type ManifestLog } from '../repository/manifest.ts';
import { type NewSet } from '../repository/repository.ts';
import { Continuation, requireSameFormats } from './continuation.ts';
import { LogCopy, requireSoundEnd } from './copy-log.ts';
import { copyPlain, type PlainCopy } from './copy-plain.ts';
import { CreatedDatabases } from './created-databases.ts';
import { describeLog, logDirectoryOf, manifestFiles, type EnvironmentCopy } from './environment-copy.ts';
import { LogNotes } from './log-notes.ts';
import { listSource } from './source.ts';

/** A copy of what is new in an environment. */
export interface IncrementalCopy extends EnvironmentCopy {
  /** Databases of the source that the chain does not have and the new part of the log does not create. */
  readonly unexplained: readonly EnvironmentFile[];
}

/**
 * Copies the log files that are new or grew since the chain's newest set, after proving that they continue it. Throws
 * `chain-gap` when log files in between are gone, `chain-mismatch` when the source has another history.
 *
 * @param before the environment that the chain makes up so far
 */
export async function copyIncremental(
  files: Files,
  home: string,
  chain: Chain,
  before: Environment,
  set: NewSet,
  watch: Watch,
): Promise<IncrementalCopy> {
  const parent = requireLog(chain);
  const { environment } = await listSource(files, home);
  const logDirectory = logDirectoryOf(environment);
  const from = path.join(home, logDirectory);
  const to = path.join(set.environment, logDirectory);

  // Where the chain goes on, and whether it does.
  requireSameFormats(environment, before);
  const continuation = new Continuation(files, { home, from, before, parent });
  const first = continuation.firstFile();

  // The log from there.
  const notes = new LogNotes();
  const created = new CreatedDatabases();
  const log = new LogCopy(files, {
    from,
    to,
    first,
    onRecord: (record) => {
      notes.see(record);
      created.see(record);
      continuation.see(record);
    },
  });
  try {
    const end = log.follow();
    log.close();
    await requireSoundEnd(files, from, end);
    continuation.requireProof(log, to);

    // The parent has what did not grow.
    const grown = log.copied.filter(({ number, size }) => number !== parent.end.file || size > parent.end.offset);
    for (const { number } of log.copied) {
      if (!grown.some((file) => file.number === number)) files.remove(path.join(to, logFileName(number)));
    }

    // DB_CONFIG goes along: it says where the set has its log files.
    const others: PlainCopy[] = [];
    for (const file of filesOfKind(environment, 'config')) {
      const copied = await copyPlain(files, file, path.join(set.environment, file.name), watch);
      if (copied) others.push(copied);
    }
    const known = new Set(before.files.map(({ uid }) => uid));
    return {
      files: manifestFiles([], others, grown, logDirectory),
      log: describeLog(log, notes),
      warnings: [...environment.config.risks, ...changedConfig(chain, others), ...unloggedDatabases(chain)],
      unexplained: filesOfKind(environment, 'database').filter(({ uid }) => !known.has(uid) && !created.has(uid!)),
    };
  } finally {
    log.close();
  }
}

/** The log of the chain's newest set. Throws `usage` for a chain of an environment without logs. */
export function requireLog(chain: Chain): ManifestLog {
  const { log } = chain.sets.at(-1)!.manifest;
  if (log) return log;
  throw new FigaroError('usage', `${chain.id} is a set of an environment without logs: nothing can be added to it`, {
    hint: 'take another full set with `figaro-backup offline`.',
  });
}

function changedConfig(chain: Chain, now: readonly PlainCopy[]): string[] {
  const last = chain.sets.flatMap(({ manifest }) => manifest.files).findLast(({ kind }) => kind === 'config');
  const config = now.find(({ file }) => file.kind === 'config');
  if (config?.sha256 === last?.sha256) return [];
  return ['DB_CONFIG has changed since the newest set of the chain'];
}

function unloggedDatabases(chain: Chain): string[] {
  const full = chain.sets[0]!;
  return full.manifest.files
    .filter(({ unlogged }) => unlogged)
    .map(({ path: name }) => `${name} is written without the log: the chain has it as it was in ${full.id}`);
}
