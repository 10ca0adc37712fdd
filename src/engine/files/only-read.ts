import { type OpenFile } from './files.ts';

/** What there is to do with a file that is only read. */
export type Reading = Pick<OpenFile, 'stat' | 'readAt' | 'close'>;

/** An open file that is only read: to write to it is a bug of the caller. */
export function onlyRead(path: string, reading: Reading): OpenFile {
  const refuse = (): never => {
    throw new Error(`${path} is only read`);
  };
  return {
    path,
    stat: () => reading.stat(),
    readAt: (target, position) => reading.readAt(target, position),
    writeAt: refuse,
    truncate: refuse,
    sync: refuse,
    syncBeside: refuse,
    close: () => reading.close(),
  };
}
