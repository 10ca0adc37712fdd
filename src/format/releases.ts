/** Which releases of Berkeley DB write which versions (format document, 0.1). */

import { type AccessMethod } from './magic.ts';

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

/** The first releases of all versions, in order. */
const firstReleases = ['4.2', '4.6', '5.2', '6.0.30'] as const;

/** The oldest release that can have written all of these databases; newer ones keep the versions they find. */
export function oldestReleaseOf(
  databases: readonly { readonly method: AccessMethod; readonly version: number }[],
): string | undefined {
  const froms = databases.map(({ method, version }) => byMethod[method][version]?.from);
  return firstReleases.findLast((release) => froms.includes(release));
}
