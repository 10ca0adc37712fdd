/**
 * Pages by which transactions made their files longer. A transaction begun with DB_TXN_BULK does not log what it inserts
 * on such pages: it writes and syncs them before its commit is logged (recovery document, G.3). Nothing in the log tells
 * such a transaction from others for certain, so all that grow a file are taken for one, except where a row on such a page is
 * logged.
 */

import { register, registerBefore61, registration } from '../../format/log/records/dbreg.ts';
import { modeOf } from '../../format/log/cursor.ts';
import { addrem, itemMode, pgAlloc } from '../../format/log/records/db.ts';
import { child, commit, txnOpcode } from '../../format/log/records/txn.ts';
import { compareLsn, earlierLsn, isNoLsn, laterLsn, type Lsn } from '../../format/lsn.ts';
import { pageType } from '../../format/page/types.ts';
import { type LogObserver } from './log-observer.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** Log version of 5.0, the first release with bulk transactions. */
export const firstBulkVersion = 17;

/** Pages that take rows. */
export const rowTypes: ReadonlySet<number> = new Set([pageType.btreeLeaf, pageType.recnoLeaf, pageType.duplicateLeaf]);
/** Pages on which bulk transactions do not log what they insert. */
export const unloggedTypes: ReadonlySet<number> = new Set([
  ...rowTypes,
  pageType.btreeInternal,
  pageType.recnoInternal,
]);

/** The page at the end of its file that a record allocates, if what is put there may go unlogged. */
export function newPageOf(record: ScannedRecord): { readonly fileId: number; readonly pgno: number } | undefined {
  if (record.code !== pgAlloc.code || record.version < firstBulkVersion || record.isDebug) return undefined;
  const body = bodyAs(record, pgAlloc);
  return body && isNoLsn(body.pageLsn) && unloggedTypes.has(body.pageType) ? body : undefined;
}

const closing: ReadonlySet<number> = new Set([registration.close, registration.recoveryClose]);
const asserting: ReadonlySet<number> = new Set([registration.checkpoint, registration.exclusiveCheckpoint]);

/** What a file id stands for at the moment. */
interface Named {
  /** Unique id of the file; undefined until a registration tells. */
  uid: string | undefined;
}

/** What a transaction has added to a file. */
interface Addition {
  readonly pgnos: number[];
  first: Lsn;
  last: Lsn;
}

/** What a transaction that has committed added to a file. */
export interface GrownFile {
  /** Unique id of the file. */
  readonly uid: string;
  readonly pgnos: readonly number[];
  /** The first record that allocated one of the pages. */
  readonly first: Lsn;
  /** The last record that allocated one of the pages: the first page of the file was changed by it, too. */
  readonly last: Lsn;
  /** The record of the commit: who reads a page after it is on disk finds all rows of it. */
  readonly committed: Lsn;
}

/** Follows a log, and says which files grew by which pages in transactions that committed. */
export class Growth implements LogObserver {
  readonly #byId = new Map<number, Named>();
  readonly #open = new Map<number, Map<Named, Addition>>();
  /** Transactions that have logged what they put on a page that they added: so they are no bulk transactions. */
  readonly #logging = new Set<number>();
  #committed: { readonly file: Named; readonly addition: Addition; readonly committed: Lsn }[] = [];

  /** @param known what ids of files stand for where the log begins */
  constructor(known: Iterable<{ readonly fileId: number; readonly uid: string; readonly to: Lsn | undefined }> = []) {
    for (const { fileId, uid, to } of known) if (to === undefined) this.#byId.set(fileId, { uid });
  }

  see(record: ScannedRecord): void {
    const { code, txnId, lsn } = record;
    if (code === register.code) return this.#register(record);
    if (this.#open.size > 0 && txnId !== 0) {
      this.#noteRow(record);
      this.#end(record);
    }
    const page = newPageOf(record);
    if (!page) return;
    let file = this.#byId.get(page.fileId);
    if (!file) this.#byId.set(page.fileId, (file = { uid: undefined }));
    this.#add(txnId, file, { pgnos: [page.pgno], first: lsn, last: lsn });
  }

  #register(record: ScannedRecord): void {
    const body = bodyAs(record, register, registerBefore61);
    if (!body) return;
    const kind = body.opcode & 0xf;
    const before = this.#byId.get(body.boundId);
    if (before && before.uid === undefined && (closing.has(kind) || asserting.has(kind))) before.uid = body.uid;
    if (closing.has(kind)) this.#byId.delete(body.boundId);
    else if (before?.uid !== body.uid) this.#byId.set(body.boundId, { uid: body.uid });
  }

  #add(txnId: number, file: Named, { pgnos, first, last }: Addition): void {
    let files = this.#open.get(txnId);
    if (!files) this.#open.set(txnId, (files = new Map()));
    const known = files.get(file);
    if (!known) {
      files.set(file, { pgnos, first, last });
      return;
    }
    for (const pgno of pgnos) known.pgnos.push(pgno);
    known.first = earlierLsn(known.first, first);
    known.last = laterLsn(known.last, last);
  }

  #noteRow(record: ScannedRecord): void {
    const { txnId } = record;
    if (record.code !== addrem.code || this.#logging.has(txnId)) return;
    const files = this.#open.get(txnId);
    const body = files && bodyAs(record, addrem);
    if (!body || modeOf(body.opcode) !== itemMode.add) return;
    const file = this.#byId.get(body.fileId);
    if (file && files.get(file)?.pgnos.includes(body.pgno)) this.#logging.add(txnId);
  }

  #end(record: ScannedRecord): void {
    const { txnId } = record;
    const nested = bodyAs(record, child);
    if (nested) {
      const grown = this.#open.get(nested.child);
      this.#open.delete(nested.child);
      // What its parent puts there afterwards may not be logged.
      this.#logging.delete(nested.child);
      for (const [file, addition] of grown ?? []) this.#add(txnId, file, addition);
      return;
    }
    const ended = bodyAs(record, commit);
    // An abort leaves no record: the id is free again, and what it did is gone, when a transaction begins with it.
    if (!ended && !isNoLsn(record.prevLsn)) return;
    const grown = this.#open.get(txnId);
    this.#open.delete(txnId);
    if (this.#logging.delete(txnId)) return;
    if (!grown || ended?.opcode !== txnOpcode.commit) return;
    for (const [file, addition] of grown) this.#committed.push({ file, addition, committed: record.lsn });
  }

  /** Passes over what has committed up to there, and was looked at. What has no name yet has to wait, as for `takeCommitted`. */
  passOver(end: Lsn): void {
    this.#committed = this.#committed.filter(
      ({ file: { uid }, committed }) => uid === undefined || compareLsn(committed, end) > 0,
    );
  }

  /**
   * What transactions added that have committed since the last call. Files that the log has not named yet have to wait;
   * without a name recovery refuses the log.
   */
  takeCommitted(): readonly GrownFile[] {
    const taken: GrownFile[] = [];
    const nameless = this.#committed.filter(({ file: { uid }, addition, committed }) => {
      if (uid !== undefined) taken.push({ uid, ...addition, committed });
      return uid === undefined;
    });
    this.#committed = nameless;
    return taken;
  }
}
