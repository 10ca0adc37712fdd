/** One pass over a file of a set: read from wherever it is, hashed, looked at, and written where recovery works on it. */

import { createHash } from 'node:crypto';
import { metaSize } from '../../format/page/meta.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { openToReadOnce } from '../files/read.ts';
import { Slab } from '../files/slab.ts';
import { SpareMemory } from '../files/spare-memory.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { type ExpectedFiles } from '../verify/intact.ts';

/** What files are read into, one after the other. */
const memory = new SpareMemory();
/** For the first bytes of each. */
const heads = new Slab(64 << 10);

const noBytes: Uint8Array = new Uint8Array(0);

/** Recovery has to read and write what it works on. Who recovers gives files their permissions back. */
export const ownersMode = 0o600;

/** Looks at the bytes of a file as they pass: whole pages, from the first on. */
export type Inspect = (bytes: Uint8Array, position: number) => void;

/** A file, as it was when it was found. */
interface SourceFile {
  readonly name: string;
  readonly path: string;
  readonly stat: { readonly size: number; readonly mode: number };
}

/** A copy, as it was when it was made. */
export interface CopiedFile {
  /** In bytes. */
  readonly size: number;
  /** Its first bytes: as many as tell what it is, where it has so many. */
  readonly head: Uint8Array;
}

/**
 * Copies a file that nobody writes to; we may write to the copy, which is not synced. What is in a file of a set is of no interest where it
 * does not match its SHA-256: that is `file-checksum`, before whatever `inspect` throws; so is a database that its manifest tells otherwise.
 */
export async function copyInspected(
  files: Files,
  file: SourceFile,
  to: string,
  watch: Watch,
  { inspect, expected }: { readonly inspect?: Inspect; readonly expected: ExpectedFiles | undefined },
): Promise<CopiedFile> {
  const hash = expected?.has(file.path) ? createHash('sha256') : undefined;
  let found: { readonly problem: unknown } | undefined;
  let head: Uint8Array = noBytes;
  let size = 0;
  const target = files.create(to, file.stat.mode | ownersMode);
  try {
    await readOnce(files, file, watch, (bytes, position) => {
      hash?.update(bytes);
      if (position === 0) head = keptHead(bytes.subarray(0, metaSize));
      size = position + bytes.length;
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
  if (hash) {
    expected!.requireSum(file.path, hash.digest('hex'));
    expected!.requireTold(file.path, head);
  }
  if (found) throw found.problem;
  return { size, head };
}

/** As `copyInspected`, with owner and times, as `Files.copy`. */
export async function copyAsItIs(
  files: Files,
  file: SourceFile & { readonly stat: FileStat },
  to: string,
  watch: Watch,
  expected: ExpectedFiles,
): Promise<void> {
  await copyInspected(files, file, to, watch, { expected });
  const { stat } = file;
  files.setOwner(to, { ...stat, mode: stat.mode | ownersMode });
  files.setTimes(to, stat.mtimeMs);
}

function keptHead(head: Uint8Array): Uint8Array {
  const kept = heads.take(head.length);
  kept.set(head);
  return kept;
}

/** Reads a file from its beginning to its end. What `inspect` is given is its own for as long as it runs. */
export async function readOnce(files: Files, file: SourceFile, watch: Watch, inspect: Inspect): Promise<void> {
  const { size } = file.stat;
  const buffer = memory.take(Math.min(unitOf(watch), size));
  const source = openToReadOnce(files, file.path);
  try {
    for (let position = 0; position < size; position += buffer.length) {
      inspect(buffer.subarray(0, source.readAt(buffer, position)), position);
      await pause(watch, { phase: `read ${file.name}`, done: position, total: size }, buffer.length);
    }
  } finally {
    memory.giveBack(buffer);
    source.close();
  }
}
