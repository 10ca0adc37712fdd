/** When a document was put, changed and deleted, as a log tells it. */

import { type Page } from '../../format/page/page.ts';
import { pageType } from '../../format/page/types.ts';
import { child, commit } from '../../format/log/records/txn.ts';
import { normalDirectory } from '../../format/names.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { FigaroError } from '../../errors.ts';
import { DatabaseFile } from '../database/database-file.ts';
import { type DocumentVersion, versionOf } from '../documents/version.ts';
import { databasesOf } from '../database/records.ts';
import { isReadable, XmlContainer } from '../documents/container.ts';
import { idsOn } from '../documents/names-on-page.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { PageCollector } from '../log/page-collector.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { type Watch } from '../pause.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { isFileOperation } from '../recovery/record-operations/fileops.ts';
import { whileStill } from '../recovery/look-into.ts';
import { filesOf, requireLogged } from '../recovery/recovered-files.ts';
import { type PreparedRecovery, type Scope } from '../recovery/recovery.ts';
import { replay, type Replay, type ReplayOptions } from '../recovery/replay.ts';
import { type Commit } from '../recovery/restore-point.ts';
import { nameInside } from '../recovery/select-containers.ts';
import { PagesOfOpenTransactions } from './open-pages.ts';

/** What happened to a document. The first entry can say that it was there when the log begins. */
export interface DocumentEvent {
  readonly kind: 'there' | 'put' | 'changed' | 'deleted';
  readonly lsn: Lsn;
  /** Seconds since 1970. */
  readonly time: number;
  /** Undefined where it was there when the log begins. */
  readonly txnId: number | undefined;
  /** Undefined where it was deleted. */
  readonly version: DocumentVersion | undefined;
  /** What of it was changed. */
  readonly contentChanged: boolean;
  readonly metadataChanged: boolean;
}

export interface DocumentHistory {
  readonly events: readonly DocumentEvent[];
  /** The first and the last commit that are covered; undefined for a log without one. */
  readonly covered: { readonly first: Commit; readonly last: Commit } | undefined;
}

/**
 * Reads the history of a document out of a log, in one pass over it. Throws `container-missing` for a container that the log does not know,
 * and is none of Berkeley DB XML, and what keeps the container or the document from being read.
 *
 * @param container its name inside the environment
 */
export async function readDocumentHistory(
  files: Files,
  environment: Environment,
  container: string,
  document: string,
  options: ReplayOptions,
): Promise<DocumentHistory> {
  const name = normalDirectory(container);
  let scope: Scope | undefined;
  const pages = new PagesOfOpenTransactions(files);
  let reader: HistoryReader | undefined;
  try {
    const scopeOf = (prepared: PreparedRecovery): Scope => (scope = uidsOf(environment, prepared, name));
    const onlookerOf = (shown: Replay): HistoryReader =>
      (reader = new HistoryReader(files, shown, pages, { name, document }, options.watch));
    await whileStill(files, environment, { has: (uid) => scope?.has(uid) === true }, () =>
      replay(files, environment, scopeOf, onlookerOf, options),
    );
  } finally {
    pages.close();
  }
  return reader?.result() ?? { events: [], covered: undefined };
}

const unchanged = { contentChanged: false, metadataChanged: false } as const;

/** The unique ids of all files that had the name of the container, or may have had it. */
function uidsOf(environment: Environment, { analysis }: PreparedRecovery, name: string): ReadonlySet<string> {
  const directories = ['', ...environment.config.dataDirectories.map((directory) => `${normalDirectory(directory)}/`)];
  const names = new Set(
    directories.filter((directory) => name.startsWith(directory)).map(({ length }) => name.slice(length)),
  );
  const uids = new Set<string>();
  const databases = filesOfKind(environment, 'database');
  for (const file of databases) if (file.name === name) uids.add(file.uid);
  for (const { uid, inMemory } of analysis.bindings.all()) {
    if (!inMemory && analysis.names.of(uid).some((known) => names.has(known))) uids.add(uid);
  }
  if (uids.size > 0) return uids;
  const others = databases.map((file) => file.name);
  throw new FigaroError('container-missing', `${name} is neither in this log nor beside it`, {
    path: name,
    hint: others.length === 0 ? 'there is no container at all.' : `there is ${others.join(', ')}.`,
  });
}

