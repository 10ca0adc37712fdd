import path from 'node:path';
import { bytesAsFile } from './bytes-as-file.ts';
import { filesWith } from './files-with.ts';
import { type Files, type OpenFile } from './files.ts';

/** To read a larger one once more costs less than the memory for it. In bytes. */
const largestKept = 32 << 10;
/** In bytes. */
const slabSize = 1 << 20;
/** Of all files together, in bytes. */
const mostKept = 128 << 20;

/**
 * The same files, but that a small one in `directory`, or below it, is opened and read once, and kept in memory: for those who look
 * into thousands of files several times, while nobody writes to them.
 */
export function withContentsKept(files: Files, directory: string, most = mostKept): Files {
  const prefix = `${directory}${path.sep}`;
  const kept = new Map<string, OpenFile>();
  /** Those that there is no room for: they are not asked for their size again. */
  const others = new Set<string>();
  let bytes = 0;
  const memory = new Slab();
  return filesWith(files, {
    statIfThere: (file) => kept.get(file)?.stat() ?? files.statIfThere(file),
    openIfThere(file) {
      const known = kept.get(file);
      if (known) return known;
      const opened = files.openIfThere(file);
      if (!opened || others.has(file) || !file.startsWith(prefix)) return opened;
      let whole: OpenFile | undefined;
      try {
        whole = readWhole(opened, Math.min(largestKept, most - bytes), memory);
      } catch (error) {
        opened.close();
        throw error;
      }
      if (!whole) {
        others.add(file);
        return opened;
      }
      opened.close();
      kept.set(file, whole);
      bytes += whole.stat().size;
      return whole;
    },
  });
}

/** Memory in few large pieces: thousands of small ones keep the garbage collector busy. */
class Slab {
  #free = new Uint8Array(0);

  take(size: number): Uint8Array {
    if (this.#free.length < size) this.#free = new Uint8Array(slabSize);
    const taken = this.#free.subarray(0, size);
    this.#free = this.#free.subarray(size);
    return taken;
  }
}

/** What is in a file, in memory; undefined for a larger one. */
function readWhole(opened: OpenFile, most: number, memory: Slab): OpenFile | undefined {
  const stat = opened.stat();
  if (stat.size > most) return undefined;
  const contents = memory.take(stat.size);
  return bytesAsFile(opened.path, contents.subarray(0, opened.readAt(contents, 0)), () => stat);
}
