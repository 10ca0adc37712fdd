/** In what form the objects of a packed repository are: compressed, and where it has recipients, encrypted. */

import { FigaroError } from '../../errors.ts';
import { freeMemory } from '../free-memory.ts';
import { compress, expand } from './zstd.ts';

/** What is sealed: the bytes of files, or what is known of them, which a machine that backs up has to read, too. */
export type Sealed = 'contents' | 'notes';

export interface Sealing {
  /** What the names of objects end in. */
  readonly suffix: string;
  seal(what: Sealed, bytes: Uint8Array): Promise<Uint8Array>;
  /** Throws `password` where there is no key to any such object: none of them needs to be fetched, nor may have to be. */
  requireKey(what: Sealed): void;
  /**
   * The bytes of an object. Throws `file-checksum` for one that is not as it was written, or holds more than `limit` bytes, and `password`
   * where there is no key to it.
   */
  open(what: Sealed, name: string, object: Uint8Array, limit: number): Promise<Uint8Array>;
}

/** Compression alone. */
export const compressed: Sealing = {
  suffix: '.zst',
  seal: async (_what, bytes) => await compress(bytes),
  requireKey: () => {},
  open: async (_what, name, object, limit) => {
    const bytes = await expand(object, limit);
    if (bytes) return bytes;
    throw new FigaroError('file-checksum', `${name} is damaged: it is no whole Zstandard frame of what was put there`, {
      path: name,
      hint: 'figaro-backup verify tells which sets need it.',
    });
  },
};

/** What encrypts and decrypts, for one kind of objects. */
export interface Encryption {
  readonly seal: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Throws where there is no key at all. */
  readonly requireKey: () => void;
  /** Throws for want of a key, and for what is damaged. */
  readonly open: (bytes: Uint8Array, name: string) => Promise<Uint8Array>;
}

/** Compression, and what a file of `age` is around it. */
export function encrypted(by: Readonly<Record<Sealed, Encryption>>): Sealing {
  return {
    suffix: '.zst.age',
    seal: async (what, bytes) => await by[what].seal(await compress(bytes)),
    requireKey: (what) => by[what].requireKey(),
    open: async (what, name, object, limit) => {
      const frame = await by[what].open(object, name);
      const bytes = await compressed.open(what, name, frame, limit);
      freeMemory(frame);
      return bytes;
    },
  };
}
