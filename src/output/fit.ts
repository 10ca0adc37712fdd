/** Lines that are too long for a terminal, broken between words: a terminal breaks them anywhere. */

import { visibleLength } from './styles.ts';

/** Below this, text under a column is harder to read than text from the left. */
const narrowest = 24;
/** Cells up to this length are not broken. */
const shortest = 24;

/** The width that text has to fit into; undefined where nobody says. `COLUMNS` counts where there is no terminal. */
export function widthOf(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: Readonly<Record<string, string | undefined>>,
): number | undefined {
  const width = (stream.isTTY && stream.columns) || Number(env['COLUMNS']);
  return width > 0 ? Math.max(40, Math.floor(width)) : undefined;
}

/** Breaks lines between words; what is continued stands below the column that it belongs to. A longer word stays whole. */
export function fit(text: string, width: number | undefined): string {
  if (width === undefined) return text;
  return text
    .split('\n')
    .flatMap((line) =>
      visibleLength(line) <= width ? [line] : isCommand(line) ? wrapCommand(line, width) : wrap(line, width),
    )
    .join('\n');
}

function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let hang: number | undefined;
  let rest = line;
  while (visibleLength(rest) > width) {
    const at = breakOf(rest, width);
    if (at === -1) break;
    hang ??= hangOf(line, at, width);
    lines.push(rest.slice(0, at).trimEnd());
    const tail = rest.slice(at).trimStart();
    const [word = ''] = tail.split(' ', 1);
    // A word that fits better further left goes there.
    rest = ' '.repeat(hang + word.length > width ? Math.min(hang, indentOf(line) + 2) : hang) + tail;
  }
  return [...lines, rest];
}

/** A short cell goes to the next line whole; text is broken at its last space that fits, or behind its first word. */
function breakOf(line: string, width: number): number {
  const lead = indentOf(line);
  const gaps = [...line.matchAll(/(?<=\S) {2,}(?=\S)/g)].map(({ index }) => index);
  const before = gaps.findLast((gap) => gap <= width);
  const after = gaps.find((gap) => gap > width) ?? line.length;
  if (before !== undefined && line.slice(before, after).trim().length <= shortest) return before;
  const at = line.lastIndexOf(' ', width);
  return at > lead ? at : line.indexOf(' ', lead + 1);
}

/** Where a line that is broken at a space goes on: below the column that is broken, or indented between two. */
function hangOf(line: string, at: number, width: number): number {
  const lead = indentOf(line);
  const starts = [...line.slice(0, at).matchAll(/ {2,}(?=\S)/g)].map((gap) => gap.index + gap[0].length);
  const column = starts.at(-1) ?? lead;
  const isBetween = line.startsWith('  ', at) || line[at - 1] === ' ';
  if (isBetween || width - column < narrowest) return lead + 4;
  return column === lead ? lead + 2 : column;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function isCommand(line: string): boolean {
  return /^\s*(?:\$ )?(?:[A-Z_]+=\S+ )*figaro-backup /.test(line);
}

/** A command goes on in the next line in a way that a shell takes. */
function wrapCommand(line: string, width: number): string[] {
  const lead = ' '.repeat(indentOf(line));
  const words = line.trim().match(/(?:\$'(?:\\.|[^'\\])*'|'[^']*'|\S)+/g) ?? [];
  const lines: string[] = [];
  let current = lead;
  for (const word of words) {
    const joined = current.trim() === '' ? current + word : `${current} ${word}`;
    // Room for the backslash.
    if (joined.length + 2 <= width || current.trim() === '') current = joined;
    else {
      lines.push(`${current} \\`);
      current = `${lead}    ${word}`;
    }
  }
  return [...lines, current];
}
