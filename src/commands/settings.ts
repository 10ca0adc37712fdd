/** Values of options that were not given on the command line: from variables, and from the configuration file. */

import path from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { parse } from 'smol-toml';
import { readIfThere, type Files } from '../engine/files.ts';
import { FigaroError } from '../errors.ts';

/** Options that can be set outside of the command line, and what they are for. */
export const settingNames = [
  'home',
  'repo',
  'password-file',
  'lock-wait',
  'max-rate',
  'cache-size',
  'any-order',
  'share',
  'budget',
  'max-age',
  'max-rehearsal-age',
  'min-free',
  'prometheus',
  'keep-full',
  'keep-within',
  'keep-daily',
  'keep-weekly',
  'keep-monthly',
] as const;

type SettingName = (typeof settingNames)[number];

/** These belong together: with an environment that is named, a variable meant for another one must not replace one. */
const ofOneEnvironment: ReadonlySet<string> = new Set(['home', 'repo', 'password-file']);

/** Variables that stand for an option beside `FIGARO_BACKUP_…`. */
const otherVariables: Partial<Record<SettingName, string>> = { home: 'DB_HOME' };

export interface Setting {
  readonly name: SettingName;
  readonly value: string;
  /** For people: `$DB_HOME`, `/etc/figaro-backup.toml [environments.orders]`. */
  readonly source: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Where configuration is looked for when nobody says where. */
export function configPlaces(env: Variables): readonly string[] {
  const user = env['XDG_CONFIG_HOME'] || (env['HOME'] ? path.join(env['HOME'], '.config') : undefined);
  return [...(user === undefined ? [] : [path.join(user, 'figaro-backup.toml')]), '/etc/figaro-backup.toml'];
}

/**
 * The settings that hold for an environment, or without a name in general. Throws `usage` for a file that can not be
 * used, and for a name it does not have.
 */
export function readSettings(
  files: Files,
  env: Variables,
  { config, environment }: { readonly config?: string | undefined; readonly environment?: string | undefined },
): readonly Setting[] {
  const file = findConfig(files, env, config);
  if (environment !== undefined && !file) {
    throw new FigaroError('usage', `there is no configuration file that could say what ${environment} is`, {
      hint: `write ${configPlaces(env)[0]}, or give --config FILE.`,
    });
  }
  const tables = file ? tablesFor(file, environment) : [];
  const settings: Setting[] = [];
  for (const name of settingNames) {
    const fromFile = tables.find(({ table }) => table[name] !== undefined);
    const isNamed = environment !== undefined && fromFile?.isNamed === true && ofOneEnvironment.has(name);
    const variable = isNamed ? undefined : variableFor(name, env);
    if (variable) settings.push({ name, value: env[variable]!, source: `$${variable}` });
    else if (fromFile) settings.push({ name, value: String(fromFile.table[name]), source: fromFile.source });
  }
  return settings;
}

/** What the configuration file has under `[environments]`. Throws `usage` for a file that can not be used. */
export function environmentNames(files: Files, env: Variables, config: string | undefined): readonly string[] {
  return Object.keys(findConfig(files, env, config)?.environments ?? {});
}

/** The variables that stand for an option, the one that goes before the other first. */
export function variablesOf(name: SettingName): readonly string[] {
  const own = `FIGARO_BACKUP_${name.toUpperCase().replaceAll('-', '_')}`;
  return [own, otherVariables[name]].filter((variable) => variable !== undefined);
}

function variableFor(name: SettingName, env: Variables): string | undefined {
  return variablesOf(name).find((variable) => Boolean(env[variable]));
}

interface ConfigFile {
  readonly path: string;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly environments: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function findConfig(files: Files, env: Variables, given: string | undefined): ConfigFile | undefined {
  const wanted = given ?? (env['FIGARO_BACKUP_CONFIG'] || undefined);
  for (const place of wanted === undefined ? configPlaces(env) : [wanted]) {
    const bytes = wanted === undefined ? readIfPermitted(files, place) : readIfThere(files, place);
    if (bytes) return parseConfig(place, Buffer.from(bytes).toString('utf8'));
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

function parseConfig(file: string, text: string): ConfigFile {
  const unusable = (problem: string): FigaroError =>
    new FigaroError('usage', `${file}: ${problem}`, { path: file, hint: 'the README shows what the file looks like.' });
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
    for (const [name, value] of Object.entries(table)) {
      if (!(settingNames as readonly string[]).includes(name))
        throw unusable(`there is no setting ${name}, as in ${where}`);
      if (!['string', 'number', 'boolean'].includes(typeof value))
        throw unusable(`${name} in ${where} is no single value`);
    }
  }
  return { path: file, defaults, environments: environments as ConfigFile['environments'] };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The tables that hold, the more particular one first. */
function tablesFor(
  { path: file, defaults, environments }: ConfigFile,
  environment: string | undefined,
): { readonly table: Readonly<Record<string, unknown>>; readonly source: string; readonly isNamed: boolean }[] {
  const general = { table: defaults, source: `${file} [defaults]`, isNamed: false };
  if (environment === undefined) return [general];
  const own = Object.hasOwn(environments, environment) ? environments[environment] : undefined;
  if (!own) {
    const known = Object.keys(environments);
    throw new FigaroError('usage', `${file} has no environment ${environment}`, {
      path: file,
      hint: known.length > 0 ? `it has ${known.join(', ')}.` : 'write a section [environments.NAME] into it.',
    });
  }
  return [{ table: own, source: `${file} [environments.${environment}]`, isNamed: true }, general];
}

/** Gives a command the settings for the options it has and was not given. Throws `usage` for a value that does not fit. */
export function applySettings(command: Command, settings: readonly Setting[]): void {
  for (const { name, value, source } of withOneSource(command, settings)) {
    const option = command.options.find(({ long }) => long === `--${name}`);
    if (!option) continue;
    const key = option.attributeName();
    const origin = command.getOptionValueSource(key);
    if (origin !== undefined && origin !== 'default') continue;
    command.setOptionValueWithSource(key, valueOf(option, value, source), 'config');
  }
}

/** Commands that look at one of several sources look at the one given, and a repository rather than an environment. */
function withOneSource(command: Command, settings: readonly Setting[]): readonly Setting[] {
  if (!command.options.some(({ long }) => long === '--from')) return settings;
  const isGiven = ['from', 'repo', 'home'].some((key) => command.getOptionValueSource(key) === 'cli');
  const without = isGiven ? ['repo', 'home'] : settings.some(({ name }) => name === 'repo') ? ['home'] : [];
  return settings.filter(({ name }) => !without.includes(name));
}

function valueOf(option: Option, value: string, source: string): unknown {
  const refuse = (problem: string): FigaroError =>
    new FigaroError('usage', `${option.long} from ${source}: ${problem}`);
  if (option.isBoolean()) {
    if (/^(true|1|yes)$/i.test(value)) return true;
    if (/^(false|0|no)$/i.test(value)) return undefined;
    throw refuse(`${JSON.stringify(value)} is neither true nor false`);
  }
  if (!option.parseArg) return value;
  try {
    return option.parseArg(value, undefined);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw refuse(error.message);
    throw error;
  }
}
