/** Text and tables as people read them. */

import { inOneLine } from '../printable.ts';
import { visibleLength } from './styles.ts';

export { controls, inOneLine, printable } from '../printable.ts';
export { posixWord, shellWord } from '../shell-words.ts';
export { formatBytes, formatCommit, formatCount, formatDuration, formatTime } from '../measures.ts';

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
