import { FigaroError, isPageDamage, type ErrorCode } from '../../errors.ts';
import { documentKey } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { type Database, type DatabaseFile } from '../database/database-file.ts';
import { databaseLabel } from '../database/dump.ts';
import { type PageChoice } from '../database/page-choice.ts';
import { databasesOf } from '../database/records.ts';
import { btreeEntries, type BtreeEntry } from '../database/trees.ts';
import { btreeNamed, xmlSettingsOf, type XmlSettings } from '../database/xml-inventory.ts';
import { pause, type Watch } from '../pause.ts';
import { nodeContent, wholeContent, type Warn } from './content.ts';
import { Dictionary } from './dictionary.ts';
import { documentEntries, type DocumentEntry } from './metadata.ts';
import { idsByName } from './names-in-index.ts';

/** The version that DB XML 2.3 to 2.5 write. */
const readVersion = '6';

const uncompressed = 'NONE';
const zlib = 'DEFAULT';

/** True for a container whose documents can be read. Throws what reading pages throws. */
export function isReadable(databases: readonly Database[]): boolean {
  return xmlSettingsOf(databases)?.version === readVersion;
}

/** A container of Berkeley DB XML, whose documents are read. */
export class XmlContainer {
  readonly #file: DatabaseFile;
  readonly #documents: Database;
  readonly #contents: Database;
  /** Leads from names to documents. */
  readonly #names: Database | undefined;
  readonly #dictionary: Dictionary;
  readonly #settings: XmlSettings;
  readonly #watch: Watch;
  /** By what is said of it. */
  readonly #damage = new Map<string, FigaroError>();

