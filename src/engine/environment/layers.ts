import { type Files } from '../files/files.ts';
import { discoverEnvironment, type DiscoverOptions } from './discover.ts';
import { type DamagedFile, type Environment, type EnvironmentFile } from './environment.ts';

/** Lists directories laid over each other, later over earlier. One without DB_CONFIG has the settings of the one before. */
export function discoverLayers(
  files: Files,
  homes: readonly string[],
  options: Pick<DiscoverOptions, 'insideOnly' | 'choice'> = {},
): Environment {
  const found: Environment[] = [];
  for (const home of homes)
    found.push(discoverEnvironment(files, home, { ...options, wanted: 'copy', inherited: found.at(-1)?.config }));
  return layerEnvironments(found);
}

/**
 * Several copies of one environment as one: files of a later copy take the place of files of the same name in an earlier
 * one, log files those of the same number. Settings are those of the last copy that has a DB_CONFIG.
 */
export function layerEnvironments(environments: readonly Environment[]): Environment {
  const found = new Map<string, EnvironmentFile>();
  const damaged = new Map<string, DamagedFile>();
  for (const environment of environments) {
    for (const file of environment.files) {
      found.set(keyOf(file), file);
      damaged.delete(file.name);
    }
    for (const file of environment.damaged) {
      damaged.set(file.name, file);
      found.delete(file.name);
    }
  }
  const last = environments.at(-1)!;
  const configured = environments.findLast(({ files }) => files.some(({ kind }) => kind === 'config'));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  const knowing = environments.findLast(({ originalHome }) => originalHome !== undefined);
  return {
    ...(knowing?.originalHome === undefined ? {} : { originalHome: knowing.originalHome }),
    ...insideNamesOf(environments),
    home: last.home,
    config: (configured ?? last).config,
    files: [...found.values()].sort(byName),
    leftOut: environments.flatMap(({ leftOut }) => leftOut),
    damaged: [...damaged.values()].sort(byName),
    owners: new Map(environments.flatMap(({ owners }) => [...owners])),
    directories: [...new Set(environments.flatMap(({ directories }) => directories))].sort(),
  };
}

/** A log file is known by its number, wherever a copy has it; no other file has a name with a NUL. */
function keyOf({ kind, name, logNumber }: EnvironmentFile): string {
  return kind === 'log' ? `\0${logNumber}` : name;
}

function insideNamesOf(environments: readonly Environment[]): Pick<Environment, 'insideNames'> {
  const named = environments.flatMap(({ insideNames }) => [...(insideNames ?? [])]);
  return named.length === 0 ? {} : { insideNames: new Map(named) };
}
