/** Words of command lines that people copy, in results as in hints of all layers. */

import { controls, inOneLine } from './printable.ts';

/** A word of a command line, as the shell of this system takes it: in one line, whatever it holds. */
export function shellWord(word: string, platform: NodeJS.Platform = process.platform): string {
  return platform === 'win32' ? windowsWord(inOneLine(word)) : posixWord(word);
}

/** For `cmd` and PowerShell alike. Programs take a backslash for itself, but before a quote. */
function windowsWord(word: string): string {
  if (/^[\w@+=:,.\\/-]+$/.test(word)) return word;
  return `"${word.replaceAll(/(\\*)"/g, String.raw`$1$1\"`).replace(/\\+$/, '$&$&')}"`;
}

/** As `shellWord`, for a shell of POSIX. */
export function posixWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (inOneLine(word) === word) return `'${word.replaceAll("'", String.raw`'\''`)}'`;
  const escaped = word
    .replaceAll(/[\\']/g, String.raw`\$&`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `$'${escaped}'`;
}
