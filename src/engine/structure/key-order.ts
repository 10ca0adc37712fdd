/** Orders of keys and duplicates (format document, 4.6.9, 6.1). */

import { compareIndexEntries, keyOrderOfSyntax } from '../../format/xml-index.ts';
import { type Order } from './file-check.ts';

/** The order of Berkeley DB itself: bytes as unsigned, shorter ones first. */
export function byteOrder(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** The orders of one database. */
export interface Orders {
  readonly keys: Order;
  readonly duplicates: Order;
}

/** True for the sub-databases of a container of Berkeley DB XML (format document, 6). */
export function isXmlContainer(names: readonly string[]): boolean {
  return names.includes('secondary_configuration');
}

/**
 * The orders of a sub-database of a container, where those of others are `standard`: keys of indexes and statistics are
 * in the order of their syntax, and duplicates of indexes in one of their own.
 */
export function ordersOf(name: string, standard: Orders): Orders {
  const [, kind, syntax = ''] = /^secondary_document_(index|statistics)_(.+)$/.exec(name) ?? [];
  if (kind === undefined || !standard.keys) return standard;
  return { keys: keyOrderOfSyntax(syntax), duplicates: compareIndexEntries };
}
