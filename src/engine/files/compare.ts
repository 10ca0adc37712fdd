import { openToRead } from './read.ts';
import { type Files } from './files.ts';

/** Offset of the first byte in which two files differ, up to `length`; undefined when they agree. */
export function firstDifference(files: Files, one: string, other: string, length: number): number | undefined {
  const a = openToRead(files, one);
  try {
    const b = openToRead(files, other);
    try {
      const size = 1 << 20;
      const left = new Uint8Array(size);
      const right = new Uint8Array(size);
      for (let at = 0; at < length; at += size) {
        const part = Math.min(size, length - at);
        const x = left.subarray(0, a.readAt(left.subarray(0, part), at));
        const y = right.subarray(0, b.readAt(right.subarray(0, part), at));
        if (x.length === part && Buffer.compare(x, y) === 0) continue;
        let i = 0;
        while (i < x.length && i < y.length && x[i] === y[i]) i += 1;
        return at + i;
      }
      return undefined;
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}
