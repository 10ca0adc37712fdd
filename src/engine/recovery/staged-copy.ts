/** One pass over a file of a set: read from wherever it is, hashed, looked at, and written where recovery works on it. */

import { createHash } from 'node:crypto';
import { type Files } from '../files/files.ts';
import { letWrite } from '../files/let-write.ts';
import { openToReadOnce } from '../files/read.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { type ExpectedFiles } from '../verify/intact.ts';

/** Looks at the bytes of a file as they pass: whole pages, from the first on. */
export type Inspect = (bytes: Uint8Array, position: number) => void;

/** A file, as it was when it was found. */
interface SourceFile {
  readonly name: string;
  readonly path: string;
  readonly stat: { readonly size: number; readonly mode: number };
}

/**
 * Copies a file that nobody writes to. What is in a file of a set is of no interest where it does not match its SHA-256: that is `file-checksum`,
 * before whatever `inspect` throws. The copy is not synced.
 */
export async function copyInspected(
  files: Files,
  file: SourceFile,
  to: string,
  watch: Watch,
  { inspect, expected }: { readonly inspect?: Inspect; readonly expected: ExpectedFiles | undefined },
): Promise<void> {
  const hash = expected?.has(file.path) ? createHash('sha256') : undefined;
  let found: { readonly problem: unknown } | undefined;
  const target = files.create(to, file.stat.mode);
  try {
    await readOnce(files, file, watch, (bytes, position) => {
      hash?.update(bytes);
      if (found) return;
      try {
        inspect?.(bytes, position);
      } catch (problem) {
        if (!hash) throw problem;
        found = { problem };
        return;
      }
      target.writeAt(bytes, position);
    });
  } finally {
    target.close();
  }
  if (hash) expected!.requireSum(file.path, hash.digest('hex'));
  if (found) throw found.problem;
}

/** As `copyInspected`, with owner and times, as `Files.copy`; and we may write to it. */
export async function copyAsItIs(
  files: Files,
  file: SourceFile,
  to: string,
  watch: Watch,
  expected: ExpectedFiles,
): Promise<void> {
  await copyInspected(files, file, to, watch, { expected });
  const stat = files.statThrough(file.path)!;
  files.setOwner(to, stat);
  files.setTimes(to, stat.mtimeMs);
  letWrite(files, to);
}

/** Reads a file from its beginning to its end. */
export async function readOnce(files: Files, file: SourceFile, watch: Watch, inspect: Inspect): Promise<void> {
  const source = openToReadOnce(files, file.path);
  try {
    const { size } = file.stat;
    const buffer = new Uint8Array(Math.min(unitOf(watch), size));
    for (let position = 0; position < size; position += buffer.length) {
      inspect(buffer.subarray(0, source.readAt(buffer, position)), position);
      await pause(watch, { phase: `read ${file.name}`, done: position, total: size }, buffer.length);
    }
  } finally {
    source.close();
  }
}
