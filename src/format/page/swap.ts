// Stand-in so that the tree compiles; to be overwritten by its author.
import { type DatabaseFormat } from './meta.ts';
export function swapPage(_bytes: Uint8Array, _format: DatabaseFormat): void {
  throw new Error('not written yet');
}
