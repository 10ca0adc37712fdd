import { type FileStat, type OpenFile } from './files.ts';

/** Bytes in memory as an open file, which is only read. */
export function bytesAsFile(path: string, bytes: Uint8Array, stat: () => FileStat): OpenFile {
  const refuse = (): never => {
    throw new Error(`${path} is only read`);
  };
  return {
    path,
    stat,
    readAt(target, position) {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    writeAt: refuse,
    truncate: refuse,
    sync: refuse,
    syncBeside: refuse,
    close() {},
  };
}
