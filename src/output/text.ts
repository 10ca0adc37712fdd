/** Text and tables as people read them. */

import { visibleLength } from './styles.ts';

export { formatBytes, formatCommit, formatCount, formatDuration, formatTime } from '../measures.ts';

/** Text without what does something to a terminal: names of files can hold anything. */
export function printable(text: string): string {
  return text.replaceAll(controls, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
  });
}

/** The same where a second line would not be ours. */
export function inOneLine(text: string): string {
  return printable(text).replaceAll('\n', String.raw`\n`);
}

/** Control characters but the end of a line, and what breaks lines or turns the direction of writing. */
// oxlint-disable-next-line no-control-regex
export const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

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

/** A URL without what may be a secret: its path, its query and its credentials. */
export function maskedUrl(text: string): string {
  if (!URL.canParse(text)) return '…';
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}/…`;
}

/** Rows in columns of even width; the last column is not padded. */
export function table(raw: readonly (readonly string[])[]): string {
  // Names of files can hold anything: none of them begins a line of its own.
  const rows = raw.map((row) => row.map(inOneLine));
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, visibleLength(cell))));
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - visibleLength(cell))))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
