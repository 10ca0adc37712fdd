/** Hashes of files that nobody writes to. */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { pause, unitOf, type Watch } from '../pause.ts';
import { type Files } from './files.ts';
import { openToRead } from './read.ts';

/**
 * SHA-256 of a file and how many bytes it has, or of a part of it.
 *
 * @param part in bytes: nothing before `from`, and nothing from `end` on, is read
 */
export async function hashFile(
  files: Files,
  file: string,
  watch: Watch,
  { from = 0, end = Infinity }: { readonly from?: number; readonly end?: number } = {},
): Promise<{ readonly sha256: string; readonly size: number }> {
  const opened = openToRead(files, file);
  try {
    const hash = createHash('sha256');
    const buffer = new Uint8Array(Math.max(1, Math.min(unitOf(watch), opened.stat().size + 1)));
    let size = 0;
    while (from + size < end) {
      const wanted = buffer.subarray(0, Math.min(buffer.length, end - from - size));
      const bytes = wanted.subarray(0, opened.readAt(wanted, from + size));
      if (bytes.length === 0) break;
      hash.update(bytes);
      size += bytes.length;
      await pause(watch, { phase: `read ${path.basename(file)}`, done: size }, bytes.length);
    }
    return { sha256: hash.digest('hex'), size };
  } finally {
    opened.close();
  }
}
