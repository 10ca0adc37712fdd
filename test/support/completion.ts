/** A directory in which shells complete command lines of the real program. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildProgram } from '../../src/cli.ts';
import { CommandContext } from '../../src/commands/context.ts';
import { describeCommand } from '../../src/commands/describe.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type CommandDescription } from '../../src/output/command-line.ts';
import { temporaryDirectory } from './demo-environment.ts';
import { figaro } from './run-cli.ts';

export const setId = '20261122T081500Z-hot-7f3a9c';
const unfinished = '20261123T081500Z-hot-000000';

export async function describedProgram(): Promise<CommandDescription> {
  const context = new CommandContext({ stdout: process.stdout, stderr: process.stderr, env: {} }, nodeFiles);
  return describeCommand(await buildProgram(context));
}

export interface Place {
  readonly directory: string;
  readonly env: Record<string, string>;
  /** Where the script is. */
  readonly script: string;
}

/** The script of a shell, the program in PATH, two directories, a file, a configuration file and a repository. */
export async function layPlace(shell: string): Promise<Place> {
  const directory = temporaryDirectory();
  const inside = (...names: readonly string[]): string => path.join(directory, ...names);
  for (const name of ['bin', 'work/my env', 'work/docs', `repo/${setId}`, `repo/${unfinished}`]) {
    mkdirSync(inside(name), { recursive: true });
  }
  writeFileSync(inside('work/docs.dbxml'), '');
  writeFileSync(inside('repo', setId, 'manifest.json'), '');
  symlinkSync(path.join(import.meta.dirname, '../../bin/figaro-backup.js'), inside('bin/figaro-backup'));
  const tables = `
[environments.orders]
repo = '${inside('repo')}'
[environments."two words"]
[environments."$(touch evil)"]
`;
  writeFileSync(inside('figaro-backup.toml'), tables);
  const script = inside('_figaro-backup');
  writeFileSync(script, (await figaro(['completion', shell])).stdout);
  const env = {
    PATH: `${inside('bin')}:${process.env.PATH}`,
    HOME: directory,
    XDG_CONFIG_HOME: directory,
    LC_ALL: 'C.UTF-8',
  };
  return { directory, env, script };
}

/** What a program prints, in the directory `work`. Throws when it says anything on stderr. */
export function output({ directory, env }: Place, program: string, ...args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync(program, args, {
    cwd: path.join(directory, 'work'),
    env,
    encoding: 'utf8',
  });
  if (error) throw error;
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/** The lines of each part, once each; form feeds end parts. */
export function parts(text: string): string[][] {
  const ended = text.split('\f\n').slice(0, -1);
  return ended.map((part) => [...new Set(part.split('\n').filter((line) => line !== ''))]);
}
