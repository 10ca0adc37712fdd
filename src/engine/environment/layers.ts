import { type Environment, type EnvironmentFile } from './discover.ts';

/**
 * Several copies of one environment as one: files of a later copy take the place of files of the same name in an earlier
 * one. Settings are those of the last copy that has a DB_CONFIG.
 */
export function layerEnvironments(environments: readonly Environment[]): Environment {
  const byName = new Map<string, EnvironmentFile>();
  for (const environment of environments) {
    for (const file of environment.files) byName.set(file.name, file);
  }
  const last = environments.at(-1)!;
  const configured = environments.findLast(({ files }) => files.some(({ kind }) => kind === 'config'));
  return {
    home: last.home,
    config: (configured ?? last).config,
    files: [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    leftOut: environments.flatMap(({ leftOut }) => leftOut),
    damaged: environments
      .flatMap(({ damaged }) => damaged)
      .filter(({ name }) => !byName.has(name)),
    directories: [...new Set(environments.flatMap(({ directories }) => directories))].sort(),
  };
}
