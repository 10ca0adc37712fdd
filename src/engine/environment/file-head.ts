/** What a file is, told by its bytes. */

import { metaAt, metaSize, recognizeFile, type FileRecognition } from '../../format/page/meta.ts';
import { pageSizeByLaterPages, smallestPage } from '../../format/page/later-pages.ts';
import { type Files, type OpenFile } from '../files/files.ts';

/** A file that is shorter has not even the fields that all headers have: it is not opened. In bytes. */
const smallestHead = metaAt.uid + 20;
const empty = new Uint8Array(0);
/** The heads of files are looked at one after the other. */
const looked = new Uint8Array(metaSize);

export interface FileLook {
  readonly recognition: FileRecognition;
  /** What is wrong with a file whose first page is not that of a database, when later ones are. */
  readonly problem: string | undefined;
}

/** Looks into a file of so many bytes; undefined when it has gone. */
export function lookInto(files: Files, file: string, size: number): FileLook | undefined {
  const opened = size < smallestHead ? undefined : files.openIfThere(file);
  if (!opened) return size < smallestHead ? { recognition: recognizeFile(empty), problem: undefined } : undefined;
  try {
    const recognition = recognizeFile(headOf(opened, looked), files.cipher);
    return { recognition, problem: recognition.kind === 'other' ? problemBehind(opened, size) : undefined };
  } finally {
    opened.close();
  }
}

/** The first bytes of a file; undefined when it has gone. */
export function readHead(files: Files, file: string): Uint8Array | undefined {
  const opened = files.openIfThere(file);
  if (!opened) return undefined;
  try {
    return headOf(opened, new Uint8Array(metaSize));
  } finally {
    opened.close();
  }
}

function headOf(opened: OpenFile, head: Uint8Array): Uint8Array {
  return head.subarray(0, opened.readAt(head, 0));
}

function problemBehind(opened: OpenFile, size: number): string | undefined {
  if (size < 2 * smallestPage) return undefined;
  const pageSize = pageSizeByLaterPages(size, (target, position) => opened.readAt(target, position));
  if (pageSize === undefined) return undefined;
  return `its first page is not that of a database, but its later pages of ${pageSize} bytes are`;
}
