import { allCommands, typed, type CommandDescription, type OptionDescription } from './command-line.ts';
import { exitStatuses } from './exit-codes.ts';

export interface ManualFacts {
  readonly version: string;
  /** Options that can be set elsewhere, and the variables that stand for them. */
  readonly settings: readonly { readonly option: string; readonly variables: readonly string[] }[];
  /** Where the configuration file is looked for. */
  readonly places: readonly string[];
}

/** The manual page in the man macros of roff. */
export function manualPage(program: CommandDescription, { version, settings, places }: ManualFacts): string {
  const commands = allCommands(program)
    .slice(1)
    .filter(({ commands: children }) => children.length === 0);
  const options = commands.flatMap(({ options: own }) => own);
  const common = options.filter(({ isCommon }) => isCommon);
  const everywhere = [...program.options, ...common];
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
    ...commands.map(commandSection),
    '.SH COMMON OPTIONS\n',
    ...withoutRepetition(everywhere).map(optionItem),
    '.SH ENVIRONMENT\n',
    ...[...settings, ...otherSettings(options, settings)].map(({ option, variables }) =>
      item(variables.map(bold).join(', '), `Stands for ${option}: ${describeOption(options, option)}.`),
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
    ...program.examples.map(example),
    '.SH SEE ALSO\n',
    paragraph('db_recover, db_dump, db_verify and db_archive of Berkeley DB.'),
  ].join('');
}

function commandSection(command: CommandDescription): string {
  return [
    `.SS ${escape(typed(command))}\n`,
    synopsis(command.usage),
    ...command.description
      .split('\n')
      .filter((line) => line !== '')
      .map(paragraph),
    ...command.arguments.map(({ name, isRequired, description, choices }) =>
      item(
        bold(isRequired ? `<${name}>` : `[${name}]`),
        sentence(choices.length > 0 ? `${description || 'one of them'}: ${choices.join(', ')}` : description),
      ),
    ),
    ...command.options.filter(({ isCommon }) => !isCommon).map(optionItem),
    ...(command.examples.length > 0 ? ['.PP\nExamples:\n', ...command.examples.map(example)] : []),
  ].join('');
}

/** `.SY` and `.YS` are not in every man. */
function synopsis(usage: string): string {
  const [program = '', ...rest] = usage.split(' ');
  return `.PP\n${bold(program)} ${escape(rest.join(' '))}\n`;
}

function optionItem({ names, value, description, default: usual }: OptionDescription): string {
  const flags = names.map(bold).join(', ') + (value ? ` \\fI${escape(value.name)}\\fR` : '');
  const details = [
    ...(value && value.choices.length > 0 ? [`one of ${value.choices.join(', ')}`] : []),
    ...(usual === undefined ? [] : [`default: ${usual}`]),
  ];
  return item(flags, sentence(description + (details.length > 0 ? ` (${details.join('; ')})` : '')));
}

function describeOption(options: readonly OptionDescription[], name: string): string {
  // What a variable stands for need not be told of itself.
  return (options.find(({ names }) => names.includes(name))?.description ?? '').replace(/ \(or \$\w+\)$/, '');
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

function withoutRepetition(options: readonly OptionDescription[]): OptionDescription[] {
  return [...new Map(options.map((option) => [option.names.join(), option])).values()];
}

function item(term: string, text: string): string {
  return `.TP\n${term}\n${escapeLine(text)}\n`;
}

function paragraph(text: string): string {
  return `.PP\n${escapeLine(text)}\n`;
}

function example(line: string): string {
  return `.PP\n.RS 4\n.nf\n${escapeLine(line)}\n.fi\n.RE\n`;
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
