import {
  argumentTerm,
  optionDetails,
  referenceOf,
  typed,
  type ArgumentDescription,
  type CommandDescription,
  type OptionDescription,
  type Reference,
} from './command-line.ts';
import { exitStatuses } from './exit-codes.ts';

interface ManualFacts {
  readonly version: string;
  /** Options that can be set elsewhere, and the variables that stand for them. */
  readonly settings: readonly { readonly option: string; readonly variables: readonly string[] }[];
  /** Where the configuration file is looked for. */
  readonly places: readonly string[];
}

/** The manual page in the man macros of roff. */
export function manualPage(program: CommandDescription, { version, settings, places }: ManualFacts): string {
  const reference = referenceOf(program);
  const { commands, commonOptions, sharedArguments, sharedOptions } = reference;
  const options = commands.flatMap(({ options: own }) => own);
  return [
    `.TH FIGARO\\-BACKUP 1 "" "figaro\\-backup ${escape(version)}" "User Commands"\n`,
    // Names of options and variables stay whole, so that they can be searched for.
    '.nh\n.ad l\n',
    '.SH NAME\n',
    'figaro\\-backup \\- back up and recover Figaro (Berkeley DB XML) environments\n',
    '.SH SYNOPSIS\n',
    synopsis(program.usage),
    '.SH DESCRIPTION\n',
    paragraph(program.description),
    paragraph(
      'Options that are not given come from variables, then from the configuration file, then from defaults. Results go to stdout, everything else to stderr.',
    ),
    '.SH COMMANDS\n',
    ...commands.map((command) => commandSection(command, reference)),
    '.SH SHARED OPTIONS\n',
    paragraph('What several commands take. An option that means something else elsewhere is told there.'),
    ...sharedArguments.map(({ thing, commands: takers }) => argumentItem(thing, takers)),
    ...sharedOptions.map(({ thing, commands: takers }) => optionItem(thing, takers)),
    '.SH COMMON OPTIONS\n',
    ...commonOptions.map((option) => optionItem(option)),
    '.SH ENVIRONMENT\n',
    paragraph('What stands for an option that is not given; of two, the first one that is set:'),
    block(
      [...settings, ...otherSettings(options, settings)].map(
        ({ option, variables }) => `${variables.map(bold).join(', ')} for ${escape(option)}`,
      ),
    ),
    item(bold('NO_COLOR'), 'When set and not empty, there are no colours.'),
    item(
      bold('FORCE_COLOR'),
      'When set and not empty, there are colours even where there is no terminal; with 0, there are none.',
    ),
    '.SH FILES\n',
    ...places.map((place, i) =>
      item(
        bold(place),
        i === 0
          ? 'The configuration file, in TOML; XDG_CONFIG_HOME is ~/.config where it is not set. Its table defaults has settings for all environments, environments.NAME those of one, which commands then take by its NAME.'
          : 'The configuration file where that one is missing.',
      ),
    ),
    '.SH EXIT STATUS\n',
    ...exitStatuses.map(({ status, meaning, codes }) =>
      item(bold(`${status}`), sentence(meaning) + (codes.length > 0 ? ` In messages: ${codes.join(', ')}.` : '')),
    ),
    paragraph('Any other exit status means failure, too.'),
    '.SH EXAMPLES\n',
    block(program.examples.map(escapeLine)),
    '.SH SEE ALSO\n',
    paragraph('db_recover, db_dump, db_verify and db_archive of Berkeley DB.'),
  ].join('');
}

function commandSection(command: CommandDescription, { ownOf }: Reference): string {
  const { arguments: ownArguments, options, shared } = ownOf(command);
  return [
    `.SS ${escape(typed(command))}\n`,
    synopsis(command.usage),
    ...command.description
      .split('\n')
      .filter((line) => line !== '')
      .map(paragraph),
    ...ownArguments.map((argument) => argumentItem(argument)),
    ...options.map((option) => optionItem(option)),
    ...(shared.length > 0 ? [paragraph(`Shared options: ${shared.join(', ')}.`)] : []),
    ...(command.examples.length > 0 ? ['.PP\nExamples:\n', block(command.examples.map(escapeLine))] : []),
  ].join('');
}

/** `.SY` and `.YS` are not in every man. */
function synopsis(usage: string): string {
  const [program = '', ...rest] = usage.split(' ');
  return `.PP\n${bold(program)} ${escape(rest.join(' '))}\n`;
}

/** With `takers`, the commands that have it. */
function argumentItem(argument: ArgumentDescription, takers: readonly string[] = []): string {
  const { description, choices } = argument;
  const text = choices.length > 0 ? `${description || 'one of them'}: ${choices.join(', ')}` : description;
  return item(bold(argumentTerm(argument)), sentence(text) + takenBy(takers));
}

function optionItem(option: OptionDescription, takers: readonly string[] = []): string {
  const { names, value, description } = option;
  const flags = names.map(bold).join(', ') + (value ? ` \\fI${escape(value.name)}\\fR` : '');
  return item(flags, sentence(description + optionDetails(option)) + takenBy(takers));
}

function takenBy(takers: readonly string[]): string {
  return takers.length > 0 ? ` Of ${takers.join(', ')}.` : '';
}

/** Variables that only the description of their option tells of. */
function otherSettings(
  options: readonly OptionDescription[],
  settings: ManualFacts['settings'],
): ManualFacts['settings'] {
  const known = new Set(settings.flatMap(({ variables }) => variables));
  const found = new Map<string, string>();
  for (const { names, description } of options) {
    const variable = /\(or \$([A-Z_]+)\)/.exec(description)?.[1];
    if (variable !== undefined && !known.has(variable)) found.set(variable, names.at(-1)!);
  }
  return [...found].map(([variable, option]) => ({ option, variables: [variable] }));
}

function item(term: string, text: string): string {
  return `.TP\n${term}\n${escapeLine(text)}\n`;
}

function paragraph(text: string): string {
  return `.PP\n${escapeLine(text)}\n`;
}

/** Lines that stay as they are. */
function block(lines: readonly string[]): string {
  return `.PP\n.RS 4\n.nf\n${lines.map((line) => `${line}\n`).join('')}.fi\n.RE\n`;
}

function sentence(text: string): string {
  return text === '' ? '' : `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

function bold(text: string): string {
  return `\\fB${escape(text)}\\fR`;
}

/** A line of text: what it begins with is no macro. */
function escapeLine(text: string): string {
  return escape(text).replace(/^(?=[.'])/, String.raw`\&`);
}

/** Characters that roff would take for something else; hyphens that are typed stay hyphens. */
function escape(text: string): string {
  return text
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replaceAll("'", String.raw`\(aq`)
    .replaceAll('`', String.raw`\(ga`)
    .replaceAll('~', String.raw`\(ti`)
    .replaceAll('^', String.raw`\(ha`)
    .replaceAll('’', String.raw`\(cq`);
}
