/** The configuration file: where it is, and which of its tables hold. */

import path from 'node:path';
import { parse } from 'smol-toml';
import { readIfThere, withFile } from '../engine/files/read.ts';
import { type Files } from '../engine/files/files.ts';
import { FigaroError, type ErrorDetails } from '../errors.ts';
import { commandsWithTables, repeatedSettings, settingNames } from './setting-names.ts';

type Variables = Readonly<Record<string, string | undefined>>;
type Table = Readonly<Record<string, unknown>>;

/** Where settings are from. */
export interface ConfigSource {
  readonly path: string;
  /** Found where every user of Windows may make a file, and not named by anybody. Node.js cannot tell whose it is. */
  readonly isAnybodys: boolean;
}

interface ConfigFile extends ConfigSource {
  readonly defaults: Table;
  readonly environments: Readonly<Record<string, Table>>;
}

/** A table that holds, and where it is. */
export interface HoldingTable {
  readonly table: Table;
  /** For people: `/etc/figaro-backup.toml [environments.orders]`. */
  readonly source: string;
  /** True for those of the environment that was named. */
  readonly isNamed: boolean;
  /** The command it is for, where it is for one only. */
  readonly command?: string;
}

/** A name that no configuration file gives to an environment. */
export class UnknownName extends FigaroError {
  constructor(message: string, details: ErrorDetails) {
    super('usage', message, details);
  }
}

const fileName = 'figaro-backup.toml';

/** Where configuration is looked for when nobody says where: in the user's own directory, then in that of the machine. */
export function configPlaces(env: Variables, platform: NodeJS.Platform = process.platform): readonly string[] {
  if (platform === 'win32') {
    const own = env['XDG_CONFIG_HOME'] || env['APPDATA'];
    const forAll = placeForAll(env);
    return [...(own ? [path.win32.join(own, fileName)] : []), ...(forAll === undefined ? [] : [forAll])];
  }
  const user = env['XDG_CONFIG_HOME'] || (env['HOME'] ? path.posix.join(env['HOME'], '.config') : undefined);
  return [...(user === undefined ? [] : [path.posix.join(user, fileName)]), `/etc/${fileName}`];
}

/** On Windows. */
function placeForAll(env: Variables): string | undefined {
  return env['ProgramData'] ? path.win32.join(env['ProgramData'], fileName) : undefined;
}

/** Throws `usage` for a file that cannot be used, and when the one that was asked for is not there. */
export function findConfig(
  files: Files,
  env: Variables,
  given: string | undefined,
  platform: NodeJS.Platform = process.platform,
): ConfigFile | undefined {
  const wanted = given ?? (env['FIGARO_BACKUP_CONFIG'] || undefined);
  for (const place of wanted === undefined ? configPlaces(env, platform) : [wanted]) {
    const bytes = wanted === undefined ? readIfPermitted(files, place) : readIfThere(files, place);
    if (!bytes) continue;
    const isAnybodys = platform === 'win32' && wanted === undefined && place === placeForAll(env);
    return { ...parseConfig(place, Buffer.from(bytes).toString('utf8')), isAnybodys };
  }
  if (wanted === undefined) return undefined;
  throw new FigaroError('usage', `${wanted}: there is no such configuration file`, { path: wanted });
}

/** What nobody named, and we may not read, is another user’s: HOME often is, with sudo. */
function readIfPermitted(files: Files, file: string): Uint8Array | undefined {
  try {
    return readIfThere(files, file);
  } catch (error) {
    if (error instanceof FigaroError && error.code === 'not-permitted') return undefined;
    throw error;
  }
}

