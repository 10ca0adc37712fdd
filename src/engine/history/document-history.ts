/** When a document was put, changed and deleted, as a log tells it. */

import { child, commit } from '../../format/log/records/txn.ts';
import { normalDirectory } from '../../format/names.ts';
import { compareLsn } from '../../format/lsn.ts';
import { FigaroError } from '../../errors.ts';
import { DatabaseFile } from '../database/database-file.ts';
import { type DocumentVersion, versionOf } from '../documents/version.ts';
import { databasesOf } from '../database/records.ts';
import { isReadable, XmlContainer } from '../documents/container.ts';
import { idsOn } from '../documents/names-on-page.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { PageCollector } from '../log/page-collector.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';
import { type Watch } from '../pause.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { isFileOperation } from '../recovery/record-operations/fileops.ts';
import { whileStill } from '../recovery/seen-container.ts';
import { filesOf, requireLogged } from '../recovery/recovered-files.ts';
import { type PreparedRecovery, type Scope } from '../recovery/recovery.ts';
import { replay, type Replay, type ReplayOptions } from '../recovery/replay.ts';
import { type Commit } from '../recovery/restore-point.ts';
import { nameInside } from '../recovery/select-containers.ts';
import { DocumentEvents, type DocumentHistory } from './document-events.ts';
import { PagesOfOpenTransactions } from './open-pages.ts';
import { isOfDocument, uidsOf, type Wanted } from './wanted.ts';

export interface HistoryOptions extends ReplayOptions {
  /** For an environment of which a recovery is known to succeed: recover only those pages that the document is on, where that is possible. */
  readonly isOnDemand?: boolean;
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
  options: HistoryOptions,
): Promise<DocumentHistory> {
  const name = normalDirectory(container);
  if (options.isOnDemand === true) {
    const { readHistoryOnDemand } = await import('./history-on-demand.ts');
    const found = await readHistoryOnDemand(files, environment, { name, document }, options);
    if (found) return found;
  }
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

/** Follows one document through the states of its container. */
class HistoryReader {
  readonly #files: Files;
  readonly #replay: Replay;
  readonly #pages: PagesOfOpenTransactions;
  readonly #wanted: Wanted;
  readonly #watch: Watch;
  readonly #collector = new PageCollector();
  readonly #events = new DocumentEvents();
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
    return { events: this.#events.all, covered: { first, last: this.#replay.prepared.analysis.commits.last ?? first } };
  }

  async begin(first: Commit): Promise<void> {
    this.#first = first;
    await this.#look(0, []);
    this.#events.begin(first, this.#version);
  }

  /** A file can become a container without anything of the document. */
  async end(): Promise<void> {
    const file = this.#fileNow();
    if (!file || this.#wasContainer) return;
    this.#file = file;
    file.flush();
    await this.#open(file, 0, () => Promise.resolve());
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
        await this.#look(txnId, candidates);
        this.#events.note({ lsn, time: body.timestamp, txnId }, this.#version);
      }
    }
    this.#pages.release(txnId);
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

  #fileNow(): StoredFile | undefined {
    return [...this.#replay.table].find((one) => one.isDatabase && nameInside(one) === this.#wanted.name);
  }

  /** Looks at the document as of the commit of a transaction, with all that had committed before. */
  async #look(txnId: number, candidates: readonly number[]): Promise<void> {
    const file = this.#fileNow();
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
