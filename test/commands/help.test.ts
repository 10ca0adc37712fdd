import { describe, expect, test } from 'vitest';
import { exitCodes } from '../../src/errors.ts';
import { allCommands, typed } from '../../src/output/command-line.ts';
import { callsIn, parseOnly } from '../support/command-lines.ts';
import { describedProgram } from '../support/completion.ts';
import { figaro } from '../support/run-cli.ts';

const all = allCommands(await describedProgram());
/** All but `help` itself; and those that do something, the rest being groups of them. */
const documented = all.filter(({ words }) => words.at(-1) !== 'help');
const leaves = documented.filter(({ commands }) => commands.length === 0);

describe('help', () => {
  test('of the program names every command under a heading, and every exit status', async () => {
    const { exitCode, stdout, stderr } = await figaro(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [program] = all;
    for (const { words } of program!.commands) expect(stdout).toMatch(new RegExp(`^  ${words[0]} `, 'm'));
    expect(stdout.match(/^[A-Z].*:$/gm)).toEqual([
      'Options:',
      'Back up:',
      'Recover:',
      'Look and check:',
      'Keep and remove:',
      'This program:',
      'Examples:',
      'Exit codes (any other code means failure too):',
    ]);
    for (const status of new Set(Object.values(exitCodes))) expect(stdout).toMatch(new RegExp(`^ +${status}  `, 'm'));
  });

  test.each(documented.slice(1).map((command) => [typed(command), command] as const))(
    'of %s says what it does, with an example',
    async (name, command) => {
      const { exitCode, stdout, stderr } = await figaro([...command.words, '--help']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`\\nExamples:\\n(  \\$ .*\\n)*  \\$ .*figaro-backup ${name}\\b`));
      expect(command.summary).toMatch(/^[a-z]/);
      expect(command.summary).not.toMatch(/\.$/);
      expect(command.description).toMatch(/^[A-Z]/);
      for (const { description, names } of command.options) expect(description, names.join()).not.toBe('');
    },
  );

  test.each(leaves.map(typed))('of %s has the options of all commands in one group', async (name) => {
    const { stdout } = await figaro([...name.split(' '), '--help']);
    const common = /\nCommon options:\n((?: .*\n)*)/.exec(stdout)?.[1];
    // These two print a text, and work on nothing.
    if (['completion', 'man'].includes(name)) expect(common).toBeUndefined();
    else
      expect(common!.match(/--[a-z-]+/g)).toEqual(expect.arrayContaining(['--json', '--quiet', '--config', '--help']));
  });

  test('of a command is the same, asked for with `help`', async () => {
    expect(await figaro(['help', 'hot'])).toEqual(await figaro(['hot', '--help']));
    expect(await figaro(['logs', 'help', 'print'])).toEqual(await figaro(['logs', 'print', '--help']));
  });
});

describe('the width of help', () => {
  /** Help of every command, without what is there to be copied. */
  async function linesOf(surroundings: { terminal?: 'stdout'; columns?: number }): Promise<string[]> {
    const texts = await Promise.all(
      documented.map(async ({ words }) => (await figaro([...words, '--help'], surroundings)).stdout),
    );
    return texts
      .map((text) => text.replace(/^Usage:[^]*?\n\n/, '').replace(/\nExamples:\n[^]*?(\n\n|$)/, '\n'))
      .flatMap((text) => text.split('\n'));
  }
  const widest = (lines: readonly string[]): number => Math.max(...lines.map(({ length }) => length));

  test.each([60, 80, 120])('is that of a terminal of %i columns, and all of it', async (columns) => {
    const width = widest(await linesOf({ terminal: 'stdout', columns }));
    expect(width).toBeLessThanOrEqual(columns);
    expect(width).toBeGreaterThan(columns - 4);
  });

  test('is 80 where there is no terminal, or none that knows its width', async () => {
    const usual = await linesOf({ terminal: 'stdout', columns: 80 });
    expect(await linesOf({})).toEqual(usual);
    expect(await linesOf({ columns: 120 })).toEqual(usual);
    expect(await linesOf({ terminal: 'stdout', columns: 0 })).toEqual(usual);
  });
});

describe('examples', () => {
  const examples = all.flatMap((command) => command.examples.map((line) => [line] as const));

  test.each(examples)('%s', async (line) => {
    const calls = callsIn(line);
    expect(calls).not.toEqual([]);
    for (const words of calls) await parseOnly(words);
  });
});
