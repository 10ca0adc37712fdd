/** Taking a backup set: the order of it, common to all kinds. */

import path from 'node:path';
import { FigaroError, type ErrorCode } from '../../errors.ts';
import { isLogInMemory } from '../environment/config-risks.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { chooseFiles, type FileChoice } from '../environment/file-choice.ts';
import { findLogNearby, whyNoLog } from '../environment/log-nearby.ts';
import { findLogged } from '../inspect/unlogged.ts';
import { placesOf, requireApart, requireLocal } from '../places.ts';
import { noEnvironment } from '../what-is.ts';
import { type Watch } from '../pause.ts';
import { type Files } from '../files/files.ts';
import { chainsOf, newerThan, type Chain } from '../repository/chain.ts';
import { findChain, isNewestWanted } from '../repository/find-chain.ts';
import {
  asWriter,
  createRepository,
  findRepository,
  NewSet,
  openRepository,
  readSets,
  type Repository,
} from '../repository/repository.ts';
import { noteLook } from '../repository/last-look.ts';
import { requireBelongs, withOwnerOf } from './belongs.ts';
import { lookAtRest } from './offline.ts';
import { listSource } from './source.ts';
import { directoryOf, wholeEnvironment } from '../environment/outside.ts';
import { fillSet } from './fill-set.ts';
import { type BackupKind, type BackupOptions, type BackupResult } from './backup-options.ts';

/** Options that only some kinds of set have. */
const onlyOf = {
  chain: ['incremental'],
  keepDamaged: ['hot', 'offline'],
  acceptMissing: ['hot', 'offline'],
  newSource: ['hot', 'offline'],
  withoutLog: ['offline'],
} as const satisfies Partial<Record<keyof BackupOptions, readonly BackupKind[]>>;

function requireFitting(kind: BackupKind, options: BackupOptions): void {
  for (const [name, kinds] of Object.entries(onlyOf)) {
    const isGiven = Boolean(options[name as keyof typeof onlyOf]);
    if (!isGiven || (kinds as readonly BackupKind[]).includes(kind)) continue;
    throw new FigaroError('usage', `${name} is for ${kinds.join(' and ')} only, and this is ${kind}`);
  }
}

/**
 * Takes a set, proves that it can be recovered, and publishes it. The environment is only read. On failure nothing of
 * the set stays. An incremental that finds nothing new makes none, and notes that it has looked.
 */
export async function takeBackup(disk: Files, kind: BackupKind, options: BackupOptions): Promise<BackupResult> {
  requireFitting(kind, options);
  const home = path.resolve(options.home);
  const { files, insideNames } = wholeEnvironment(disk, home, options);
  const choice = chooseFiles(options.include, options.exclude);
  requireLocal(files, { what: 'the repository', path: options.repository });
  const directory = path.resolve(options.repository);
  const listed = await requireEnvironment(files, home, kind, options);
  for (const place of placesOf(files, 'the environment', home, listed.directories)) {
    requireApart(files, place, { what: 'the repository', path: directory });
  }
  const existing = kind === 'incremental' ? openRepository(files, directory) : findRepository(files, directory);
  if (!existing) await requireWorthARepository(files, listed, kind, choice, options);
  const { repository, created } = existing
    ? { repository: existing, created: false }
    : createRepository(files, directory);
  if (created) options.onCreated?.(repository);
  const write = async (held: Files, watch: Watch, hasWaited: boolean): Promise<BackupResult> => {
    const started = new Date();
    const environment = hasWaited ? await requireEnvironment(held, home, kind, { ...options, watch }, true) : listed;
    const chain = kind === 'incremental' ? chainToContinue(held, repository, options.chain) : undefined;
    const { chains: earlier, orphans } = kind === 'incremental' ? noChains : chainsOf(readSets(held, repository).sets);
    const before = [...orphans, ...earlier.flatMap(({ sets }) => sets)];
    const notes = options.newSource === true ? [] : requireBelongs(held, environment, directory, before);
    const set = new NewSet(held, repository, kind, started);
    try {
      const newSource = options.newSource === true && before.length > 0;
      const found = { home, started, environment, chain, earlier, choice, insideNames };
      const parts = { ...options, ...found, kind, newSource, notes, watch };
      const filled = await fillSet(held, set, parts);
      if ('manifest' in filled) return set.publish(filled.manifest);
      set.discard();
      const newest = chain!.sets.at(-1)!;
      noteLook(held, newest, started);
      return { ...newest, nothingNew: { time: started, warnings: filled.warnings } };
    } catch (error) {
      set.discard();
      if (!chain || !(error instanceof FigaroError) || !discontinued.has(error.code)) throw error;
      throw withOwnerOf(held, error, environment, chain);
    }
  };
  return await asWriter(files, repository, write, options);
}

