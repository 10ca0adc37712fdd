/** One page of a database file, whatever state both are in. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { unreadable } from '../environment/damaged.ts';
import { accessMethodOf, type AccessMethod } from '../../format/magic.ts';
import { fromStored } from '../../format/page/checksum.ts';
import { describePage, type PageDescription } from '../../format/page/describe.ts';
import { isPageSize, metaAt, metaFlag, metaSize, recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { Page } from '../../format/page/page.ts';
import { queueLayout, type QueueLayout } from '../../format/page/queue.ts';
import { PageReader } from '../database/page-reader.ts';
import { extentNumbers } from '../database/queue-extent.ts';
import { withFile } from '../files/read.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { lockedFile } from '../locked.ts';
import { parseExtentName, extentName } from '../../format/names.ts';

export interface InspectedPage extends PageDescription {
  /** Byte of the file at which the page begins; undefined where it is in an extent. */
  readonly offset: number | undefined;
  readonly pageSize: number;
  /** The page as it lies on disk; bytes past the end of the file are zero. */
  readonly stored: Uint8Array;
  /** What is wrong with the first page of the file, from which it is known how to read others. */
  readonly fileProblem: string | undefined;
}

/**
 * Reads and describes one page. Throws `container-missing` when the file is no database, `page-type` when its first page
 * is too damaged to know what pages it has, `password` when it opens with another one, `usage` when it has no such page.
 */
export function inspectPage(files: Files, file: string, pgno: number): InspectedPage {
  return withFile(files, file, (opened) => {
    const head = new Uint8Array(metaSize);
    const { format, problem } = formatOf(head.subarray(0, opened.readAt(head, 0)), file, files);
    const meta = new Page(fromStored(head, format), format);
    const isReadable = format.method === 'queue' && (!format.encrypted || format.cipher !== undefined);
    const extentPages = isReadable ? meta.u32(metaAt.queue.extentPages) : 0;
    const stored = new Uint8Array(format.pageSize);
    const length = new PageReader(files, opened, format, extentPages).read(pgno, stored);
    if (length === 0) throw noSuchPage(files, opened, pgno, format, extentPages);
    const description = describePage(stored, pgno, format, isReadable ? layoutOf(meta) : undefined);
    const cut =
      length < format.pageSize ? `it is cut off: ${length} of its ${format.pageSize} bytes are there` : undefined;
    return {
      ...description,
      problem: cut ?? description.problem,
      offset: extentPages > 0 && pgno > 0 ? undefined : pgno * format.pageSize,
      pageSize: format.pageSize,
      stored,
      fileProblem: problem,
    };
  });
}

/** Where the records of a queue are. The head of its metadata page stands for all of it. */
function layoutOf(head: Page): QueueLayout | undefined {
  const whole = new Uint8Array(head.format.pageSize);
  whole.set(head.bytes);
  return queueLayout(new Page(whole, head.format));
}

interface FormatReading {
  readonly format: DatabaseFormat;
  readonly problem: string | undefined;
}

function formatOf(head: Uint8Array, file: string, files: Files): FormatReading {
  const recognition = recognizeFile(head, files.cipher);
  if (recognition.kind === 'database') return { format: recognition.format, problem: undefined };
  if (recognition.kind === 'locked') throw lockedFile(file);
  if (recognition.kind === 'unsupported') {
    throw unreadable({ path: file, problem: recognition.problem, code: 'format-unsupported' }, '');
  }
  if (recognition.kind === 'damaged') {
    const { problem } = recognition;
    const format = likelyFormat(head, files);
    if (format) return { format, problem };
    throw unreadable({ path: file, problem, code: 'page-type' }, 'use an older copy of this file.');
  }
  const queue = parseExtentName(path.basename(file))?.queue;
  throw new FigaroError('container-missing', `${file} is not a container`, {
    path: file,
    hint:
      queue === undefined
        ? 'give a database file: a container, or another file of an environment.'
        : `it may be an extent of the queue ${queue}: give that file. Pages are counted across all extents.`,
  });
}

/** What a damaged first page still tells; undefined when it does not tell enough. */
function likelyFormat(head: Uint8Array, { cipher }: Files): DatabaseFormat | undefined {
  if (head.length < metaSize) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const orders = [true, false];
  const littleEndian = orders.find((order) => accessMethodOf(view.getUint32(metaAt.magic, order)) !== undefined);
  if (littleEndian === undefined) return undefined;
  const method: AccessMethod = accessMethodOf(view.getUint32(metaAt.magic, littleEndian))!;
  const pageSize = view.getUint32(metaAt.pageSize, littleEndian);
  if (!isPageSize(pageSize)) return undefined;
  const encrypted = head[metaAt.encryption] === 1;
  const checksums = encrypted || (head[metaAt.metaFlags]! & metaFlag.checksums) !== 0;
  return {
    method,
    version: view.getUint32(metaAt.version, littleEndian),
    pageSize,
    littleEndian,
    checksums,
    encrypted,
    cipher: encrypted ? cipher : undefined,
    indexStart: encrypted ? 64 : checksums ? 32 : 26,
    uid: '',
  };
}

function noSuchPage(
  files: Files,
  opened: OpenFile,
  pgno: number,
  { pageSize }: DatabaseFormat,
  extentPages: number,
): FigaroError {
  const { path: file } = opened;
  const last = Math.ceil(opened.stat().size / pageSize) - 1;
  const extents = extentPages > 0 ? extentNumbers(files, file) : [];
  const pagesOf = (number: number): string => {
    const first = 1 + number * extentPages;
    return `${first} to ${first + extentPages - 1} in ${path.basename(extentName(file, number))}`;
  };
  return new FigaroError('usage', `${file} has no page ${pgno}${extentPages > 0 ? '' : `: its last one is ${last}`}`, {
    path: file,
    pgno,
    ...(extents.length > 0
      ? { hint: `it is a queue, with pages ${extents.slice(0, 5).map(pagesOf).join(', ')}.` }
      : {}),
  });
}
