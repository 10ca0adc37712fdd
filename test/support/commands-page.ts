/** `docs/commands.md`, made from the definitions of the commands. `npm run docs` writes it. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  argumentTerm,
  optionDetails,
  referenceOf,
  typed,
  type ArgumentDescription,
  type CommandDescription,
  type OptionDescription,
  type Reference,
} from '../../src/output/command-line.ts';
import { describedProgram } from './completion.ts';

export const commandsPage = path.join(import.meta.dirname, '../../docs/commands.md');

export function commandsText(program: CommandDescription): string {
  const reference = referenceOf(program);
  const { commands, commonOptions, sharedArguments, sharedOptions } = reference;
  return [
    '<!-- Made by `npm run docs` from the definitions of the commands. Changes belong there. -->\n',
    '# Commands\n',
    'What `--help` of each command says, and `man figaro-backup`, on one page. How the commands work together is told by the pages beside this one: [backups](backups.md), [recovery](recovery.md), [monitoring](monitoring.md), [a standby](standby.md), [looking inside](inspect.md).\n',
    commands.map((command) => `[${typed(command)}](#${typed(command).replaceAll(' ', '-')})`).join(' · ') + '\n',
    ...commands.flatMap((command) => commandPart(command, reference)),
    '## Shared options\n',
    'What several commands take. `orders` is an environment of the [configuration file](configuration.md).\n',
    '| option | means | of |\n| --- | --- | --- |\n' +
      [
        ...sharedArguments.map(({ thing, commands: takers }) =>
          row(...argumentCells(thing), takers.map(code).join(', ')),
        ),
        ...sharedOptions.map(({ thing, commands: takers }) => row(...optionCells(thing), takers.map(code).join(', '))),
      ].join(''),
    '## Common options\n',
    'What every command takes, `completion` and `man` aside.\n',
    table('option', commonOptions.map(optionCells)),
  ].join('\n');
}

function commandPart(command: CommandDescription, { ownOf }: Reference): string[] {
  const { arguments: ownArguments, options, shared } = ownOf(command);
  const rows = [...ownArguments.map(argumentCells), ...options.map(optionCells)];
  return [
    `## ${typed(command)}\n`,
    ...command.description
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `${inProse(line)}\n`),
    `\`\`\`\n${command.usage}\n\`\`\`\n`,
    ...(rows.length > 0 ? [table('option', rows)] : []),
    ...(shared.length > 0 ? [`[Shared](#shared-options): ${shared.map(code).join(', ')}\n`] : []),
    `\`\`\`sh\n${command.examples.map((line) => `${line}\n`).join('')}\`\`\`\n`,
  ];
}

function argumentCells(argument: ArgumentDescription): [string, string] {
  const { description, choices } = argument;
  return [code(argumentTerm(argument)), inProse(description) + (choices.length > 0 ? `: ${choices.join(', ')}` : '')];
}

function optionCells(option: OptionDescription): [string, string] {
  const { names, value, description } = option;
  const flags = [...names.slice(0, -1), names.at(-1)! + (value ? ` <${value.name}>` : '')];
  return [flags.map(code).join(', '), inProse(description + optionDetails(option))];
}

function table(heading: string, rows: readonly (readonly string[])[]): string {
  return `| ${heading} | means |\n| --- | --- |\n${rows.map((cells) => row(...cells)).join('')}`;
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |\n`;

const code = (text: string): string => `\`${text}\``;

/** Options, variables and patterns, as what is typed; stars would become italics. */
function inProse(text: string): string {
  return text.replaceAll(/(?<![\w`-])(--[a-z][a-z-]*|\$[A-Z_]+|'\*[^']*'|\[\d+\]\[\d+\])(?![\w`])/g, '`$1`');
}

if (process.argv[1] === import.meta.filename) writeFileSync(commandsPage, commandsText(await describedProgram()));
