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

/** As it is typed behind the name of the program: `logs list`. */
export function typed({ words }: Pick<CommandDescription, 'words'>): string {
  return words.join(' ');
}

/** What a command offers for an argument or a value: a kind, and its choices. */
export function kindAndChoices({ kind, choices }: Value): readonly string[] {
  return [kind, ...choices];
}
