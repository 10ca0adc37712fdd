import { type FileStat, type OpenFile } from './files.ts';
import { onlyRead } from './only-read.ts';

/** Bytes in memory as an open file, which is only read. */
export function bytesAsFile(path: string, bytes: Uint8Array, stat: () => FileStat): OpenFile {
  return onlyRead(path, {
    stat,
    readAt(target, position) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    close() {},
  });
}
