/** Databases that are not in a set because somebody asked for that: they are named every time. */

import path from 'node:path';
import { shellWord } from '../../shell-words.ts';
import { type Environment } from '../environment/environment.ts';
import { type FileChoice } from '../environment/file-choice.ts';
import { type RecoveryReport } from '../recovery/report.ts';
import { excludedFrom, type Chain } from '../repository/chain.ts';
import { type GoneDatabase } from '../repository/manifest.ts';
import { type EnvironmentCopy } from './environment-copy.ts';

interface Surroundings {
  /** What the proof of the copy found out; undefined where there was nothing to recover. */
  readonly report: RecoveryReport | undefined;
  /** Full sets: what earlier sets have, and the source has not. */
  readonly missing: readonly GoneDatabase[];
  /** Incrementals: the chain that is continued, and the environment that it makes up. */
  readonly chain: Chain | undefined;
  readonly before: Environment | undefined;
  readonly choice: FileChoice;
}

/** The databases that the chain lacks because they were excluded, by path: seen in the source, changed by the log, or in earlier sets. */
export function excludedDatabases(
  { leftOut, files }: EnvironmentCopy,
  { report, missing, chain, before, choice }: Surroundings,
): string[] {
  // What the chain or its log has comes back, and of copies of a database that is there nobody need know.
  const uids = new Set([...files.map(({ databaseId }) => databaseId), ...(before?.files ?? []).map(({ uid }) => uid)]);
  const there = new Set(report?.databases);
  const seen = leftOut.flatMap(({ name, databaseId }) => {
    return databaseId === undefined || uids.has(databaseId) ? [] : [name];
  });
  const earlier = chain
    ? excludedFrom(chain.sets)
    : missing.filter(({ path }) => choice.excludes(path)).map(({ path }) => path);
  const all = [...seen, ...earlier, ...(report?.excluded ?? [])];
  return [...new Set(all)].filter((name) => !there.has(name)).sort();
}

export function warningsOfExcluded(excluded: readonly string[]): string[] {
  return excluded.map((name) =>
    isFullPath(name)
      ? `${name} is a database that the application opens by its full path, outside of the environment: it is not in this set, and no recovery brings it back. With --data-dir ${shellWord(path.dirname(name))}, it is`
      : `${name} is a database, and excluded: it is not in this set, and no recovery brings it back`,
  );
}

function isFullPath(name: string): boolean {
  return path.isAbsolute(name) || path.win32.isAbsolute(name);
}
