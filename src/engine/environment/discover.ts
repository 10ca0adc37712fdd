/** What an environment directory holds, told by content and not by name (format document, 1.3 to 1.5). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { readIfThere, readIn } from '../files/read.ts';
import { type Files, placeOf } from '../files/files.ts';
import { placeRisks } from './config-risks.ts';
import { parseDbConfig, type DbConfig } from './db-config.ts';
import { normalDirectory } from '../../format/names.ts';
import { type FileChoice } from './file-choice.ts';
import { Search } from './search.ts';
import { type Environment } from './environment.ts';
import { type Directories, wholeEnvironment } from './outside.ts';
import { requireDirectory } from '../what-is.ts';

export interface DiscoverOptions {
  /** The settings of a directory without DB_CONFIG, when it is not an environment of its own. */
  readonly inherited?: DbConfig | undefined;
  /** List what is inside, even when it is not all of the environment: see `outsideOf`. */
  readonly insideOnly?: boolean;
  /** Which of the application's own files are taken, and what is passed over. */
  readonly choice?: FileChoice | undefined;
  /** Look once more: what this run has seen to be the application's own, by its name, is taken to be that still. */
  readonly isGlance?: boolean | undefined;
  /** What the directory was given for. Of a copy, tails of log files are part of the log. */
  readonly wanted?: 'environment' | 'copy';
}

/**
 * Lists an environment. Throws `environment-missing` when the directory does not exist, `format-unsupported` for
 * directories outside of it and for slices. Finding nothing of an environment is not an error here.
 */
export function discoverEnvironment(
  files: Files,
  home: string,
  { inherited, insideOnly = false, choice, isGlance = false, wanted = 'environment' }: DiscoverOptions = {},
): Environment {
  requireDirectory(files, home, wanted);
  const config = configIfThere(files, home) ?? inherited ?? parseDbConfig('');
  if (!insideOnly) requireInside(home, config);
  const search = new Search(files, home, config, { choice, isGlance, isCopy: wanted === 'copy' });
  search.begin();
  return search.result();
}

/** The settings of an environment, whether or not it is one. */
export function configOf(files: Files, home: string): DbConfig {
  return configIfThere(files, home) ?? parseDbConfig('');
}

function configIfThere(files: Files, home: string): DbConfig | undefined {
  const bytes = readIn(files, home, 'DB_CONFIG', readIfThere);
  return bytes && parseDbConfig(Buffer.from(bytes).toString('utf8'));
}

/** Throws `format-unsupported` for settings of an environment that is not all inside of its directory. */
export function requireInside(home: string, config: DbConfig): void {
  const [risk] = placeRisks(config);
  if (risk === undefined) return;
  throw new FigaroError('format-unsupported', `${home}: ${risk.message}`, {
    path: path.join(home, 'DB_CONFIG'),
    hint: risk.advice,
  });
}

/** Where an environment keeps its log. */
export function logPlace(disk: Files, directory: string, known?: Directories): string {
  const home = path.resolve(directory);
  const { files } = wholeEnvironment(disk, home, { ...known, logAlone: true });
  return placeOf(files, path.join(home, normalDirectory(configOf(files, home).logDirectory ?? '.')));
}
