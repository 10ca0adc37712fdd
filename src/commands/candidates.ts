/** What completion scripts ask for while somebody types: names that only a file or a directory knows. */

import path from 'node:path';
import { type Files } from '../engine/files/files.ts';
import { setNames } from '../engine/repository/repository.ts';
import { environmentNames, readSettings } from './settings.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The names of environments or sets that could come next behind the words typed so far. Nothing where they cannot be
 * had: whoever presses a key does not want to read about it.
 */
export function candidates([kind, ...words]: readonly string[], env: Variables, files: Files): readonly string[] {
  try {
    // What is more than a line would be taken for two names.
    return findNames(kind, words, env, files).filter((name) => !/\p{Cc}/u.test(name));
  } catch {
    return [];
  }
}

function findNames(
  kind: string | undefined,
  words: readonly string[],
  env: Variables,
  files: Files,
): readonly string[] {
  const config = pathGiven(words, '--config', env);
  if (kind === 'environment') return environmentNames(files, env, config);
  if (kind !== 'set') return [];
  const repository = pathGiven(words, '--repo', env) ?? repositoryOf(words, env, files, config);
  return repository === undefined ? [] : setNames(files, repository);
}

/** The repository of the environment that is named, or of all commands. */
function repositoryOf(
  words: readonly string[],
  env: Variables,
  files: Files,
  config: string | undefined,
): string | undefined {
  const known = environmentNames(files, env, config);
  const environment = words.findLast((word) => known.includes(word));
  const set = readSettings(files, env, { config, environment }).find(({ name }) => name === 'repo');
  return set && String(set.value);
}

/** The value of an option, as `--repo DIR` or `--repo=DIR`, the last one given. */
function pathGiven(words: readonly string[], option: string, env: Variables): string | undefined {
  const i = words.findLastIndex((word) => word === option || word.startsWith(`${option}=`));
  if (i === -1) return undefined;
  const value = words[i] === option ? words[i + 1] : words[i]!.slice(option.length + 1);
  // The shell has not yet done it.
  return value?.startsWith('~/') && env['HOME'] ? path.join(env['HOME'], value.slice(2)) : value;
}
