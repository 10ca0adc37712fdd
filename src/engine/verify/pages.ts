import { createHash } from 'node:crypto';
import path from 'node:path';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { problemOfPage, type PageProblem } from '../environment/page-verdict.ts';
import { type PagedFile } from '../environment/paged-files.ts';
import { openToRead } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { SpareMemory } from '../files/spare-memory.ts';
import { largestUnit } from '../pace.ts';
import { pause, type Watch } from '../pause.ts';

/** What files are read into, one after the other. */
const memory = new SpareMemory();

/** Something wrong with a page of a file. */
interface PageFinding extends PageProblem {
  readonly pgno: number;
}

/** What one reading of a file told. */
export interface FileReading {
  readonly size: number;
  readonly sha256: string;
  readonly pages: number;
  readonly problems: readonly PageFinding[];
}

const largestPage = 64 << 10;

/** More than these of one file say nothing new. */
const maxProblems = 100;

/**
 * Reads a file once: its hash, and where it consists of pages, every page by itself (format document, 7.2).
 *
 * @param end where the log of the set ends; undefined when it has none, `gone` when pages may name a log that is gone
 */
export async function readFile(
  files: Files,
  file: string,
  paged: PagedFile | undefined,
  end: Lsn | 'gone' | undefined,
  watch: Watch,
): Promise<FileReading> {
  const opened = openToRead(files, file);
  let buffer: Uint8Array | undefined;
  try {
    const hash = createHash('sha256');
    const problems: PageFinding[] = [];
    const phase = `read ${path.basename(file)}`;
    const total = opened.stat().size;
    // For whole pages, and no larger than a small file needs.
    buffer = memory.take(Math.min(largestUnit, Math.ceil((total + 1) / largestPage) * largestPage));
    let size = 0;
    let pages = 0;
    for (;;) {
      const bytes = buffer.subarray(0, opened.readAt(buffer, size));
      if (bytes.length === 0) break;
      hash.update(bytes);
      if (paged) pages += checkPages(bytes, size, paged, end, problems);
      size += bytes.length;
      await pause(watch, { phase, done: size, total });
    }
    return { size, sha256: hash.digest('hex'), pages, problems };
  } finally {
    if (buffer) memory.giveBack(buffer);
    opened.close();
  }
}

/** Looks at the pages of a buffer; returns how many there are. */
function checkPages(
  bytes: Uint8Array,
  position: number,
  { format, firstPgno }: PagedFile,
  end: Lsn | 'gone' | undefined,
  problems: PageFinding[],
): number {
  const { pageSize } = format;
  let pages = 0;
  for (let at = 0; at < bytes.length; at += pageSize) {
    pages += 1;
    const pgno = firstPgno + (position + at) / pageSize;
    const page = bytes.subarray(at, at + pageSize);
    const problem =
      problems.length < maxProblems ? problemOfPage(page, pgno, format, (lsn) => beyond(lsn, end)) : undefined;
    if (problem) problems.push({ ...problem, pgno });
  }
  return pages;
}

function beyond(lsn: Lsn, end: Lsn | 'gone' | undefined): string | undefined {
  if (end === undefined) return 'but the set has no log';
  if (end === 'gone' || compareLsn(lsn, end) < 0) return undefined;
  return `but the log of the set ends at ${formatLsn(end)}`;
}
