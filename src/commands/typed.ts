/** Command lines as people type them: put into order, and answered with what helps where they are wrong. */

import { type Command, type CommanderError } from 'commander';
import { FigaroError } from '../errors.ts';

const commonWithValue: ReadonlySet<string> = new Set(['--config', '--log-file', '--log-format']);
const commonFlags: ReadonlySet<string> = new Set(['--json', '-q', '--quiet', '-v', '--verbose', '--no-color']);

/** Common options may stand before the command, and between it and the one below it: they are moved behind. */
export function inOrder(argv: readonly string[]): readonly string[] {
  const words: string[] = [];
  const moved: string[] = [];
  let i = 0;
  for (; i < argv.length && words.length < 2; i++) {
    const word = argv[i]!;
    if (commonFlags.has(word) || (commonWithValue.has(word.split('=')[0]!) && word.includes('='))) moved.push(word);
    else if (commonWithValue.has(word) && i + 1 < argv.length) moved.push(word, argv[++i]!);
    else if (word.startsWith('-')) break;
    else words.push(word);
  }
  return words.length === 0 ? argv : [...words, ...moved, ...argv.slice(i)];
}

/** The value of an option in a command line that may be wrong; the last one given. */
export function valueTyped(argv: readonly string[], option: string): string | undefined {
  const i = argv.findLastIndex((word) => word === option || word.startsWith(`${option}=`));
  return argv[i] === option ? argv[i + 1] : argv[i]?.slice(option.length + 1);
}

/** What other tools call what ours do. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  restore: ['recover'],
  rollback: ['recover'],
  db_recover: ['recover'],
  backup: ['hot', 'offline', 'incremental'],
  snapshot: ['hot', 'offline', 'incremental'],
  full: ['hot', 'offline'],
  db_hotbackup: ['hot'],
  create: ['init'],
  'stanza-create': ['init'],
  snapshots: ['list'],
  ls: ['list'],
  info: ['list', 'show'],
  synthetic: ['consolidate'],
  merge: ['consolidate'],
  prune: ['expire', 'logs prune'],
  forget: ['expire'],
  sync: ['copy'],
  mirror: ['copy'],
  replicate: ['copy'],
  delete: ['expire'],
  cron: ['schedule install'],
  crontab: ['schedule install'],
  systemd: ['schedule install'],
  timer: ['schedule install'],
  schtasks: ['schedule install'],
  status: ['check', 'failover status'],
  health: ['check'],
  dashboard: ['report'],
  html: ['report'],
  stats: ['show'],
  db_verify: ['verify', 'inspect container'],
  db_dump: ['dump'],
  log: ['logs'],
  db_printlog: ['logs print'],
  db_archive: ['logs prune'],
  db_stat: ['inspect'],
  standby: ['failover'],
  follow: ['failover follow'],
  promote: ['failover promote'],
};

/** Options that a command has not, and people look for there, by what commander says of them: what to do instead. */
const missingOptions: Readonly<Record<string, string>> = {
  "incremental: unknown option '--to-stdout'":
    'an incremental is nothing without its chain: take it into a repository, then `figaro-backup copy --set latest --to-stdout` writes it.',
};

/** The command at the end of the words of `help`. Throws `usage` for one that there is not. */
export function commandNamed(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((child) => child.name() === word);
    if (!next) throw new FigaroError('usage', `there is no command ${word}`, { hint: hintFor(command, word) });
    command = next;
  }
  return command;
}

/** What commander found wrong with a command line. */
export function asUsage({ code, message }: CommanderError, program: Command, argv: readonly string[]): FigaroError {
  const group = program.commands.find((child) => child.name() === argv[0] && child.commands.length > 0);
  if (code === 'commander.help') {
    const what = group ? `${group.name()} needs one of its commands` : 'no command was given';
    return new FigaroError('usage', what, { hint: hintFor(group ?? program) });
  }
  const [first = '', suggestion] = message.replace(/^error: /, '').split('\n');
  const unknown = code === 'commander.unknownCommand' ? /'(.*)'/.exec(first)?.[1] : undefined;
  const elsewhere = missingOptions[`${argv[0]}: ${first}`];
  if (elsewhere !== undefined) return new FigaroError('usage', first, { hint: elsewhere });
  const ours = unknown !== undefined && (Object.hasOwn(otherNames, unknown) || suggestion === undefined);
  return new FigaroError('usage', first.replace(/\.$/, ''), {
    hint: ours
      ? hintFor(group ?? program, unknown)
      : (suggestion?.replaceAll(/[()]/g, '').toLowerCase() ?? seeHelpOf(program, argv)),
  });
}

/** The help of the command that was typed; of those of a group, where nothing says which. */
function seeHelpOf(program: Command, argv: readonly string[]): string {
  const words: string[] = [];
  let command: Command | undefined = program;
  for (const word of argv) {
    command = command.commands.find((child) => child.name() === word);
    if (!command) break;
    words.push(word);
  }
  return words.length === 0 ? seeHelp : `see \`figaro-backup ${words.join(' ')} --help\`.`;
}

const seeHelp = 'see `figaro-backup --help`, or `figaro-backup <command> --help`.';

/** @param word typed where a command should be */
function hintFor(parent: Command, word = ''): string {
  if (parent.parent) {
    const names = parent.commands.map((child) => child.name());
    return `it has ${listed(names, 'and')}: see \`figaro-backup ${parent.name()} --help\`.`;
  }
  const ours = Object.hasOwn(otherNames, word) ? otherNames[word]! : [];
  if (ours.length === 0) return seeHelp;
  const names = ours.map((name) => `\`${name}\``);
  return `that is ${listed(names, 'or')} here: see \`figaro-backup ${ours[0]} --help\`.`;
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[], and: string): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${and} ${names.at(-1)}`;
}

/** Throws `usage` for a place that was given as an empty text: a variable of a script that has no value, mostly. */
export function requireNoEmptyPlaces(command: Command): void {
  for (const option of command.options) {
    if (!/<(dir|file|set|container)>/.test(option.flags)) continue;
    const key = option.attributeName();
    if (command.getOptionValueSource(key) !== 'cli') continue;
    if (![command.getOptionValue(key) as unknown].flat().includes('')) continue;
    throw empty(option.long!);
  }
  for (const [i, argument] of command.registeredArguments.entries()) {
    if (argument.name() === 'dir' && command.processedArgs[i] === '') throw empty('the directory');
  }
}

function empty(what: string): FigaroError {
  return new FigaroError('usage', `${what} is empty`, { hint: 'is a variable in the command line that has no value?' });
}
