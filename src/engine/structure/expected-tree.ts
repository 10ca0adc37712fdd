import { type pageType } from '../../format/page/types.ts';
import { type Order } from './file-check.ts';

/** Sets of duplicates of a database. */
export interface DuplicateShape {
  readonly sorted: boolean;
  readonly order: Order;
}

/** What a tree has to look like. */
export interface TreeShape {
  readonly leaf: typeof pageType.btreeLeaf | typeof pageType.recnoLeaf | typeof pageType.duplicateLeaf;
  /** Internal pages say how many records are below (format document, 4.6.6). */
  readonly counted: boolean;
  /** Of keys; of the items themselves in a tree of sorted duplicates. */
  readonly order: Order;
  /** Undefined where none can be. */
  readonly duplicates: DuplicateShape | undefined;
  /** Pairs are packed into chunks (4.6.8). */
  readonly compressed: boolean;
  /** Bytes of every record; undefined when they may differ. */
  readonly recordLength: number | undefined;
  /** Told of every pair whose bytes are known. */
  readonly onPair?: (key: Uint8Array, data: Uint8Array, pgno: number) => void;
}
