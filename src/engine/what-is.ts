/** What a path really is, for whoever gave a wrong one: a mistake is answered with what is there, and with what to give. */

import path from 'node:path';
import { FigaroError } from '../errors.ts';
import { logFileNumber } from '../format/names.ts';
import { formatCount } from '../measures.ts';
import { shellWord } from '../shell-words.ts';
import { readHead } from './environment/file-head.ts';
import { recognizeFile } from '../format/page/meta.ts';
import { type Files } from './files/files.ts';
import { repositoryName, standbyName } from './places.ts';

/** What can be asked for with a directory. */
type Wanted = 'environment' | 'copy' | 'repository' | 'standby';

type Kind = 'file' | 'container' | 'log file' | 'repository' | 'set' | 'standby' | 'environment' | 'parent' | 'none';

interface Found {
  readonly kind: Kind;
  /** The end of a sentence about it; undefined where there is nothing to be said. */
  readonly text: string | undefined;
  /** Of a directory above some: these. */
  readonly below: readonly string[];
}

/** More entries than this are not looked into: it is only about a hint. */
const mostEntries = 200;

/** What there is where something else was asked for; undefined when that says no more than that it is not there. */
export function whatIsThere(
  files: Files,
  given: string,
  wanted: Wanted,
): { readonly text: string; readonly hint: string } | undefined {
  const full = path.resolve(given);
  const { kind, text, below } = look(files, full, wanted);
  if (text === undefined) return undefined;
  return { text, hint: hintFor(kind, wanted, full, below) };
}

/** Throws `usage` for a directory to be made inside of an environment, as far as a log or DB_CONFIG says that it is one. */
export function requireNoEnvironmentAbove(files: Files, what: string, directory: string): void {
  for (let at = directory, above = path.dirname(at); above !== at; at = above, above = path.dirname(at)) {
    if (!listed(files, above).some((name) => name === 'DB_CONFIG' || logFileNumber(name) !== undefined)) continue;
    throw new FigaroError('usage', `${what} ${directory} lies inside the environment ${above}`, {
      path: directory,
      hint: 'choose a place outside of it, best on another disk.',
    });
  }
}

/** Throws where there is no directory, saying what there is: a file, or a link that leads nowhere. */
export function requireDirectory(files: Files, given: string, wanted: Wanted): void {
  const full = path.resolve(given);
  const stat = files.statThrough(full);
  if (stat?.kind === 'directory') return;
  const code = wanted === 'repository' || wanted === 'standby' ? (`${wanted}-missing` as const) : 'environment-missing';
  const found = stat && whatIsThere(files, given, wanted);
  if (found) throw new FigaroError(code, `${given} ${found.text}`, { path: given, hint: found.hint });
  if (files.statIfThere(full)?.kind === 'link') {
    throw new FigaroError(code, `${given} is a link that leads nowhere`, {
      path: given,
      hint: 'is the disk mounted that it leads to?',
    });
  }
  throw new FigaroError(code, `${given}: no such directory`, {
    path: given,
    hint: 'give the directory that holds the containers and log files.',
  });
}

/**
 * Nothing of an environment is in a directory.
 *
 * @param otherwise what else it may be, where nothing better is known
 */
export function noEnvironment(files: Files, home: string, wanted: 'environment' | 'copy', otherwise = ''): FigaroError {
  const found = whatIsThere(files, home, wanted);
  const what = wanted === 'copy' ? 'the copy of the environment' : 'the containers and log files';
  return new FigaroError(
    'environment-missing',
    found ? `${home} ${found.text}` : `${home}: neither a container nor a log file is here`,
    { path: home, hint: found?.hint ?? `give the directory that holds ${what}.${otherwise}` },
  );
}

function look(files: Files, full: string, wanted: Wanted): Found {
  const stat = files.statThrough(full);
  const found = (kind: Kind, text: string | undefined, below: readonly string[] = []): Found => ({ kind, text, below });
  if (!stat) return found('none', undefined);
  if (stat.kind !== 'directory') {
    const kind = fileKind(files, full);
    return found(kind, kind === 'file' ? 'is a file, not a directory' : `is a ${kind}, not ${aName(wanted)}`);
  }
  const kind = directoryKind(files, full);
  const isWanted = kind === wanted || (kind === 'environment' && wanted === 'copy');
  if (kind !== 'none') return found(kind, isWanted ? undefined : `is ${aName(kind)}, not ${aName(wanted)}`);
  const names = listed(files, full).slice(0, mostEntries);
  if (names.length === 0) return found('none', undefined);
  const sought = wanted === 'copy' ? 'environment' : wanted;
  const below = names.filter((name) => directoryKind(files, path.join(full, name)) === sought);
  if (below.length === 0) return found('none', undefined);
  const list = below.slice(0, 3).join(', ') + (below.length > 3 ? ', …' : '');
  return found(
    'parent',
    `is not ${aName(sought)}, but holds ${formatCount(below.length, sought, plurals[sought])}: ${list}`,
    below,
  );
}

