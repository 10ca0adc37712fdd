/** What hints name: options of the command that gives the hint, and command lines of this program. */

import { buildProgram } from '../../src/cli.ts';
import { CommandContext } from '../../src/commands/context.ts';
import { describeCommand } from '../../src/commands/describe.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type CommandDescription } from '../../src/output/command-line.ts';

let described: Promise<CommandDescription> | undefined;

/** The program as data, made once. */
function program(): Promise<CommandDescription> {
  return (described ??= (async () => {
    const context = new CommandContext({ stdout: process.stdout, stderr: process.stderr, env: {} }, nodeFiles);
    return describeCommand(await buildProgram(context));
  })());
}

/** The command that words begin with, and what follows it. */
function commandIn(
  top: CommandDescription,
  words: readonly string[],
): { readonly command: CommandDescription; readonly rest: readonly string[] } {
  const child = top.commands.find((each) => each.words.at(-1) === words[0]);
  return child ? commandIn(child, words.slice(1)) : { command: top, rest: words };
}

/** Options in a text: not those of other programs, which stand between backquotes. */
const optionsIn = (text: string): readonly string[] => text.match(/(?<![\w/.-])--[a-z][a-z-]*/g) ?? [];

const lacks = ({ options }: CommandDescription, option: string): boolean =>
  !['--help', '--version'].includes(option) && !options.some(({ names }) => names.includes(option));

/** What is wrong with command lines in a text, those between backquotes: commands and options that there are not. */
export async function wrongLinesIn(text: string): Promise<readonly string[]> {
  const top = await program();
  return [...text.matchAll(/`([^`]*)`/g)].flatMap(([, line = '']) => {
    const words = line.split(/\s+/);
    const isOurs = words[0] === 'figaro-backup';
    const { command, rest } = commandIn(top, isOurs ? words.slice(1) : words);
    // Other programs, files and words.
    if (command === top) return isOurs && /^[a-z]/.test(rest[0] ?? '') ? [`there is no command \`${line}\``] : [];
    const wrong = optionsIn(` ${rest.join(' ')}`).filter((option) => lacks(command, option));
    return wrong.map((option) => `\`${line}\`: ${command.words.join(' ')} has no ${option}`);
  });
}

/** What is wrong with what a command says to do: what stands outside of backquotes is about itself. */
export async function wrongIn(args: readonly string[], hint: string): Promise<readonly string[]> {
  const { command } = commandIn(await program(), args);
  const own = optionsIn(hint.replaceAll(/`[^`]*`/g, '')).filter((option) => lacks(command, option));
  return [...own.map((option) => `${command.words.join(' ')} has no ${option}`), ...(await wrongLinesIn(hint))];
}

/** Throws when a command said to do what cannot be done. */
export async function requireTrueHints(args: readonly string[], printed: string): Promise<void> {
  const hints = [
    ...[...printed.matchAll(/^hint: (.*)$/gm)].map(([, hint = '']) => hint),
    ...[...printed.matchAll(/^ *"hint": (".*"),?$/gm)].map(([, json = '']) => JSON.parse(json) as string),
  ];
  for (const hint of hints.filter((each) => /--|`/.test(each))) {
    const wrong = await wrongIn(args, hint);
    if (wrong.length > 0) throw new Error(`${args.join(' ')}: the hint is wrong: ${wrong.join('; ')}: ${hint}`);
  }
}
