/** The fields of metadata pages by name (format document, 4.4.2, 4.4.3). */

import { accessMethodOf } from '../magic.ts';
import { btreeFlag, hashFlag, metaAt, metaFlag } from './meta.ts';
import { type Page } from './page.ts';
import { pageType } from './types.ts';

export type FieldValue = string | number | readonly string[] | readonly number[];
export type Fields = Readonly<Record<string, FieldValue>>;

/** The names of the flags that are set; bits without a name as numbers. */
function namesOf(bits: number, known: Readonly<Record<string, number>>): readonly string[] {
  const names: string[] = [];
  let rest = bits;
  for (const [name, bit] of Object.entries(known)) {
    if ((rest & bit) === 0) continue;
    names.push(wordsOf(name));
    rest &= ~bit;
  }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names;
}

/** `sortedDuplicates` as people read it. */
export function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The flags of the database that a metadata page begins, in words. */
export function flagsOf(meta: Page): readonly string[] {
  const flags = meta.u32(metaAt.flags);
  switch (meta.type) {
    case pageType.btreeMeta:
      return namesOf(flags, btreeFlag);
    case pageType.hashMeta:
      return namesOf(flags, hashFlag);
    default:
      return namesOf(flags, {});
  }
}

/**
 * Every field of a metadata page. Without the key to an encrypted page only those that are not encrypted; any bytes will
 * do, as long as there are 512.
 */
export function metadataFields(page: Page): Fields {
  const magic = page.u32(metaAt.magic);
  const open: Fields = {
    magic: `0x${magic.toString(16)}`,
    method: accessMethodOf(magic) ?? 'unknown',
    version: page.u32(metaAt.version),
    pageSize: page.u32(metaAt.pageSize),
    encryption: page.bytes[metaAt.encryption] === 0 ? 'none' : `algorithm ${page.bytes[metaAt.encryption]}`,
    metaFlags: namesOf(page.bytes[metaAt.metaFlags]!, metaFlag),
    free: page.u32(metaAt.free),
    lastPgno: page.u32(metaAt.lastPgno),
    partitions: page.u32(metaAt.partitions),
    keyCount: page.u32(metaAt.keyCount),
    recordCount: page.u32(metaAt.recordCount),
    flags: flagsOf(page),
  };
  if (page.format.encrypted && !page.format.cipher) return open;
  const uid = Buffer.from(page.bytes.subarray(metaAt.uid, metaAt.uid + 20)).toString('hex');
  return { ...open, uid, ...methodFields(page) };
}

function methodFields(page: Page): Fields {
  const numbers = (offsets: Readonly<Record<string, number>>): Fields =>
    Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, page.u32(offset)]));
  switch (page.type) {
    case pageType.btreeMeta: {
      const { blobThreshold, ...rest } = metaAt.btree;
      return numbers(page.u32(metaAt.version) >= 10 ? { ...rest, blobThreshold } : rest);
    }
    case pageType.hashMeta: {
      const { blobThreshold, charKey, spares, ...rest } = metaAt.hash;
      return {
        ...numbers(page.u32(metaAt.version) >= 10 ? { ...rest, blobThreshold } : rest),
        charKey: `0x${page.u32(charKey).toString(16)}`,
        spares: Array.from({ length: 32 }, (_, i) => page.u32(spares + 4 * i)),
      };
    }
    case pageType.queueMeta:
      return numbers(metaAt.queue);
    case pageType.heapMeta: {
      const { blobThreshold, ...rest } = metaAt.heap;
      return numbers(page.u32(metaAt.version) >= 2 ? { ...rest, blobThreshold } : rest);
    }
    default:
      return {};
  }
}
