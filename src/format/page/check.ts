// Stand-in so that the tree compiles; to be overwritten by its author.
import { type DatabaseFormat } from './meta.ts';
import { hasRightChecksum } from './checksum.ts';
export interface PageFinding { readonly code: 'page-checksum' | 'page-type'; readonly problem: string }
export function checkPage(bytes: Uint8Array, _pgno: number, format: DatabaseFormat): PageFinding | undefined {
  return hasRightChecksum(bytes, format) ? undefined : { code: 'page-checksum', problem: 'it does not match its checksum' };
}