  /**
   * Throws `container-missing` for another database file, `format-unsupported` for a container of another version, and what reading
   * pages throws.
   */
  constructor(file: DatabaseFile, watch: Watch) {
    this.#file = file;
    this.#watch = watch;
    const databases = databasesOf(file);
    const settings = xmlSettingsOf(databases);
    if (!settings) throw noContainer(file);
    if (settings.version !== readVersion) throw otherVersion(file, settings.version);
    const { storage } = settings;
    if (storage === undefined) throw file.broken(0, 'the container does not say how its documents are stored');
    this.#settings = settings;
    const named = (name: string, find = btreeNamed): Database => {
      const found = find(databases, name);
      if (found) return found;
      throw file.broken(0, `the database ${name} of the container is missing`);
    };
    this.#documents = named('secondary_document');
    this.#contents = named(storage === 'node' ? 'node_nodestorage' : 'content_document');
    this.#names = btreeNamed(databases, 'secondary_document_index_string');
    this.#dictionary = new Dictionary(named('primary_dictionary', recnoNamed));
    if (this.#dictionary.damage) this.#note(this.#dictionary.damage);
  }

  /** The file, as messages call it. */
  get name(): string {
    return this.#file.path;
  }

  get storage(): 'node' | 'document' {
    return this.#settings.storage!;
  }

  /** What compresses documents, where only the application knows how to read them. */
  get ownCompression(): string | undefined {
    const { compression = uncompressed } = this.#settings;
    const isOwn = this.storage === 'document' && compression !== uncompressed && compression !== zlib;
    return isOwn ? compression : undefined;
  }

  /** True where an index leads from names to documents. */
  get hasNames(): boolean {
    return this.#names !== undefined;
  }

  /** All documents, in the order of their ids. Of damaged ones, as much as is left. */
  async *entries(): AsyncGenerator<DocumentEntry> {
    for (const entry of documentEntries(this.#documents, this.#dictionary, (error) => this.#note(error))) {
      await pause(this.#watch);
      yield entry;
    }
  }

  /** The document with an id; undefined where there is none. */
  entry(id: number): DocumentEntry | undefined {
    for (const entry of documentEntries(
      this.#documents,
      this.#dictionary,
      (error) => this.#note(error),
      documentKey(id),
    )) {
      return entry.id === id ? entry : undefined;
    }
    return undefined;
  }

  /**
   * The documents of some names, in the order of their ids, as the index of names has them; a name that it does not have is passed over. In a sound container
   * these are all: names are unique. Throws what reading pages throws, and `DocumentProblem`.
   */
  *entriesNamed(names: readonly string[]): Generator<DocumentEntry> {
    const wanted = new Set(names);
    const ids = this.#names ? [...wanted].flatMap((name) => idsByName(this.#names!, name)) : [];
    for (const id of ids.sort((a, b) => a - b)) {
      const entry = this.entry(id);
      if (entry?.name !== undefined && wanted.has(entry.name)) yield entry;
    }
  }

  /**
   * The records that documents are made of: those of their metadata, and those of their XML, each in the order of their keys, which begin with
   * the id of the document.
   *
   * @param choice only the records on these pages
   */
  recordsOfDocuments(choice?: PageChoice): readonly (() => Iterable<BtreeEntry>)[] {
    return [this.#documents, this.#contents].map((database) => () => btreeEntries(database, { choice }));
  }

  /** Where the metadata and the XML are: two states with the same places share the pages that are the same. */
  get places(): string {
    return `${this.#documents.metaPgno} ${this.#contents.metaPgno}`;
  }

  /** What could not be read, as far as it was met: documents may be missing therefore. */
  get damage(): readonly FigaroError[] {
    return [...this.#damage.values()];
  }

  #note(error: FigaroError): void {
    this.#damage.set(error.message, error);
  }

  /**
   * The XML of a document, piece by piece: whether all of it can be read shows at the end. Throws `format-unsupported` for one
   * that the application has compressed itself, `page-type` and `page-checksum` for a damaged one; other documents may be sound.
   */
  async *content(entry: DocumentEntry, warn: Warn): AsyncGenerator<Uint8Array> {
    const label = labelOf(entry);
    try {
      yield* this.#contentOf(entry.id, label, (warning) => warn(`${this.#file.path}: ${label}: ${warning}`));
    } catch (error) {
      if (error instanceof DocumentProblem) throw this.#damaged(label, error.message, error);
      if (isPageDamage(error)) throw this.#damaged(label, error.message, error, error.code);
      throw error;
    }
  }

  /** What tells versions of a document apart, piece by piece: its XML, or where only the application can read that, what is stored of it. */
  async *fingerprint(entry: DocumentEntry, warn: Warn): AsyncGenerator<Uint8Array> {
    if (this.ownCompression === undefined) yield* this.content(entry, warn);
    else yield* wholeContent(this.#contents, entry.id, false, this.#watch);
  }

  /** What is wrong with a document besides its XML, as an error. */
  damagedEntry(entry: DocumentEntry, problem: string): FigaroError {
    return this.#damaged(labelOf(entry), problem);
  }

  #contentOf(id: number, label: string, warn: Warn): AsyncGenerator<Uint8Array> {
    if (this.storage === 'node') return nodeContent(this.#contents, id, this.#dictionary, warn, this.#watch);
    const { ownCompression } = this;
    if (ownCompression !== undefined) {
      throw new FigaroError(
        'format-unsupported',
        `${this.#file.path}: ${label} is compressed as ${ownCompression}, which only the application knows`,
        { path: this.#file.path, hint: 'recover the container, and read it with the application.' },
      );
    }
    return wholeContent(this.#contents, id, this.#settings.compression === zlib, this.#watch);
  }

  #damaged(label: string, problem: string, cause?: Error, code: ErrorCode = 'page-type'): FigaroError {
    const pgno = cause instanceof FigaroError ? cause.details.pgno : undefined;
    return new FigaroError(code, `${this.#file.path}: ${label} is damaged: ${problem}`, {
      path: this.#file.path,
      ...(pgno === undefined ? {} : { pgno }),
      hint: 'take it from an older restore point or another copy.',
      ...(cause && { cause }),
    });
  }
}

function labelOf({ id, name }: DocumentEntry): string {
  return name === undefined ? `the document with id ${id}` : `document ${name}`;
}

function recnoNamed(databases: readonly Database[], name: string): Database | undefined {
  return databases.find((database) => databaseLabel(database) === name && database.method === 'recno');
}

function noContainer({ path }: DatabaseFile): FigaroError {
  return new FigaroError('container-missing', `${path} is no container of Berkeley DB XML`, {
    path,
    hint: 'it holds no documents. See what it holds with `figaro-backup inspect container`, or print its records with `dump`.',
  });
}

function otherVersion({ path }: DatabaseFile, version: string): FigaroError {
  return new FigaroError('format-unsupported', `${path} is a container of version ${version}, not ${readVersion}`, {
    path,
    hint: 'the library of DB XML 2.3 to 2.5 upgrades it: recover it, and upgrade a copy.',
  });
}
