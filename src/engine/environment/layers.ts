import { type Files } from '../files/files.ts';
import { discoverEnvironment, type DiscoverOptions } from './discover.ts';
import { type DamagedFile, type Environment, type EnvironmentFile, type FileOfKind } from './environment.ts';

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
 * one, log files those of the same number, and tails add to the log file that they are of. Settings are those of the last copy that has a DB_CONFIG.
 */
export function layerEnvironments(environments: readonly Environment[]): Environment {
  const found = new Map<string, EnvironmentFile>();
  const logs = new LayeredLog();
  const damaged = new Map<string, DamagedFile>();
  for (const environment of environments) {
    for (const file of environment.files) {
      if (file.kind === 'log') logs.add(file);
      else found.set(file.name, file);
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
    ...(environments[0]!.stateAt ? { stateAt: environments[0]!.stateAt } : {}),
    home: last.home,
    config: (configured ?? last).config,
    files: [...found.values(), ...logs.files()].sort(byName),
    leftOut: environments.flatMap(({ leftOut }) => leftOut),
    damaged: [...damaged.values()].sort(byName),
    owners: new Map(environments.flatMap(({ owners }) => [...owners])),
    directories: [...new Set(environments.flatMap(({ directories }) => directories))].sort(),
  };
}

/** Log files are known by their numbers, wherever a copy has them. A whole one takes the place of what is there, a tail adds to it. */
class LayeredLog {
  readonly #byNumber = new Map<number, Map<number, FileOfKind<'log'>>>();

  add(file: FileOfKind<'log'>): void {
    const { logNumber, logFrom } = file;
    const parts = this.#byNumber.get(logNumber);
    if (parts && logFrom > 0) parts.set(logFrom, file);
    else this.#byNumber.set(logNumber, new Map([[logFrom, file]]));
  }

  files(): FileOfKind<'log'>[] {
    return [...this.#byNumber.values()].flatMap((parts) => [...parts.values()]);
  }
}

function insideNamesOf(environments: readonly Environment[]): Pick<Environment, 'insideNames'> {
  const named = environments.flatMap(({ insideNames }) => [...(insideNames ?? [])]);
  return named.length === 0 ? {} : { insideNames: new Map(named) };
}
