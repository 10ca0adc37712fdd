/** Two versions of a text as a unified diff. */

import { createTwoFilesPatch, FILE_HEADERS_ONLY, formatPatch, type StructuredPatch } from 'diff';

/** Where more lines than this are not the same, all of both is shown: to find which are takes too long. */
const mostEdits = 4000;

const nothing = '/dev/null';

/**
 * @param before undefined for nothing
 * @param after undefined for nothing
 */
export function unifiedDiff(name: string, before: string | undefined, after: string | undefined): string {
  const oldName = before === undefined ? nothing : name;
  const newName = after === undefined ? nothing : name;
  const options = { context: 3, maxEditLength: mostEdits, headerOptions: FILE_HEADERS_ONLY };
  const found = createTwoFilesPatch(oldName, newName, before ?? '', after ?? '', undefined, undefined, options);
  return found ?? formatPatch(inOnePiece(oldName, newName, before ?? '', after ?? ''), FILE_HEADERS_ONLY);
}

function inOnePiece(oldFileName: string, newFileName: string, before: string, after: string): StructuredPatch {
  const old = linesOf('-', before);
  const now = linesOf('+', after);
  const start = (count: number): number => (count === 0 ? 0 : 1);
  return {
    oldFileName,
    newFileName,
    oldHeader: undefined,
    newHeader: undefined,
    hunks: [
      {
        oldStart: start(old.count),
        oldLines: old.count,
        newStart: start(now.count),
        newLines: now.count,
        lines: [...old.lines, ...now.lines],
      },
    ],
  };
}

function linesOf(sign: string, text: string): { readonly lines: readonly string[]; readonly count: number } {
  if (text === '') return { lines: [], count: 0 };
  const isEnded = text.endsWith('\n');
  const lines = (isEnded ? text.slice(0, -1) : text).split('\n').map((line) => sign + line);
  return { lines: isEnded ? lines : [...lines, String.raw`\ No newline at end of file`], count: lines.length };
}
