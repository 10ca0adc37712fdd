/** What a container of Berkeley DB XML says of itself (format document, 6). */

import { marshaledLength } from '../../format/xml-index.ts';
import { pause, type Watch } from '../pause.ts';
import { type Database } from './database-file.ts';
import { databaseLabel } from './dump.ts';
import { btreeEntries, btreeRecords, type BtreeEntry } from './trees.ts';

/** The indexes of the nodes, attributes or metadata of one name. */
export interface XmlIndex {
  readonly name: string;
  readonly uri?: string;
  /** As the application gave them: `node-element-equality-string`. */
  readonly indexes: readonly string[];
}

export interface XmlInventory extends Pick<XmlSettings, 'storage' | 'version' | 'compression'> {
  readonly documents: number;
  /** Indexes are added by the library itself. */
  readonly autoIndex: boolean;
  /** Indexes lead to nodes, not only to documents. */
  readonly indexesNodes: boolean;
  /** Indexes of what has none of its own; all containers seen so far had none. */
  readonly defaultIndexes: readonly string[];
  readonly indexes: readonly XmlIndex[];
}

/** What a container says of itself and its documents. */
export interface XmlSettings {
  /** Documents are stored whole, or node by node; undefined when the container does not tell. */
  readonly storage: 'node' | 'document' | undefined;
  /** Version of the container; 6 with DB XML 2.5. */
  readonly version: string;
  readonly compression: string | undefined;
  /** Another setting as it is stored; it is read when it is asked for. */
  readonly stored: (name: string) => Uint8Array | undefined;
}

/** The btree of a name among the databases of a container. */
export function btreeNamed(databases: readonly Database[], name: string): Database | undefined {
  return databases.find((database) => databaseLabel(database) === name && database.method === 'btree');
}

/** More settings than any container has. */
const mostSettings = 1000;

/**
 * Reads the configuration of a container. Undefined when these databases are not those of one. Throws `page-type` or
 * `page-checksum` when it cannot be read.
 */
export function xmlSettingsOf(databases: readonly Database[]): XmlSettings | undefined {
  const configuration = btreeNamed(databases, 'secondary_configuration');
  if (!configuration) return undefined;
  const entries = new Map<string, BtreeEntry>();
  for (const entry of btreeEntries(configuration)) {
    if (entries.size >= mostSettings)
      throw configuration.file.broken(configuration.metaPgno, 'it has too many settings');
    entries.set(stringsIn(entry.key)[0]!, entry);
  }
  const stored = (name: string): Uint8Array | undefined => entries.get(name)?.data();
  const text = (name: string): string | undefined => {
    const value = stored(name);
    return value && stringsIn(value)[0];
  };
  const version = text('version');
  if (version === undefined) return undefined;
  return { storage: storages[text('ctype') ?? ''], version, compression: text('compression_name'), stored };
}

/**
 * Reads the configuration of a container and counts its documents. Undefined when these databases are not those of a
 * container. Throws `page-type` or `page-checksum` when they cannot be read.
 */
export async function xmlInventoryOf(databases: readonly Database[], watch: Watch): Promise<XmlInventory | undefined> {
  const settings = xmlSettingsOf(databases);
  if (!settings) return undefined;
  const { storage, version, compression, stored } = settings;
  const documents = btreeNamed(databases, 'secondary_document');
  const autoIndex = stored('autoindex');
  return {
    storage,
    version,
    documents: documents ? await countDocuments(documents, watch) : 0,
    compression,
    autoIndex: autoIndex !== undefined && stringsIn(autoIndex)[0] === 'on',
    indexesNodes: stored('indexNodes')?.[0] === 1,
    ...indexesIn(stored('index') ?? new Uint8Array(0)),
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
