/** Hints say what can be done: each command line in them is one, and each option is one of the command that gives the hint. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { wrongIn, wrongLinesIn } from '../support/hints.ts';
import { slashed } from '../support/windows.ts';

const source = path.join(import.meta.dirname, '../../src');
const files = fs
  .readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort();

test('every command line in a text of the program is one that it takes', async () => {
  const wrong: string[] = [];
  let lines = 0;
  for (const name of files) {
    // Of texts between backquotes themselves, these are escaped, and what is put in is some word.
    const text = fs
      .readFileSync(path.join(source, name), 'utf8')
      .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'X')
      .replaceAll('\\`', '`');
    for (const line of text.match(/`(?:figaro-backup )?[a-z][a-z-]*(?: [^`\n]*)?`/g) ?? []) {
      lines += 1;
      wrong.push(...(await wrongLinesIn(line)).map((problem) => `${name}: ${problem}`));
    }
  }
  expect(wrong).toEqual([]);
  expect(lines).toBeGreaterThan(100);
});

test('each value that is put into an option of a text is a word of the shell, or a name of ours that is one', () => {
  const values = files.flatMap((name) => {
    const text = fs.readFileSync(path.join(source, name), 'utf8');
    return [...text.matchAll(/(?<= --[a-z-]+ )\$\{([^}]*)/g)].map(([, value = '']) => `${slashed(name)}: ${value}`);
  });
  expect(values.filter((value) => !/: shellWord\(/.test(value))).toEqual([
    'commands/show.ts: id',
    'commands/source.ts: id',
    'engine/backup/gone.ts: before.id',
    'engine/log/scan.ts: this.#file.number',
    'engine/repository/chain.ts: chain.id',
    'engine/repository/find-chain.ts: id',
  ]);
  expect(values.length).toBeGreaterThan(20);
});

test('a hint that names what its command does not take is found', async () => {
  expect(await wrongIn(['dump', 'a.db'], 'give the name with --home, or --only.')).toEqual(['dump has no --only']);
  expect(await wrongIn(['hot'], 'see `figaro-backup list --everything`.')).toEqual([
    '`figaro-backup list --everything`: list has no --everything',
  ]);
  expect(await wrongIn(['hot'], 'see `figaro-backup lists`.')).toEqual(['there is no command `figaro-backup lists`']);
  expect(
    await wrongIn(['logs', 'print', '--json'], 'decrypt it with `age -d --armor`, and `recover --only X`.'),
  ).toEqual([]);
});