function parseConfig(file: string, text: string): Omit<ConfigFile, 'isAnybodys'> {
  const unusable = (problem: string): FigaroError =>
    new FigaroError('usage', `${file}: ${problem}`, {
      path: file,
      hint: 'docs/configuration.md of the package shows what the file looks like.',
    });
  let document: Record<string, unknown>;
  try {
    document = parse(text);
  } catch (error) {
    throw unusable((error as Error).message.split('\n')[0]!);
  }
  const { defaults = {}, environments = {}, ...strangers } = document;
  const [stranger] = Object.keys(strangers);
  if (stranger !== undefined) throw unusable(`there is no section or setting ${stranger}`);
  if (!isTable(defaults) || !isTable(environments)) throw unusable('defaults and environments have to be tables');
  for (const [where, table] of [['defaults', defaults] as const, ...Object.entries(environments)]) {
    if (!isTable(table)) throw unusable(`environments.${where} has to be a table`);
    const tables = Object.entries(table).filter(([name, value]) => isTable(value) && commandOf(name) !== undefined);
    const names = new Set(tables.map(([name]) => name));
    const problem =
      problemOf(
        where,
        Object.entries(table).filter(([name]) => !names.has(name)),
      ) ?? tables.map(([name, value]) => problemOf(`${where}.${name}`, Object.entries(value as Table))).find(Boolean);
    if (problem !== undefined) throw unusable(problem);
  }
  return { path: file, defaults, environments: environments as ConfigFile['environments'] };
}

function problemOf(where: string, settings: readonly (readonly [name: string, value: unknown])[]): string | undefined {
  for (const [name, value] of settings) {
    if (!(settingNames as readonly string[]).includes(name)) return `there is no setting ${name}, as in ${where}`;
    const isList = Array.isArray(value);
    if (isList && !repeatedSettings.has(name)) {
      return `${name} in ${where} is a list, and that option can be given only once`;
    }
    if (isList && value.some((element) => typeof element !== 'string')) {
      return `${name} in ${where} is a list of something other than texts`;
    }
    if (!isList && !['string', 'number', 'boolean'].includes(typeof value)) {
      return `${name} in ${where} is ${repeatedSettings.has(name) ? 'neither a single value nor a list' : 'not a single value'}`;
    }
  }
  return undefined;
}

/** The command that a table is for: `logs-prune` is for `logs prune`. */
function commandOf(name: string): string | undefined {
  return commandsWithTables.find((command) => tableName(command) === name);
}

function tableName(command: string): string {
  return command.replaceAll(' ', '-');
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The tables that hold, the more particular one first. */
export function tablesFor(
  { path: file, defaults, environments }: ConfigFile,
  environment: string | undefined,
  command: string | undefined,
): readonly HoldingTable[] {
  const both = (table: Table, name: string, isNamed: boolean): HoldingTable[] => {
    const general = { table, source: `${file} [${name}]`, isNamed };
    const own = command === undefined ? undefined : table[tableName(command)];
    if (command === undefined || !isTable(own)) return [general];
    return [{ table: own, source: `${file} [${name}.${tableName(command)}]`, isNamed, command }, general];
  };
  const general = both(defaults, 'defaults', false);
  if (environment === undefined) return general;
  const own = Object.hasOwn(environments, environment) ? environments[environment] : undefined;
  if (!own) {
    const known = Object.keys(environments);
    throw new UnknownName(`${file} has no environment ${environment}`, {
      path: file,
      hint: known.length > 0 ? `it has ${known.join(', ')}.` : 'write a section [environments.NAME] into it.',
    });
  }
  return [...both(own, `environments.${environment}`, true), ...general];
}

/** Throws `not-permitted` for a file into which somebody else may write what this program is to run, or where it is to write. */
export function requireTrusted(files: Files, { path: file, isAnybodys }: ConfigSource, what: string): void {
  if (isAnybodys) {
    throw new FigaroError('not-permitted', `${file}: it names ${what}, and any user could have made it`, {
      path: file,
      hint: 'see that only administrators can write to it, then name it with --config or in FIGARO_BACKUP_CONFIG.',
    });
  }
  const me = process.getuid?.();
  if (me === undefined) return;
  const { uid, mode } = withFile(files, file, (opened) => opened.stat());
  const problem =
    uid !== me && uid !== 0
      ? 'belongs to another user'
      : (mode & 0o002) !== 0
        ? 'can be written by everybody'
        : undefined;
  if (problem === undefined) return;
  throw new FigaroError('not-permitted', `${file}: it names ${what}, and ${problem}`, {
    path: file,
    hint: 'let it belong to you or to root, and take the permission to write from others.',
  });
}
