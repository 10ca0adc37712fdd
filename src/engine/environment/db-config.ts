/** `DB_CONFIG`: where an environment keeps its files (format document, 1.1). */

import { posix } from 'node:path';
import { standardExternalDirectory, normalDirectory, isOutside } from '../../format/names.ts';

export interface DbConfig {
  /** Directories as written, of all kinds. */
  readonly directories: readonly string[];
  /** Data directories as written, in order of search. */
  readonly dataDirectories: readonly string[];
  /** Where new databases go; undefined means the home directory. */
  readonly createDirectory: string | undefined;
  /** Where log files are; undefined means the home directory. */
  readonly logDirectory: string | undefined;
  /** Where external files are. */
  readonly externalFileDirectory: string;
  /** Flags that are on, of the environment and of its log, in lower case. */
  readonly flags: readonly string[];
  /** Set when the environment is split into slices, which are environments of their own. */
  readonly sliced: boolean;
}

const maxLineLength = 255;

/** Directives that name a directory. */
const directoryDirectives: ReadonlySet<string> = new Set([
  'set_data_dir',
  'db_data_dir',
  'add_data_dir',
  'set_metadata_dir',
  'set_create_dir',
  'set_lg_dir',
  'db_log_dir',
  'set_blob_dir',
  'set_ext_file_dir',
]);

/** Reads the text of a `DB_CONFIG` file; every text is a valid one. */
export function parseDbConfig(text: string): DbConfig {
  const named = new Set<string>();
  const dataDirectories = new Set<string>();
  let createDirectory: string | undefined;
  let logDirectory: string | undefined;
  let externalFileDirectory = standardExternalDirectory;
  let sliced = false;
  const flags = new Set<string>();
  for (const { directive, value } of directives(text)) {
    if (directoryDirectives.has(directive)) named.add(value);
    switch (directive) {
      case 'set_data_dir':
      case 'db_data_dir':
        dataDirectories.add(value);
        createDirectory ??= value;
        break;
      case 'add_data_dir':
      case 'set_metadata_dir':
        dataDirectories.add(value);
        break;
      case 'set_create_dir':
        createDirectory = value;
        break;
      case 'set_lg_dir':
      case 'db_log_dir':
        logDirectory = value;
        break;
      case 'set_blob_dir':
      case 'set_ext_file_dir':
        externalFileDirectory = value;
        break;
      case 'set_slice_count':
      case 'slice':
        sliced = true;
        break;
      case 'set_flags':
      case 'log_set_config':
      case 'set_log_config': {
        const [flag = '', state] = value.toLowerCase().split(/\s+/);
        if (state === 'off') flags.delete(flag);
        else if (flag !== '') flags.add(flag);
        break;
      }
    }
  }
  return {
    directories: [...named],
    dataDirectories: [...dataDirectories],
    createDirectory,
    logDirectory,
    externalFileDirectory,
    flags: [...flags],
    sliced,
  };
}

/** How to tell, by its path inside the environment, which data directory a file is in, and what log records call it. */
export function placesIn({
  dataDirectories,
}: DbConfig): (inside: string) => { logName: string; dataDirectory: string } {
  // Of two ways to write one directory the first counts.
  const written = new Map(
    dataDirectories.map((directory) => [normalDirectory(directory), directory] as const).reverse(),
  );
  return (inside) => {
    // The most specific one counts.
    for (let directory = posix.dirname(inside); directory !== '.'; directory = posix.dirname(directory)) {
      const dataDirectory = written.get(directory);
      if (dataDirectory !== undefined) return { logName: inside.slice(directory.length + 1), dataDirectory };
    }
    return { logName: inside, dataDirectory: '' };
  };
}

/** The text of a `DB_CONFIG` in which directories, and what is in them, have moved. All else stays as it is. */
export function moveInConfig(text: string, moves: ReadonlyMap<string, string>): string {
  const normal = new Map([...moves].map(([from, to]) => [normalDirectory(from), normalDirectory(to)]));
  const movedTo = (directory: string): string | undefined => {
    for (let from = directory; from !== '' && from !== '.'; from = posix.dirname(from)) {
      const to = normal.get(from);
      if (to !== undefined) return to + directory.slice(from.length);
      if (from === '/') break;
    }
    return undefined;
  };
  return text
    .split('\n')
    .map((line) => {
      const trimmed = line.trim();
      const [, directive = '', space = '', value = ''] = /^(\S+)(\s+)(\S.*)$/s.exec(trimmed) ?? [];
      if (!directoryDirectives.has(directive.toLowerCase())) return line;
      const to = movedTo(normalDirectory(value));
      return to === undefined ? line : line.replace(trimmed, () => `${directive}${space}${to === '' ? '.' : to}`);
    })
    .join('\n');
}

function* directives(text: string): Generator<{ directive: string; value: string }> {
  for (const wholeLine of text.split('\n')) {
    // The library reads a longer line as several.
    for (let at = 0; at === 0 || at < wholeLine.length; at += maxLineLength) {
      const line = wholeLine.slice(at, at + maxLineLength).trim();
      if (line === '' || line.startsWith('#')) continue;
      const [, directive = '', value = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
      yield { directive: directive.toLowerCase(), value };
    }
  }
}

/** The directories of DB_CONFIG that are outside of the environment, as written there. */
export function outsideOf({ directories }: DbConfig): string[] {
  return directories.filter(isOutside);
}
