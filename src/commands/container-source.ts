/** Where the container is that a command looks into: a file, or one of an environment, as of a restore point. */

import { type Command, Option } from 'commander';
import { type Files } from '../engine/files/files.ts';
import { type Watch } from '../engine/pause.ts';
import { placesOf, type Place } from '../engine/places.ts';
import { lookFrom, lookIntoContainer, type LookOptions } from '../engine/recovery/look-into.ts';
import { type SeenContainer } from '../engine/recovery/seen-container.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { type CommandContext } from './context.ts';
import { repositoryOf } from './directories.ts';
import { requireNoCopiedDirectories, requireNoDirectories } from './environment-directories.ts';
import { noDatabase } from './inspect/file.ts';
import { warningOfLogBeside, withLogBeside } from './log-beside.ts';
import { sizeArgument } from './options.ts';
import { unlockedFiles } from './password.ts';
import { restorePointOf, withRestorePoint, type RestorePointOptions } from './restore-point.ts';
import { findEnvironment, withSource, type SourceOptions } from './source.ts';

export interface ContainerSourceOptions extends SourceOptions, RestorePointOptions {
  readonly cacheSize?: number;
}

export function withContainerSource(command: Command): Command {
  return withRestorePoint(
    withCacheSize(withSource(command.optionsGroup('Where the container is, unless it is a file:'), '')),
  );
}

/** Adds the option of commands that recover in memory. */
export function withCacheSize(command: Command): Command {
  return command.addOption(
    new Option(
      '--cache-size <size>',
      'memory for pages (default: 256M); beyond it, a file without a name in $TMPDIR or /var/tmp is used',
    ).argParser(sizeArgument),
  );
}

/** A container that a command was told to look into. */
export interface ContainerSource {
  /** What is only read: nothing is written inside of it. */
  readonly places: readonly Place[];
  /** Has it looked at. Throws what keeps it from being found, read or recovered. */
  readonly look: <T>(
    watch: Watch,
    use: (container: SeenContainer) => Promise<T>,
    isEnough?: LookOptions['isEnough'],
  ) => Promise<T>;
  /** An error about the container, with what else may be the reason. */
  readonly explain: <Failure>(error: Failure) => Failure | FigaroError;
}

/** Options of which one says that an environment is meant, and no file. */
const ofEnvironments = ['from', 'home', 'repo', 'chain', 'toSet', 'toTime', 'toLsn', 'toTxn'] as const;

/** Finds the container. Throws `usage`, and `container-missing` where no source is named and there is no file of this name. */
export function findContainer(
  context: CommandContext,
  command: Command,
  name: string,
  options: ContainerSourceOptions,
): ContainerSource {
  const files = unlockedFiles(context, options);
  const isTyped = ofEnvironments.some((key) => command.getOptionValueSource(key) === 'cli');
  const kind = files.statIfThere(name)?.kind;
  // A link may lead to a container, too.
  const isFile = kind === 'file' || kind === 'link';
  if (!isTyped && isFile) {
    return fileAsItIs(files, name, (warning) => context.addWarning(options, warning));
  }
  const hasSource = options.repo !== undefined || options.home !== undefined || options.from !== undefined;
  if (!isTyped && !hasSource) throw noFile(name, kind === undefined ? 'is not there' : noDatabase(kind));
  return sourceOf(files, name, options);
}

/** A file without what is in the log only, which can look like damage. */
function fileAsItIs(files: Files, name: string, warn: (warning: string) => void): ContainerSource {
  const explain: ContainerSource['explain'] = (error) => withLogBeside(error, files, name);
  return {
    places: [],
    look: async (watch, use) => {
      try {
        const value = await use({ files, path: name, warnings: [] });
        const warning = await warningOfLogBeside(files, name, watch);
        if (warning !== undefined) warn(warning);
        return value;
      } catch (error) {
        throw explain(error);
      }
    },
    explain,
  };
}

function sourceOf(files: Files, name: string, options: ContainerSourceOptions): ContainerSource {
  const { repo, chain, toSet, home, from, dirAt, cacheSize } = options;
  const restorePoint = restorePointOf(options);
  const looking = (watch: Watch, isEnough?: LookOptions['isEnough']): LookOptions => ({
    restorePoint,
    cacheBytes: cacheSize,
    isEnough,
    watch,
  });
  if (home === undefined && from === undefined) {
    requireNoCopiedDirectories(dirAt);
    requireNoDirectories(options, '--repo');
    const directory = repositoryOf({ repo });
    const repository = openRepository(files, directory);
    const source = {
      repository,
      ...(chain === undefined ? {} : { chain }),
      ...(toSet === undefined ? {} : { toSet }),
    };
    return {
      places: [{ what: 'the repository', path: directory }],
      look: (watch, use, isEnough) => lookFrom(files, source, name, looking(watch, isEnough), use),
      explain: (error) => error,
    };
  }
  const other = chain === undefined ? (toSet === undefined ? undefined : '--to-set') : '--chain';
  if (other !== undefined) {
    throw new FigaroError('usage', `${other} is for chains, and cannot be used with ${from ? '--from' : '--home'}`);
  }
  const found = findEnvironment(files, options);
  const { environment } = found;
  const homes = from ?? [home!];
  return {
    places: homes.flatMap((at) => placesOf(found.files, 'the environment', at, environment.directories)),
    look: (watch, use) => lookIntoContainer(found.files, environment, name, looking(watch), use),
    explain: (error) => error,
  };
}

function noFile(path: string, problem: string): FigaroError {
  return new FigaroError('container-missing', `${path} ${problem}`, {
    path,
    hint: 'give a container file; or name one inside an environment, with --repo, --home or --from.',
  });
}
