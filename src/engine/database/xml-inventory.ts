/** What a container of Berkeley DB XML says of itself (format document, 6). */

import { marshaledLength } from '../../format/xml-index.ts';
import { pause, type Watch } from '../pause.ts';
import { type Database } from './database-file.ts';
import { databaseLabel } from './dump.ts';
import { btreeRecords } from './trees.ts';

/** The indexes of the nodes, attributes or metadata of one name. */
export interface XmlIndex {
  readonly name: string;
  readonly uri?: string;
  /** As the application gave them: `node-element-equality-string`. */
  readonly indexes: readonly string[];
}

export interface XmlInventory {
  /** Documents are stored whole, or node by node; undefined when the container does not tell. */
  readonly storage: 'node' | 'document' | undefined;
  /** Version of the container; 6 with DB XML 2.5. */
  readonly version: string;
  readonly documents: number;
  readonly compression: string | undefined;
  /** Indexes are added by the library itself. */
  readonly autoIndex: boolean;
  /** Indexes lead to nodes, not only to documents. */
  readonly indexesNodes: boolean;
  /** Indexes of what has none of its own; all containers seen so far had none. */
  readonly defaultIndexes: readonly string[];
  readonly indexes: readonly XmlIndex[];
}

/**
 * Reads the configuration of a container and counts its documents. Undefined when these databases are not those of a
 * container. Throws `page-type` or `page-checksum` when they cannot be read.
 */
export async function xmlInventoryOf(databases: readonly Database[], watch: Watch): Promise<XmlInventory | undefined> {
  const named = (name: string): Database | undefined =>
    databases.find((database) => databaseLabel(database) === name && database.method === 'btree');
  const configuration = named('secondary_configuration');
  if (!configuration) return undefined;
  const settings = new Map<string, Uint8Array>();
  for (const { key, data } of btreeRecords(configuration)) settings.set(stringsIn(key as Uint8Array)[0]!, data.slice());
  const text = (name: string): string | undefined => {
    const value = settings.get(name);
    return value && stringsIn(value)[0];
  };
  const version = text('version');
  if (version === undefined) return undefined;
  const documents = named('secondary_document');
  return {
    storage: storages[text('ctype') ?? ''],
    version,
    documents: documents ? await countDocuments(documents, watch) : 0,
    compression: text('compression_name'),
    autoIndex: text('autoindex') === 'on',
    indexesNodes: settings.get('indexNodes')?.[0] === 1,
    ...indexesIn(settings.get('index') ?? new Uint8Array(0)),
  };
}

const storages: Readonly<Record<string, 'node' | 'document'>> = { node: 'node', doc: 'document' };

/** Texts that each end with a NUL. */
function stringsIn(bytes: Uint8Array): string[] {
  const strings = Buffer.from(bytes).toString('utf8').split('\0');
  // Behind the last NUL is nothing.
  if (strings.length > 1) strings.pop();
  return strings;
}

/** The specification is the default indexes, then names with their indexes, up to an empty name. */
function indexesIn(bytes: Uint8Array): Pick<XmlInventory, 'defaultIndexes' | 'indexes'> {
  const [first = '', ...rest] = stringsIn(bytes);
  const listOf = (text: string): string[] => text.split(' ').filter((index) => index !== '');
  const indexes: XmlIndex[] = [];
  for (let i = 0; i + 1 < rest.length && rest[i] !== ''; i += 2) {
    // A name cannot hold a colon; an address can.
    const [, name = '', uri] = /^([^:]*)(?::([^]*))?$/.exec(rest[i]!) ?? [];
    indexes.push({ name, ...(uri === undefined ? {} : { uri }), indexes: listOf(rest[i + 1]!) });
  }
  return { defaultIndexes: listOf(first), indexes };
}

/** Documents have one record or more: their metadata, under the id of the document. */
async function countDocuments(database: Database, watch: Watch): Promise<number> {
  let count = 0;
  let last = '';
  for (const { key } of btreeRecords(database)) {
    const bytes = key as Uint8Array;
    const id = Buffer.from(bytes.subarray(0, marshaledLength(bytes[0] ?? 0))).toString('hex');
    if (id !== last) count += 1;
    last = id;
    await pause(watch);
  }
  return count;
}
