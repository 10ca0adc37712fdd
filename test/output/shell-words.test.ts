/** Commands to copy: one line each, which a shell takes apart into the words that are meant. */

import { execSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from '../../src/output/text.ts';
import { isWindows, lacks } from '../support/windows.ts';

const hostile = 'x\nFAKE LINE \u001B[2J\u202E\u2028';

test.skipIf(lacks.shell)('a command to copy is one line, which a shell takes for the same name', () => {
  const word = shellWord(hostile, 'linux');
  for (const character of ['\n', '\u001B', '\u202E', '\u2028']) expect(word).not.toContain(character);
  const { stdout } = spawnSync('bash', ['-c', `printf %s ${word}`], { env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  expect(stdout.toString()).toBe(hostile);
});

const windowsWords = [
  'C:\\Figaro\\orders',
  'C:\\Program Files\\',
  'a & b',
  '\\\\server\\share d',
  'x^y',
  'ä;é',
  'say "yes\\"',
];

test('a command to copy is one that Windows takes apart into the same words', () => {
  expect(windowsWords.map((word) => shellWord(word, 'win32'))).toEqual([
    'C:\\Figaro\\orders',
    '"C:\\Program Files\\\\"',
    '"a & b"',
    '"\\\\server\\share d"',
    '"x^y"',
    '"ä;é"',
    '"say \\"yes\\\\\\""',
  ]);
  expect(shellWord(hostile, 'win32')).toBe(String.raw`"x\nFAKE LINE \x1b[2J\u202e\u2028"`);
});

test.runIf(isWindows)('its words are those that a program of Windows is given by its shell', () => {
  const line = [process.execPath, '-p', 'JSON.stringify(process.argv.slice(1))', ...windowsWords];
  const given = execSync(line.map((word) => shellWord(word)).join(' '), { encoding: 'utf8' });
  expect(JSON.parse(given)).toEqual(windowsWords);
});
