/** Which documents a container has, and what is known of each (dbxml documents document, 2). */

import { type FigaroError, isPageDamage } from '../../errors.ts';
import { metadataType, metadataValue, parseMetadataKey } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { type Database } from '../database/database-file.ts';
import { btreeEntries, type BtreeEntry } from '../database/trees.ts';
import { type Dictionary } from './dictionary.ts';

export interface MetadataItem {
  /** Empty for a name without a namespace. */
  readonly uri: string;
  readonly name: string;
  /** `string`, `dateTime`, `binary`; a number where none is known. */
  readonly type: string;
  /** Bytes where the type is `binary`. */
  readonly value: string | Uint8Array;
}

/** As scripts read it: bytes as `hex`. */
export function metadataJson({ uri, name, type, value }: MetadataItem): object {
  return { uri, name, type, ...(typeof value === 'string' ? { value } : { hex: Buffer.from(value).toString('hex') }) };
}

export interface DocumentEntry {
  readonly id: number;
  /** Undefined where it is lost. */
  readonly name: string | undefined;
  /** The name among them, in the order of the container. */
  readonly metadata: readonly MetadataItem[];
  /** Why the document cannot be what it was; undefined when all is well. */
  readonly problem: string | undefined;
}

const ownUri = 'http://www.sleepycat.com/2002/dbxml';
/** Documents have their names under this id, which the library itself gives out (dbxml documents document, 1.2). */
const nameOfDocument = { uri: ownUri, name: 'name' } as const;
export const nameId = 1;

/** More than the metadata of any document takes, in bytes, and has items. */
const mostBytes = 256 << 20;
const mostItems = 1_000_000;

/**
 * Pages that cannot be read are told, and passed over: documents that had all of their metadata on them are not found.
 *
 * @param from the key to begin with
 */
export function* documentEntries(
  database: Database,
  dictionary: Dictionary,
  onDamage: (error: FigaroError) => void,
  from?: Uint8Array,
): Generator<DocumentEntry> {
  let gathered: Gathered | undefined;
  for (const entry of btreeEntries(database, { onDamage, ...(from && { from }) })) {
    const key = keyOf(database, entry, onDamage);
    // An application that updates a document it did not fetch leaves metadata under this id.
    if (!key || key.documentId === 0) continue;
    if (gathered?.id !== key.documentId) {
      if (gathered) yield gathered.entry();
      gathered = new Gathered(key.documentId, dictionary);
    }
    gathered.add(key.nameId, key.typeCode, entry);
  }
  if (gathered) yield gathered.entry();
}

function keyOf(
  database: Database,
  { key }: BtreeEntry,
  onDamage: (error: FigaroError) => void,
): ReturnType<typeof parseMetadataKey> | undefined {
  try {
    return parseMetadataKey(key);
  } catch (error) {
    if (!(error instanceof DocumentProblem)) throw error;
    onDamage(database.file.broken(database.metaPgno, `metadata: ${error.message}`));
    return undefined;
  }
}

/** The items of one document. */
class Gathered {
  readonly id: number;
  readonly #dictionary: Dictionary;
  readonly #items: MetadataItem[] = [];
  #name: string | undefined;
  #problem: string | undefined;
  #bytes = 0;
  #lastNameId = -1;

  constructor(id: number, dictionary: Dictionary) {
    this.id = id;
    this.#dictionary = dictionary;
  }

  add(id: number, typeCode: number, entry: BtreeEntry): void {
    // Of several types of one name, the first counts.
    if (id === this.#lastNameId) return;
    this.#lastNameId = id;
    this.#bytes += entry.length;
    if (this.#bytes > mostBytes || this.#items.length >= mostItems) {
      this.#problem ??= 'it has more metadata than any document';
      return;
    }
    try {
      const { uri, name } = this.#nameOf(id);
      const value = metadataValue(typeCode, entry.data());
      this.#items.push({ uri, name, type: metadataType(typeCode), value });
      if (uri === ownUri && name === nameOfDocument.name && typeof value === 'string') this.#name ??= value;
    } catch (error) {
      if (error instanceof DocumentProblem || isPageDamage(error)) this.#problem ??= `its metadata: ${error.message}`;
      else throw error;
    }
  }

  #nameOf(id: number): { readonly uri: string; readonly name: string } {
    // It must be found though the dictionary is damaged.
    const known = id === nameId ? nameOfDocument : this.#dictionary.nameOf(id);
    if (known) return known;
    throw new DocumentProblem(`name ${id} is not in the dictionary`);
  }

  entry(): DocumentEntry {
    const lost = this.#name === undefined ? 'its name is lost' : undefined;
    return { id: this.id, name: this.#name, metadata: this.#items, problem: this.#problem ?? lost };
  }
}
