/** The commander program as data. */

import { type Argument, type Command, type Option } from 'commander';
import {
  type ArgumentDescription,
  type CommandDescription,
  type OptionDescription,
  type Value,
  type ValueKind,
} from '../output/command-line.ts';
import { collectors, commonHeading, examplesOf } from './options.ts';

const programName = 'figaro-backup';

/** What the names in `<dir>` and `[environment]` say. */
const kinds: Readonly<Record<string, ValueKind>> = {
  dir: 'directory',
  file: 'file',
  environment: 'environment',
  set: 'set',
};

/** A command with everything below it that help shows; `words` are typed before its name. */
export function describeCommand(command: Command, words: readonly string[] = []): CommandDescription {
  const help = command.createHelp();
  return {
    words,
    summary: command.summary() || command.description(),
    description: command.description(),
    usage: [programName, ...words, command.usage()].join(' ').trim(),
    arguments: command.registeredArguments.map(describeArgument),
    options: help.visibleOptions(command).map(describeOption),
    examples: examplesOf(command),
    commands: help.visibleCommands(command).map((child) => describeChild(command, child, words)),
  };
}

function describeChild(parent: Command, child: Command, words: readonly string[]): CommandDescription {
  const description = describeCommand(child, [...words, child.name()]);
  // The command `help` is commander's own.
  if (parent.commands.includes(child)) return description;
  const choices = parent.commands.map((command) => command.name());
  return { ...description, arguments: description.arguments.map((each) => ({ ...each, kind: 'choice', choices })) };
}

function describeArgument(argument: Argument): ArgumentDescription {
  return {
    ...describeValue(argument.name(), argument.argChoices),
    description: argument.description,
    isRequired: argument.required,
  };
}

function describeOption(option: Option): OptionDescription {
  const { short, long, description, flags, argChoices, defaultValue, defaultValueDescription } = option;
  const valueName = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1];
  const isShown = valueName !== undefined && defaultValue !== undefined && defaultValue !== '';
  return {
    names: [short, long].filter((name) => name !== undefined),
    description,
    default: isShown ? (defaultValueDescription ?? String(defaultValue)) : undefined,
    value: valueName === undefined ? undefined : describeValue(valueName, argChoices),
    isRepeatable: collectors.has(option.parseArg),
    isCommon: option.helpGroupHeading === commonHeading,
  };
}

function describeValue(name: string, choices: readonly string[] = []): Value {
  return { name, kind: choices.length > 0 ? 'choice' : (kinds[name] ?? 'text'), choices };
}
