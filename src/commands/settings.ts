/** Values of options that were not given on the command line: from variables, and from the configuration file. */

import path from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { isOutside } from '../format/names.ts';
import { type Files } from '../engine/files/files.ts';
import { FigaroError } from '../errors.ts';
import {
  configPlaces,
  findConfig,
  requireTrusted,
  tablesFor,
  UnknownName,
  type ConfigSource,
  type HoldingTable,
} from './config-file.ts';
import {
  commandsWithTables,
  settingNames,
  settingsOfOthers,
  variablesAlone,
  type SettingName,
} from './setting-names.ts';

/** A command as it is typed: `hot`, `logs prune`. */
export function commandName(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${commandName(parent)} ${command.name()}` : command.name();
}

/** These belong together: with an environment that is named, a variable meant for another one must not replace one. */
const ofOneEnvironment: ReadonlySet<string> = new Set([
  'home',
  'repo',
  'data-dir',
  'log-dir',
  'password-file',
  'key-file',
  'identity',
]);

/** Directories of one environment: they hold for the home of the source that names them. */
const ofOneHome: ReadonlySet<string> = new Set(['data-dir', 'log-dir']);

/** Whoever writes these into a configuration file decides what we run, or what we write where. */
const inOurName: Partial<Record<SettingName, string>> = {
  'run-before': 'commands to run',
  'run-after': 'commands to run',
  'run-failed': 'commands to run',
  'log-file': 'a file to write to',
};

/** Variables that stand for an option beside `FIGARO_BACKUP_…`. */
const otherVariables: Partial<Record<SettingName, string>> = { home: 'DB_HOME' };

export interface Setting {
  readonly name: SettingName;
  /** Of an option that can be given several times, each of them. */
  readonly value: string | readonly string[];
  /** For people: `$DB_HOME`, `/etc/figaro-backup.toml [environments.orders]`. */
  readonly source: string;
  /** The configuration file it is from. */
  readonly file?: ConfigSource;
  /** Where it holds for one command only, its name. */
  readonly command?: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

interface Wanted {
  /** The file that was asked for. */
  readonly config?: string | undefined;
  readonly environment?: string | undefined;
  /** With the tables of this command. */
  readonly command?: string | undefined;
  /** The home that the command line names. */
  readonly home?: string | undefined;
}

/**
 * The settings that hold for an environment, or without a name in general. Throws `usage` for a file that cannot be
 * used, and for a name it does not have.
 */
export function readSettings(
  files: Files,
  env: Variables,
  { config, environment, command, home }: Wanted,
): readonly Setting[] {
  const file = findConfig(files, env, config);
  if (environment !== undefined && !file) {
    throw new UnknownName(`there is no configuration file, so ${environment} is not a known name`, {
      hint: `give its directories as options, or a file that names them: ${configPlaces(env)[0]}, or --config FILE.`,
    });
  }
  const tables = (name: SettingName): readonly HoldingTable[] =>
    file ? tablesFor(file, environment, settingsOfOthers[command ?? '']?.[name] ?? command) : [];
  const candidates = (name: SettingName): readonly Candidate[] => candidatesFor(name, tables(name), env, file);
  const homes = candidates('home');
  const inEffect = home === undefined ? homes[0] : { value: home };
  const settings: Setting[] = [];
  for (const name of [...settingNames, ...variablesAlone]) {
    const found = candidates(name).find(
      (candidate) => !inEffect || !ofOneHome.has(name) || isOfHome(candidate, inEffect, homes),
    );
    if (!found) continue;
    const { from: _from, ...setting } = found;
    settings.push(setting);
  }
  return settings;
}

/** A setting that holds unless a more particular one does. */
interface Candidate extends Setting {
  readonly from: 'environment' | 'variable' | 'defaults';
}

/** The more particular ones first. */
function candidatesFor(
  name: SettingName,
  tables: readonly HoldingTable[],
  env: Variables,
  file: ConfigSource | undefined,
): readonly Candidate[] {
  const inFile = tables
    .filter(({ table }) => table[name] !== undefined)
    .map(({ table, source, isNamed, command: only }): Candidate => {
      const from = isNamed ? 'environment' : 'defaults';
      const where = { source, file: file!, ...(only === undefined ? {} : { command: only }) };
      return { name, value: textOf(table[name]), from, ...where };
    });
  const variable = variableFor(name, env);
  if (variable === undefined) return inFile;
  const own = ofOneEnvironment.has(name) ? inFile.filter(({ from }) => from === 'environment') : [];
  const others = inFile.filter((candidate) => !own.includes(candidate));
  return [...own, { name, value: env[variable]!, source: `$${variable}`, from: 'variable' }, ...others];
}

/**
 * Whether directories belong to the home in effect: their own source names it; or names none, and either is that of the
 * environment that was asked for, or the home is from no more particular source. What lies inside of any home is nobody else's.
 */
function isOfHome(
  { from, value }: Candidate,
  home: Pick<Setting, 'value'> & Partial<Candidate>,
  homes: readonly Candidate[],
): boolean {
  if (value === '' || (from === 'defaults' && ![value].flat().some(isOutside))) return true;
  const own = homes.find((candidate) => candidate.from === from && candidate.value !== '');
  if (own) return path.resolve(String(own.value)) === path.resolve(String(home.value));
  return from === 'environment' || home.from === 'variable' || home.from === 'defaults';
}

function textOf(value: unknown): string | readonly string[] {
  return Array.isArray(value) ? value.map(String) : String(value);
}

/** What the configuration file has under `[environments]`. Throws `usage` for a file that cannot be used. */
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

/**
 * Gives a command the settings for the options it has and was not given. From then on its options are all there is to know: nobody
 * else looks at variables. Throws `usage` for a value that does not fit.
 */
export function applySettings(files: Files, command: Command, settings: readonly Setting[]): void {
  // What is empty takes back what is said in general.
  const given = settings.filter(({ value }) => value !== '');
  for (const { name, value, source, file } of withOneSource(command, given)) {
    const option = command.options.find(({ long }) => long === `--${name}`);
    if (!option) continue;
    // What somebody looks at now and then is not to fill the log of what runs by itself.
    if (name === 'log-file' && !(commandsWithTables as readonly string[]).includes(commandName(command))) continue;
    const key = option.attributeName();
    const origin = command.getOptionValueSource(key);
    if (origin !== undefined && origin !== 'default') continue;
    const what = inOurName[name];
    if (file !== undefined && what !== undefined) requireTrusted(files, file, what);
    command.setOptionValueWithSource(key, valueOf(option, value, source), 'config');
  }
}

/** Commands that look at one of several sources look at the one given, and a repository rather than an environment. */
function withOneSource(command: Command, settings: readonly Setting[]): readonly Setting[] {
  const has = (flag: string): boolean => command.options.some(({ long }) => long === flag);
  const isGiven = (key: string): boolean => command.getOptionValueSource(key) === 'cli';
  // A set that goes away or comes as a stream has no repository here.
  if (isGiven('fromStdin') || (isGiven('toStdout') && has('--home'))) {
    return settings.filter(({ name }) => name !== 'repo');
  }
  if (!has('--from')) return settings;
  const isAnyGiven = ['from', 'repo', 'home'].some(isGiven);
  const hasRepository = settings.some(({ name }) => name === 'repo');
  const isHome = isAnyGiven ? isGiven('home') : !hasRepository;
  const without = [...(isAnyGiven ? ['repo', 'home'] : hasRepository ? ['home'] : []), ...(isHome ? [] : ofOneHome)];
  return settings.filter(({ name }) => !without.includes(name));
}

function valueOf(option: Option, given: string | readonly string[], source: string): unknown {
  const values = typeof given === 'string' ? [given] : given;
  let result: unknown;
  for (const value of values) result = oneValueOf(option, value, source, result);
  return result;
}

/** @param before what an option that can be given several times has so far */
function oneValueOf(option: Option, value: string, source: string, before: unknown): unknown {
  const refuse = (problem: string): FigaroError =>
    new FigaroError('usage', `${option.long} from ${source}: ${problem}`);
  if (option.isBoolean()) {
    if (/^(true|1|yes)$/i.test(value)) return true;
    if (/^(false|0|no)$/i.test(value)) return undefined;
    throw refuse(`${JSON.stringify(value)} is neither true nor false`);
  }
  if (option.argChoices && !option.argChoices.includes(value)) {
    throw refuse(`${JSON.stringify(value)} is none of ${option.argChoices.join(', ')}`);
  }
  if (!option.parseArg) return value;
  try {
    return option.parseArg(value, before);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw refuse(error.message);
    throw error;
  }
}
