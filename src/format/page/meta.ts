import { hashWithHole } from '../log/frames.ts';
import { type Cipher } from '../crypto.ts';
import { accessMethodOf, accessMethods, placeholderMagic, type AccessMethod } from '../magic.ts';
import { foreignDatabase, release185 } from '../releases.ts';
import { decryptedPage } from './encryption.ts';

/** Bytes of a metadata page that mean anything, whatever the page size (format document, 4.4.2). */
export const metaSize = 512;

/** Offsets on metadata pages: the common part (4.4.2), then per access method (4.4.3). */
export const metaAt = {
  magic: 12,
  version: 16,
  pageSize: 20,
  encryption: 24,
  type: 25,
  metaFlags: 26,
  free: 28,
  lastPgno: 32,
  partitions: 36,
  keyCount: 40,
  recordCount: 44,
  flags: 48,
  uid: 52,
  cryptoMagic: 460,
  iv: 476,
  checksum: 492,
  btree: { minKey: 76, recordLength: 80, pad: 84, root: 88, blobThreshold: 92 },
  hash: {
    maxBucket: 72,
    highMask: 76,
    lowMask: 80,
    fillFactor: 84,
    keys: 88,
    charKey: 92,
    spares: 96,
    blobThreshold: 224,
  },
  queue: { first: 72, current: 76, recordLength: 80, pad: 84, recordsPerPage: 88, extentPages: 92 },
  heap: { currentRegion: 72, regions: 76, gigabytes: 80, bytes: 84, regionSize: 88, blobThreshold: 92 },
} as const;

/** `metaFlags`. */
export const metaFlag = { checksums: 1, rangePartitions: 2, callbackPartitions: 4, sliced: 8 } as const;

/** `flags` of btree and recno. */
export const btreeFlag = {
  duplicates: 0x01,
  recno: 0x02,
  recordNumbers: 0x04,
  fixedLength: 0x08,
  renumber: 0x10,
  subDatabases: 0x20,
  sortedDuplicates: 0x40,
  compressed: 0x80,
} as const;

/** `flags` of hash. */
export const hashFlag = { duplicates: 1, subDatabase: 2, sortedDuplicates: 4 } as const;

/** What one has to know of a database file to read any of its pages. */
export interface DatabaseFormat {
  readonly method: AccessMethod;
  readonly version: number;
  /** In bytes. */
  readonly pageSize: number;
  readonly littleEndian: boolean;
  readonly checksums: boolean;
  readonly encrypted: boolean;
  /** The key of encrypted pages; undefined when they are not encrypted, or cannot be read. */
  readonly cipher: Cipher | undefined;
  /** See `indexStartOf`. */
  readonly indexStart: number;
  /** Unique id of the file as hex, 20 bytes; without the key to an encrypted file the last 8 bytes are ciphertext. */
  readonly uid: string;
}

/** Where the index of items starts on ordinary pages (format document, 4.4.1). */
export function indexStartOf({ checksums, encrypted }: Pick<DatabaseFormat, 'checksums' | 'encrypted'>): number {
  return encrypted ? 64 : checksums ? 32 : 26;
}

/** What the first bytes of a file say it is. */
export type FileRecognition =
  | { readonly kind: 'database'; readonly format: DatabaseFormat }
  /** A stand-in for a file that an open transaction removes or renames (4.4.5). */
  | { readonly kind: 'placeholder'; readonly uid: string }
  /** A database of a release whose formats are not read: what it is, and of which release. */
  | { readonly kind: 'unsupported'; readonly problem: string }
  /** The magic number of a database, but something else is impossible: reported, never skipped. */
  | { readonly kind: 'damaged'; readonly problem: string }
  /** An encrypted database that the key does not open. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'other' };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/**
 * Recognises a database file by its first 512 bytes (format document, 1.4). Give fewer only when the file has no more.
 *
 * @param cipher the key, should it be encrypted
 */
export function recognizeFile(head: Uint8Array, cipher?: Cipher): FileRecognition {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const oldest = release185(view);
  if (oldest !== undefined) return { kind: 'unsupported', problem: oldest };
  if (head.length < metaAt.uid + 20) return { kind: 'other' };
  for (const littleEndian of [true, false]) {
    const u32 = (offset: number): number => view.getUint32(offset, littleEndian);
    const magic = u32(metaAt.magic);
    const uidOf = (page: Uint8Array): string => hex(page.subarray(metaAt.uid, metaAt.uid + 20));
    if (magic === placeholderMagic && head.length <= metaSize) {
      return { kind: 'placeholder', uid: uidOf(head) };
    }
    const method = accessMethodOf(magic);
    if (!method) continue;
    const { metaType, oldest, newest } = accessMethods[method];
    const type = head[metaAt.type]!;
    const version = u32(metaAt.version);
    const pageSize = u32(metaAt.pageSize);
    const encryption = head[metaAt.encryption]!;
    const foreign = foreignDatabase(method, version);
    // Where its checksum is wrong, its version may be what is damaged (4.5).
    const isIntact =
      head.length >= metaSize &&
      ((head[metaAt.metaFlags]! & metaFlag.checksums) === 0 ||
        encryption !== 0 ||
        u32(metaAt.checksum) === hashWithHole(head, metaAt.checksum, 4, metaSize));
    if (foreign !== undefined && isIntact && isPageSize(pageSize) && u32(8) === 0) {
      return { kind: 'unsupported', problem: foreign };
    }
    const problem =
      head.length < metaSize
        ? `it ends after ${head.length} bytes`
        : type !== metaType
          ? `its first page has type ${type}, not ${metaType} as a ${method} file must`
          : version < oldest || version > newest
            ? `it has ${method} version ${version}, not ${oldest} to ${newest}`
            : !isPageSize(pageSize)
              ? `its page size is ${pageSize}`
              : u32(8) !== 0
                ? `its first page calls itself page ${u32(8)}`
                : encryption > 1
                  ? `it has encryption algorithm ${encryption}`
                  : undefined;
    if (problem !== undefined) return { kind: 'damaged', problem };
    const encrypted = encryption === 1;
    const checksums = encrypted || (head[metaAt.metaFlags]! & metaFlag.checksums) !== 0;
    const key = encrypted ? cipher : undefined;
    const plain = key ? decryptedPage(head, key) : head;
    if (key && new DataView(plain.buffer).getUint32(metaAt.cryptoMagic, littleEndian) !== magic)
      return { kind: 'locked' };
    const uid = uidOf(plain);
    return {
      kind: 'database',
      format: {
        method,
        version,
        pageSize,
        littleEndian,
        checksums,
        encrypted,
        cipher: key,
        indexStart: indexStartOf({ checksums, encrypted }),
        uid,
      },
    };
  }
  return { kind: 'other' };
}

/** A power of two from 512 to 65536. */
export function isPageSize(n: number): boolean {
  return n >= 512 && n <= 65536 && (n & (n - 1)) === 0;
}