const plurals = { environment: 'environments', repository: 'repositories', standby: 'standbys' } as const;

function aName(kind: Kind | Wanted): string {
  if (kind === 'copy') return 'a copy of an environment';
  return kind === 'environment' ? 'an environment' : kind === 'set' ? 'a backup set' : `a ${kind}`;
}

function fileKind(files: Files, file: string): 'container' | 'log file' | 'file' {
  if (logFileNumber(path.basename(file)) !== undefined) return 'log file';
  return isDatabase(files, file) ? 'container' : 'file';
}

function isDatabase(files: Files, file: string): boolean {
  const head = quietly(() => (files.statThrough(file)?.kind === 'file' ? readHead(files, file) : undefined), undefined);
  return head !== undefined && recognizeFile(head, files.cipher).kind === 'database';
}

function directoryKind(files: Files, directory: string): 'repository' | 'set' | 'standby' | 'environment' | 'none' {
  const has = (name: string): boolean =>
    quietly(() => files.statIfThere(path.join(directory, name)), undefined) !== undefined;
  if (has(repositoryName)) return 'repository';
  if (has(standbyName)) return 'standby';
  if (has('manifest.json') && has('environment')) return 'set';
  const names = listed(files, directory).slice(0, mostEntries);
  const isEnvironment = names.some(
    (name) => logFileNumber(name) !== undefined || isDatabase(files, path.join(directory, name)),
  );
  return isEnvironment ? 'environment' : 'none';
}

function listed(files: Files, directory: string): readonly string[] {
  return (
    quietly(
      () => (files.statThrough(directory)?.kind === 'directory' ? files.listIfThere(directory) : undefined),
      undefined,
    ) ?? []
  );
}

/** What cannot be read helps nobody further, and the first failure is the one that counts. */
function quietly<T>(act: () => T, otherwise: T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof FigaroError) return otherwise;
    throw error;
  }
}

const optionOf: Readonly<Record<Wanted, string>> = {
  environment: '--home',
  copy: '--from',
  repository: '--repo',
  standby: '--standby',
};

function hintFor(kind: Kind, wanted: Wanted, full: string, below: readonly string[]): string {
  const option = optionOf[wanted];
  const asked = {
    environment: 'the environment',
    copy: 'the copy',
    repository: 'the repository',
    standby: 'the standby',
  }[wanted];
  switch (kind) {
    case 'container':
    case 'log file':
      return wanted === 'environment' || wanted === 'copy'
        ? `give the directory that it is in: ${option} ${shellWord(path.dirname(full))}`
        : `give the directory of ${asked} with ${option}.`;
    case 'repository':
      if (wanted === 'copy') return `recover from it with --repo ${shellWord(full)}`;
      return wanted === 'standby'
        ? `give the directory of ${asked} with ${option}.`
        : `give it with --repo, and ${asked} with ${option}.`;
    case 'set':
      if (wanted === 'repository') return `give the repository that it is in: --repo ${shellWord(path.dirname(full))}`;
      return wanted === 'copy'
        ? `give --repo ${shellWord(path.dirname(full))} --chain ${shellWord(path.basename(full))}, or the plain copy in it: --from ${shellWord(path.join(full, 'environment'))}`
        : `give ${asked} with ${option}; \`figaro-backup recover --repo ${shellWord(path.dirname(full))} --chain ${shellWord(path.basename(full))}\` is for sets.`;
    case 'environment':
      return `give ${asked} with ${option}, not what it is made of.`;
    case 'standby':
      return `give ${asked} with ${option}; \`figaro-backup failover status\` is for standbys.`;
    case 'parent':
      return `give ${below.length === 1 ? 'that' : 'one of them'}: ${option} ${shellWord(path.join(full, below[0]!))}`;
    case 'file':
    case 'none':
      return `give the directory of ${asked} with ${option}.`;
  }
}