interface Wanted {
  /** Of the container, inside the environment. */
  readonly name: string;
  readonly document: string;
}

/** Follows one document through the states of its container. */
class HistoryReader {
  readonly #files: Files;
  readonly #replay: Replay;
  readonly #pages: PagesOfOpenTransactions;
  readonly #wanted: Wanted;
  readonly #watch: Watch;
  readonly #collector = new PageCollector();
  readonly #events: DocumentEvent[] = [];
  /** Transactions that create, rename or remove files. */
  readonly #ofFiles = new Set<number>();
  #first: Commit | undefined;
  #wasContainer = false;
  /** The container, as it was when it was looked at last. */
  #file: StoredFile | undefined;
  #id: number | undefined;
  #version: DocumentVersion | undefined;
  /** The leaves and overflow pages that the document was read from. */
  #footprint: ReadonlySet<number> = new Set();

  constructor(files: Files, shown: Replay, pages: PagesOfOpenTransactions, wanted: Wanted, watch: Watch) {
    this.#files = files;
    this.#replay = shown;
    this.#pages = pages;
    this.#wanted = wanted;
    this.#watch = watch;
  }

  /** Throws `container-missing` for a file that never was a container. */
  result(): DocumentHistory {
    if (this.#file && !this.#wasContainer) {
      const { name } = this.#wanted;
      throw new FigaroError('container-missing', `${name} is no container of Berkeley DB XML that can be read`, {
        path: name,
        hint: 'it holds no documents, or is of a version before 6. See what it is with `figaro-backup inspect container`.',
      });
    }
    const first = this.#first!;
    return { events: this.#events, covered: { first, last: this.#replay.prepared.analysis.commits.last ?? first } };
  }

  async begin(first: Commit): Promise<void> {
    this.#first = first;
    await this.#look(0, []);
    if (!this.#version) return;
    this.#events.push({ kind: 'there', ...first, txnId: undefined, version: this.#version, ...unchanged });
  }

  see(record: ScannedRecord): void {
    const { txnId, lsn } = record;
    const joined = bodyAs(record, child);
    if (joined) {
      this.#pages.join(txnId, joined.child);
      if (this.#ofFiles.delete(joined.child)) this.#ofFiles.add(txnId);
      return;
    }
    if (isFileOperation(record.code)) this.#ofFiles.add(txnId);
    if (!record.layout) return;
    this.#collector.reset();
    record.decodeWith(this.#collector);
    const { collectedFileId: fileId, pgnos } = this.#collector;
    const { prepared, table, scope } = this.#replay;
    const binding = fileId === undefined ? undefined : prepared.analysis.bindings.at(fileId, lsn);
    const file = binding && scope.has(binding.uid) ? table.byUid(binding.uid) : undefined;
    if (!file) return;
    for (const pgno of pgnos) this.#pages.touch(txnId, file, pgno);
  }

  async seeCommit(record: ScannedRecord): Promise<void> {
    const { txnId, lsn } = record;
    const isOfFiles = this.#ofFiles.delete(txnId);
    const body = bodyAs(record, commit);
    if (body && compareLsn(lsn, this.#first!.lsn) > 0) {
      const candidates = this.#candidatesOf(txnId);
      if (isOfFiles || candidates.length > 0 || this.#isTouchedBy(txnId)) {
        const before = this.#version;
        await this.#look(txnId, candidates);
        this.#note({ lsn, time: body.timestamp, txnId }, before, this.#version);
      }
    }
    this.#pages.release(txnId);
  }

  #note(
    at: Pick<DocumentEvent, 'lsn' | 'time' | 'txnId'>,
    before: DocumentVersion | undefined,
    after: DocumentVersion | undefined,
  ): void {
    if (!before && !after) return;
    const contentChanged = before?.sha256 !== after?.sha256;
    const metadataChanged = before?.metadataSha256 !== after?.metadataSha256;
    if (!contentChanged && !metadataChanged) return;
    const kind = !before ? 'put' : !after ? 'deleted' : 'changed';
    const isBoth = before !== undefined && after !== undefined;
    const what = isBoth ? { contentChanged, metadataChanged } : unchanged;
    this.#events.push({ kind, ...at, version: after, ...what });
  }

  /** True when a transaction has changed a page that the document is on. */
  #isTouchedBy(txnId: number): boolean {
    const touched = this.#file && this.#pages.touchedBy(txnId).get(this.#file);
    for (const pgno of touched ?? []) if (this.#footprint.has(pgno)) return true;
    return false;
  }

  /** Ids under which the name of the document stands on pages that a transaction has changed. */
  #candidatesOf(txnId: number): readonly number[] {
    const ids = new Set<number>();
    for (const [file, pgnos] of this.#pages.touchedBy(txnId)) {
      for (const pgno of pgnos) {
        const page = file.page(pgno);
        if (page) for (const id of idsOn(page, this.#wanted.document)) ids.add(id);
      }
    }
    return [...ids];
  }

  /** Looks at the document as of the commit of a transaction, with all that had committed before. */
  async #look(txnId: number, candidates: readonly number[]): Promise<void> {
    const file = [...this.#replay.table].find((one) => one.isDatabase && nameInside(one) === this.#wanted.name);
    const isOther = file !== this.#file;
    const known = this.#id;
    this.#file = file;
    this.#id = undefined;
    this.#version = undefined;
    this.#footprint = new Set();
    if (!file) return;
    file.flush();
    const ids = isOther
      ? await this.#open(file, txnId, async (container) => await idOf(container, this.#wanted.document))
      : [...(known === undefined ? [] : [known]), ...candidates];
    if (!ids) return;
    await this.#open(file, txnId, async (container, opened, read) => {
      for (const id of ids) {
        read.clear();
        const entry = container.entry(id);
        if (entry?.name !== this.#wanted.document) continue;
        if (entry.problem !== undefined) throw container.damagedEntry(entry, entry.problem);
        this.#id = id;
        this.#version = await versionOf(container, entry);
        this.#footprint = new Set([...read].filter((pgno) => isOfDocument(opened.page(pgno))));
        return;
      }
    });
  }

  /** Undefined where the file is no container, or none yet: it can be made in several transactions. */
  async #open<T>(
    file: StoredFile,
    txnId: number,
    use: (container: XmlContainer, opened: DatabaseFile, read: Set<number>) => Promise<T>,
  ): Promise<T | undefined> {
    const read = new Set<number>();
    const { name } = this.#wanted;
    const opened = new DatabaseFile(this.#viewOf(file, txnId), name, (pgno) => read.add(pgno));
    try {
      if (!isReadable(databasesOf(opened))) return undefined;
      this.#wasContainer = true;
      return await use(new XmlContainer(opened, this.#watch), opened, read);
    } finally {
      opened.close();
    }
  }

  /** A disk with this one file, as of the commit of a transaction. */
  #viewOf(file: StoredFile, txnId: number): Files {
    const { pageSize } = file.format;
    const readPage = (target: Uint8Array, pgno: number): void => {
      if (this.#pages.readBefore(txnId, file, pgno, target)) return;
      file.piece.read(target, pgno * pageSize);
      requireLogged(target, pgno, file, this.#replay.prepared.analysis.end.lsn);
    };
    const read = (target: Uint8Array, position: number): void => {
      const page = new Uint8Array(pageSize);
      for (let done = 0; done < target.length;) {
        const at = (position + done) % pageSize;
        readPage(page, (position + done - at) / pageSize);
        const part = page.subarray(at, Math.min(pageSize, at + target.length - done));
        target.set(part, done);
        done += part.length;
      }
    };
    return filesOf(this.#files, new Map([[this.#wanted.name, { piece: file.piece, read }]]));
  }
}

/** Ids of documents of this name. */
async function idOf(container: XmlContainer, document: string): Promise<readonly number[]> {
  for await (const { id, name } of container.entries()) if (name === document) return [id];
  return [];
}

/** True for a page that holds records, or a part of one. */
function isOfDocument({ type }: Page): boolean {
  return type === pageType.btreeLeaf || type === pageType.overflow;
}
