import path from 'node:path';
import { type Files } from '../files/files.ts';
import { type PageRun } from '../structure/file-check.ts';
import { extentName } from '../../format/names.ts';

/** The extents of a queue that are there, in order. */
export function extentNumbers(files: Files, queue: string): number[] {
  const prefix = `__dbq.${path.basename(queue)}.`;
  const numbers: number[] = [];
  for (const name of files.listIfThere(path.dirname(queue)) ?? []) {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^(0|[1-9]\d{0,9})$/.test(number)) numbers.push(Number(number));
  }
  return numbers.sort((a, b) => a - b);
}

/** The pages of a queue that its extents hold, in order. */
export function pagesInExtents(files: Files, queue: string, extentPages: number, pageSize: number): PageRun[] {
  return extentNumbers(files, queue).map((number) => {
    const size = files.statIfThere(extentName(queue, number))?.size ?? 0;
    const start = 1 + number * extentPages;
    return { start, end: start + Math.min(extentPages, Math.floor(size / pageSize)) };
  });
}
