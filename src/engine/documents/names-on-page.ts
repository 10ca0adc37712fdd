/** The names of documents on a page, whatever it belongs to (dbxml documents document, 1.2 and 2). */

import { metadataValue, parseMetadataKey, stringType } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { marshaledLength } from '../../format/xml-index.ts';
import { isDeletedItem, treeItemData, treeItemType } from '../../format/page/btree.ts';
import { type Page } from '../../format/page/page.ts';
import { itemType, pageType } from '../../format/page/types.ts';
import { nameId as nameIdOfName } from './metadata.ts';

/** Ids of documents whose name stands on a page, if that is one with metadata; of long names, all. */
export function* idsOn(page: Page, document: string): Generator<number> {
  if (page.type !== pageType.btreeLeaf) return;
  for (let i = 0; i + 1 < page.entries; i += 2) {
    const [key, data] = [page.itemAt(i), page.itemAt(i + 1)];
    if (isDeletedItem(page, data) || treeItemType(page, key) !== itemType.keyData) continue;
    const id = idOfName(treeItemData(page, key));
    if (id === undefined) continue;
    const isOnPage = treeItemType(page, data) === itemType.keyData;
    if (!isOnPage || textOf(treeItemData(page, data)) === document) yield id;
  }
}

/** The id of a document, by the key of its name; undefined for other keys, of which there are many. */
function idOfName(key: Uint8Array): number | undefined {
  const length = marshaledLength(key[0] ?? 0);
  if (key.length !== length + 2 || key[length] !== nameIdOfName) return undefined;
  try {
    const { documentId } = parseMetadataKey(key);
    return documentId === 0 ? undefined : documentId;
  } catch (error) {
    if (error instanceof DocumentProblem) return undefined;
    throw error;
  }
}

function textOf(data: Uint8Array): string {
  return metadataValue(stringType, data) as string;
}
