import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { type EnvironmentFile } from '../environment/environment.ts';
import { createInTree } from '../files/tree.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { hashFile } from '../files/hash.ts';

const attempts = 8;
const waitMs = 20;

/** A file in a set that is not made of pages. */
export interface PlainCopy {
  readonly file: EnvironmentFile;
  /** Of the source when it was copied. */
  readonly stat: FileStat;
  /** In bytes. */
  readonly size: number;
  readonly sha256: string;
}

/**
 * Copies a file that is not made of pages, read twice with equal bytes. Undefined when it is gone. Throws
 * `page-unstable` when it does not stand still.
 */
export async function copyPlain(
  files: Files,
  file: EnvironmentFile,
  target: string,
  watch: Watch,
): Promise<PlainCopy | undefined> {
  for (let i = 1; i <= attempts; i++) {
    const copied = await copyOnce(files, file, target, watch);
    if (!copied || (await readsTheSame(files, file.path, copied, watch))) return copied;
    files.remove(target);
    await setTimeout(waitMs * i);
  }
  throw new FigaroError('page-unstable', `${file.path} was different each of ${attempts} times it was read`, {
    path: file.path,
    hint: 'try again when the application writes less.',
  });
}

async function copyOnce(
  files: Files,
  file: EnvironmentFile,
  target: string,
  watch: Watch,
): Promise<PlainCopy | undefined> {
  const source = files.openIfThere(file.path);
  if (!source) return undefined;
  try {
    const stat = source.stat();
    const copy = createInTree(files, target, stat.mode);
    try {
      const hash = createHash('sha256');
      const buffer = new Uint8Array(Math.max(1, Math.min(unitOf(watch), stat.size)));
      let size = 0;
      // It may grow faster than it is copied.
      while (size < stat.size) {
        const wanted = buffer.subarray(0, Math.min(buffer.length, stat.size - size));
        const bytes = wanted.subarray(0, source.readAt(wanted, size));
        if (bytes.length === 0) break;
        hash.update(bytes);
        copy.writeAt(bytes, size);
        size += bytes.length;
        await pause(watch, { phase: `copy ${file.name}`, done: size, total: stat.size }, bytes.length);
      }
      copy.sync();
      return { file, stat, size, sha256: hash.digest('hex') };
    } finally {
      copy.close();
    }
  } finally {
    source.close();
  }
}

async function readsTheSame(files: Files, file: string, copied: PlainCopy, watch: Watch): Promise<boolean> {
  const now = files.statThrough(file);
  if (!now) return true;
  if (now.size !== copied.size) return false;
  const { sha256 } = await hashFile(files, file, watch, { end: copied.size });
  return sha256 === copied.sha256;
}
