/** Documents by the index of their names (dbxml documents document, 2). */

import { indexedDocument, indexKeyOfName } from '../../format/documents/metadata.ts';
import { type Database } from '../database/database-file.ts';
import { btreeEntries } from '../database/trees.ts';

/** The ids of the documents that an index has under a name. Throws `page-type` for a set of duplicates, which names have not, and what reading pages throws. */
export function idsByName(index: Database, name: string): number[] {
  const wanted = indexKeyOfName(name);
  const ids: number[] = [];
  for (const { key, data } of btreeEntries(index, { from: wanted })) {
    if (Buffer.compare(key, wanted) !== 0) break;
    ids.push(indexedDocument(data()));
  }
  return ids;
}