/** What an incremental ends with that does not continue its chain. */
const discontinued: ReadonlySet<ErrorCode> = new Set(['chain-gap', 'chain-mismatch']);

async function requireEnvironment(
  files: Files,
  home: string,
  kind: BackupKind,
  options: BackupOptions,
  isGlance = false,
): Promise<Environment> {
  const choice = chooseFiles(options.include, options.exclude);
  const environment = discoverEnvironment(files, home, { choice, isGlance });
  const logs = filesOfKind(environment, 'log').length;
  const databases = filesOfKind(environment, 'database').length + environment.damaged.length;
  if (logs === 0 && databases === 0) {
    throw noEnvironment(files, home, 'environment', ` ${whereElse(files, home, options)}`);
  }
  // Log files that lie there are of another time.
  if (isLogInMemory(environment.config) && kind !== 'offline') {
    throw new FigaroError('log-missing', `${home} keeps its log in memory: it cannot be backed up while it is in use`, {
      path: path.join(home, 'DB_CONFIG'),
      hint: 'let the application write its log to files, then take a full backup.',
    });
  }
  if (logs === 0 && kind !== 'offline') {
    throw await noLog(files, environment, options.watch ?? {});
  }
  return environment;
}

/** Where containers and log files may be that are not in the environment. */
function whereElse(files: Files, home: string, { dataDirectories = [], logDirectory }: BackupOptions): string {
  const named = [...dataDirectories, ...(logDirectory === undefined ? [] : [logDirectory])];
  const missing = named.map((written) => directoryOf(files, home, written)).filter((at) => !files.statThrough(at));
  if (missing.length > 0) {
    return `There is no ${missing.join(', and no ')}: what --data-dir and --log-dir name is relative to the environment.`;
  }
  return "Where only the application's code knows where they are, name the places with --data-dir and --log-dir.";
}

/** No repository is made for an environment of which the first look shows that no full set can be taken. */
async function requireWorthARepository(
  files: Files,
  listed: Environment,
  kind: BackupKind,
  choice: FileChoice,
  { keepDamaged = false, withoutLog, watch = {} }: BackupOptions,
): Promise<void> {
  const { home } = listed;
  if (kind === 'hot') {
    await listSource(files, home, { choice, keepDamaged, isGlance: true, listed });
    return;
  }
  const environment = await lookAtRest(files, home, { choice, keepDamaged, environment: listed });
  if (withoutLog === true || filesOfKind(environment, 'log').length > 0) return;
  if (await findLogged(files, environment, watch)) throw await noLog(files, environment, watch);
}

/** There is no log where it should be: nothing can be backed up in use. */
async function noLog(files: Files, environment: Environment, watch: Watch): Promise<FigaroError> {
  const nearby = findLogNearby(files, environment);
  const logged = nearby?.isCertain ? undefined : await findLogged(files, environment, watch);
  const { message, advice } = whyNoLog(environment, logged?.name, nearby);
  return new FigaroError('log-missing', message, { path: environment.home, hint: advice });
}

function chainToContinue(files: Files, repository: Repository, wanted: string | undefined): Chain {
  const { sets, broken } = readSets(files, repository);
  const chain = findChain(sets, wanted === undefined ? {} : { chain: wanted }, broken);
  // A damaged set after the chain's last one may be its continuation.
  const damaged = newerThan(chain, sets, broken).find(({ isDamaged }) => isDamaged);
  if (!damaged || !isNewestWanted(wanted)) return chain;
  throw new FigaroError(damaged.code, `${damaged.id} is newer than ${chain.sets.at(-1)!.id}, and ${damaged.problem}`, {
    path: damaged.directory,
    hint: 'begin a new chain with `figaro-backup hot`, or name the chain to continue with --chain.',
  });
}

const noChains = { chains: [], orphans: [] };
