/** The command line as data: completions and the man page are made of it. */

/** What a value is: shells complete it accordingly. `text` is what nobody but the operator knows. */
export type ValueKind = 'directory' | 'file' | 'environment' | 'set' | 'choice' | 'text';

export interface Value {
  /** As it is written in the usage: `dir`. */
  readonly name: string;
  readonly kind: ValueKind;
  /** All there are, of a `choice`. */
  readonly choices: readonly string[];
}

export interface OptionDescription {
  /** `-q`, `--quiet`: the short one first. */
  readonly names: readonly string[];
  readonly description: string;
  /** For people: `26h`. */
  readonly default: string | undefined;
  /** Undefined for a switch. */
  readonly value: Value | undefined;
  readonly isRepeatable: boolean;
  /** True for what every command has. */
  readonly isCommon: boolean;
}

export interface ArgumentDescription extends Value {
  readonly description: string;
  readonly isRequired: boolean;
}

export interface CommandDescription {
  /** `['logs', 'list']`; empty for the program itself. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentDescription[];
  readonly options: readonly OptionDescription[];
  /** Lines for a shell. */
  readonly examples: readonly string[];
  readonly commands: readonly CommandDescription[];
}

/** A command and all below it, parents first. */
export function allCommands(command: CommandDescription): CommandDescription[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** Something that several commands have in the same words, and which ones these are, as typed. */
export interface Shared<T> {
  readonly thing: T;
  readonly commands: readonly string[];
}

/** What the reference says once, and what it says of each command. */
export interface Reference {
  /** The commands that do something: neither groups of them nor `help`. */
  readonly commands: readonly CommandDescription[];
  readonly commonOptions: readonly OptionDescription[];
  readonly sharedArguments: readonly Shared<ArgumentDescription>[];
  readonly sharedOptions: readonly Shared<OptionDescription>[];
  /** Arguments and options that this command alone has, and the names of those that it shares, as typed. */
  readonly ownOf: (command: CommandDescription) => Own;
}

export interface Own {
  readonly arguments: readonly ArgumentDescription[];
  readonly options: readonly OptionDescription[];
  readonly shared: readonly string[];
}

/** Sorts what commands take by who has it, so that each thing has to be explained once. */
export function referenceOf(program: CommandDescription): Reference {
  const commands = allCommands(program)
    .slice(1)
    .filter(({ words, commands: children }) => children.length === 0 && words.at(-1) !== 'help');
  const common = new Map(
    [...program.options, ...commands.flatMap(({ options }) => options.filter(({ isCommon }) => isCommon))].map(
      (option) => [keyOf(option), option],
    ),
  );
  const optionsOf = (command: CommandDescription): readonly OptionDescription[] =>
    command.options.filter((option) => !common.has(keyOf(option)));
  const sharedArguments = sharedBy(commands, (command) => command.arguments);
  const sharedOptions = sharedBy(commands, optionsOf);
  return {
    commands,
    commonOptions: [...common.values()],
    sharedArguments: [...sharedArguments.values()],
    sharedOptions: [...sharedOptions.values()],
    ownOf: (command) => ({
      arguments: command.arguments.filter((argument) => !sharedArguments.has(keyOf(argument))),
      options: optionsOf(command).filter((option) => !sharedOptions.has(keyOf(option))),
      shared: [
        ...command.arguments.filter((argument) => sharedArguments.has(keyOf(argument))).map(argumentTerm),
        ...optionsOf(command)
          .filter((option) => sharedOptions.has(keyOf(option)))
          .map(({ names }) => names.at(-1)!),
      ],
    }),
  };
}

/** As it stands in the usage: `<file>`, `[environment]`. */
export function argumentTerm({ name, isRequired }: ArgumentDescription): string {
  return isRequired ? `<${name}>` : `[${name}]`;
}

/** What there is to say about an option behind its description: choices and default. */
export function optionDetails({ value, default: usual }: OptionDescription): string {
  const details = [
    ...(value && value.choices.length > 0 ? [`one of ${value.choices.join(', ')}`] : []),
    ...(usual === undefined ? [] : [`default: ${usual}`]),
  ];
  return details.length > 0 ? ` (${details.join('; ')})` : '';
}

function sharedBy<T extends object>(
  commands: readonly CommandDescription[],
  thingsOf: (command: CommandDescription) => readonly T[],
): ReadonlyMap<string, Shared<T>> {
  const all = new Map<string, { thing: T; commands: string[] }>();
  for (const command of commands) {
    for (const thing of thingsOf(command)) {
      const key = keyOf(thing);
      if (!all.has(key)) all.set(key, { thing, commands: [] });
      all.get(key)!.commands.push(typed(command));
    }
  }
  return new Map([...all].filter(([, shared]) => shared.commands.length > 1));
}

/** Equal for things that need one explanation. */
const keyOf = (thing: object): string => JSON.stringify({ ...thing, isCommon: undefined });

/** As it is typed behind the name of the program: `logs list`. */
export function typed({ words }: Pick<CommandDescription, 'words'>): string {
  return words.join(' ');
}

/** What a command offers for an argument or a value: a kind, and its choices. */
export function kindAndChoices({ kind, choices }: Value): readonly string[] {
  return [kind, ...choices];
}
