/** Orders of keys and duplicates (format document, 4.6.9, 6.3, 6.4). */

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

/** Syntaxes of Berkeley DB XML whose keys are in the order of their bytes. */
const byteSyntaxes = new Set(['none', 'string', 'base64Binary', 'boolean', 'hexBinary']);

/**
 * The orders of a sub-database of a container, where those of others are `standard`. Keys of indexes and statistics of
 * numbers and dates are in an order of their own, and so are all duplicates of indexes.
 */
export function ordersOf(name: string, standard: Orders): Orders {
  const [, kind, syntax = ''] = /^secondary_document_(index|statistics)_(.+)$/.exec(name) ?? [];
  if (kind === undefined) return standard;
  return { keys: byteSyntaxes.has(syntax) ? standard.keys : undefined, duplicates: undefined };
}
