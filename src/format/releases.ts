/** Which releases of Berkeley DB write which versions (format document, 0.1). */

import { accessMethods, type AccessMethod } from './magic.ts';

const byLogVersion: Readonly<Record<number, string>> = {
  8: '4.2',
  10: '4.3',
  11: '4.4',
  12: '4.5',
  13: '4.6',
  14: '4.7',
  15: '4.8.24',
  16: '4.8.26 or 4.8.30',
  17: '5.0 or 5.1',
  18: '5.2',
  19: '5.3',
  20: '6.0.19 or 6.0.20',
  21: '6.0.30',
  22: '6.1',
  23: '6.2 or 18.1',
};

/** The releases that write logs of a version; undefined when none is known. */
export function releaseOfLog(version: number): string | undefined {
  return byLogVersion[version];
}

interface Span {
  readonly from: string;
  /** Undefined for those that are still written. */
  readonly to?: string;
}

const byMethod: Readonly<Record<AccessMethod, Readonly<Record<number, Span>>>> = {
  btree: { 9: { from: '4.2', to: '6.0.20' }, 10: { from: '6.0.30' } },
  hash: { 8: { from: '4.2', to: '4.5' }, 9: { from: '4.6', to: '6.0.20' }, 10: { from: '6.0.30' } },
  queue: { 4: { from: '4.2' } },
  heap: { 1: { from: '5.2', to: '6.0.20' }, 2: { from: '6.0.30' } },
};

/** The releases that create databases of a version; undefined when none is known. */
export function releaseOfDatabase(method: AccessMethod, version: number): string | undefined {
  const span = byMethod[method][version];
  return span && (span.to === undefined ? `${span.from} or later` : `${span.from} to ${span.to}`);
}

/** Releases whose databases are too old to be read, by the version they write. */
const tooOld: Readonly<Record<AccessMethod, Readonly<Record<number, string>>>> = {
  btree: { 6: '2.x', 7: '3.0' },
  hash: { 5: '2.x', 6: '3.0' },
  queue: { 1: '3.0', 2: '3.1' },
  heap: {},
};

/** What is further from the newest version than this is no version at all, but damage. */
const nearFuture = 16;

/** What a database of a version that is not read is; undefined for versions that are read, and for what is no version. */
export function foreignDatabase(method: AccessMethod, version: number): string | undefined {
  const { oldest, newest } = accessMethods[method];
  const read = `versions ${oldest} to ${newest} are read`;
  if (version > newest && version <= newest + nearFuture) {
    return `${method} version ${version}, of a release newer than Berkeley DB 18.1; ${read}`;
  }
  if (version >= oldest || version === 0) return undefined;
  return `${method} version ${version} (Berkeley DB ${tooOld[method][version] ?? '2.x or older'}); ${read}`;
}

/** Berkeley DB 1.85 and 1.86 begin their files with the magic number, where later releases have an LSN. */
export function release185(head: DataView): string | undefined {
  if (head.byteLength < 8) return undefined;
  for (const littleEndian of [true, false]) {
    const magic = head.getUint32(0, littleEndian);
    const version = head.getUint32(4, littleEndian);
    const method = (['btree', 'hash'] as const).find((name) => accessMethods[name].magic === magic);
    if (method && version >= 1 && version <= newest185) return `a ${method} file of Berkeley DB 1.85 or 1.86`;
  }
  return undefined;
}

/** Versions of 1.85 and 1.86: btree 3, hash 2 and 3. */
const newest185 = 5;

/** What to do with a database whose version is not read. */
export const foreignHint =
  'open it with its own release: dump it there with `db_dump` and load it with `db_load` of a newer one, or upgrade a copy with `db_upgrade`.';

/** The first releases of all versions, in order. */
const firstReleases = ['4.2', '4.6', '5.2', '6.0.30'] as const;

/** The oldest release that can have written all of these databases; newer ones keep the versions they find. */
export function oldestReleaseOf(
  databases: readonly { readonly method: AccessMethod; readonly version: number }[],
): string | undefined {
  const froms = databases.map(({ method, version }) => byMethod[method][version]?.from);
  return firstReleases.findLast((release) => froms.includes(release));
}
