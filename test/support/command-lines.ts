/** Command lines as people type them, taken apart and parsed without doing what they say. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command } from 'commander';
import { buildProgram } from '../../src/cli.ts';
import { CommandContext } from '../../src/commands/context.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { temporaryDirectory } from './demo-environment.ts';
import { CollectingStream } from './run-cli.ts';

/** The arguments of each call of the program in a line for a shell. */
export function callsIn(line: string): string[][] {
  return line
    .split(/&&|[|;()]/)
    .map((part) => part.replace(/ [<>] \S+\s*$/, '').trim())
    .map((part) => /^(?:[A-Z_]+=\S+ )*figaro-backup(?: (.*))?$/.exec(part)?.[1])
    .filter((rest) => rest !== undefined)
    .map((rest) => (rest.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replaceAll(/^["']|["']$/g, '')));
}

/** Throws unless these are the arguments of one command. `orders` is an environment of the configuration file. */
export async function parseOnly(words: readonly string[]): Promise<void> {
  const config = path.join(temporaryDirectory(), 'config.toml');
  writeFileSync(config, '[environments.orders]\nhome = "/srv/orders"\nrepo = "/backup/orders"\n');
  const io = {
    stdout: new CollectingStream(),
    stderr: new CollectingStream(),
    env: { FIGARO_BACKUP_CONFIG: config },
  };
  const program = await buildProgram(new CommandContext(io, nodeFiles));
  const done: string[] = [];
  for (const command of program.commands) disarm(command, done);
  await program.parseAsync(words, { from: 'user' });
  if (done.length !== 1) throw new Error(`${words.join(' ')} is no command`);
}

/** Takes all the work from a command and those below it. */
function disarm(command: Command, done: string[]): void {
  command.action(() => void done.push(command.name()));
  for (const child of command.commands) disarm(child, done);
}
