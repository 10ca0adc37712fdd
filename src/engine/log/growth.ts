/**
 * Pages by which transactions made their files longer. A transaction begun with DB_TXN_BULK does not log what it inserts
 * on such pages: it writes and syncs them before its commit is logged (recovery document, G.3). Nothing in the log tells
 * such a transaction from others for certain, so all that grow a file are taken for one.
 */

import { register, registerBefore61, registration } from '../../format/log/records/dbreg.ts';
import { pgAlloc } from '../../format/log/records/db.ts';
import { child, commit, txnOpcode } from '../../format/log/records/txn.ts';
import { isNoLsn } from '../../format/lsn.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** Log version of 5.0, the first release with bulk transactions. */
const firstVersion = 17;

export interface NewPage {
  readonly fileId: number;
  readonly pgno: number;
  readonly pageType: number;
}

/** The page at the end of its file that a record allocates; undefined for other records. */
export function newPageOf(record: ScannedRecord): NewPage | undefined {
  if (record.code !== pgAlloc.code || record.version < firstVersion || record.isDebug) return undefined;
  const body = bodyAs(record, pgAlloc);
  return body && isNoLsn(body.pageLsn) ? body : undefined;
}

const closing: ReadonlySet<number> = new Set([registration.close, registration.recoveryClose]);
const asserting: ReadonlySet<number> = new Set([registration.checkpoint, registration.exclusiveCheckpoint]);

/** What a file id stands for at the moment. */
interface Named {
  /** Unique id of the file; undefined until a registration tells. */
  uid: string | undefined;
}

interface GrownPage {
  readonly file: Named;
  readonly pgno: number;
}

/** Follows a log, and says which files grew by which pages in transactions that committed. */
export class Growth {
  readonly #byId = new Map<number, Named>();
  readonly #open = new Map<number, GrownPage[]>();
  #committed: GrownPage[] = [];

  /** Takes note of a record; to be called for every record in order. */
  see(record: ScannedRecord): void {
    const { code, txnId } = record;
    if (code === register.code) return this.#register(record);
    if (this.#open.size > 0 && txnId !== 0) this.#end(record);
    const page = newPageOf(record);
    if (!page) return;
    let file = this.#byId.get(page.fileId);
    if (!file) this.#byId.set(page.fileId, (file = { uid: undefined }));
    const grown = this.#open.get(txnId);
    if (grown) grown.push({ file, pgno: page.pgno });
    else this.#open.set(txnId, [{ file, pgno: page.pgno }]);
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

  #end(record: ScannedRecord): void {
    const { txnId } = record;
    const nested = bodyAs(record, child);
    if (nested) {
      const grown = this.#open.get(nested.child);
      if (!grown) return;
      this.#open.delete(nested.child);
      this.#open.set(txnId, [...(this.#open.get(txnId) ?? []), ...grown]);
      return;
    }
    const ended = bodyAs(record, commit);
    // An abort leaves no record: the id is free again, and what it did is gone, when a transaction begins with it.
    if (!ended && !isNoLsn(record.prevLsn)) return;
    const grown = this.#open.get(txnId);
    if (!grown) return;
    this.#open.delete(txnId);
    if (ended?.opcode === txnOpcode.commit) for (const page of grown) this.#committed.push(page);
  }

  /** Transactions that made files longer have committed since `takeCommitted`. */
  get hasCommitted(): boolean {
    return this.#committed.length > 0;
  }

  /**
   * The pages of transactions that have committed since the last call, by the unique id of their file; those of files
   * that the log has not named yet under an id that is no file's.
   */
  takeCommitted(): ReadonlyMap<string, ReadonlySet<number>> {
    const pages = new Map<string, Set<number>>();
    for (const { file, pgno } of this.#committed) {
      const uid = file.uid ?? unnamed;
      const known = pages.get(uid);
      if (known) known.add(pgno);
      else pages.set(uid, new Set([pgno]));
    }
    this.#committed = [];
    return pages;
  }
}

/** What `takeCommitted` calls files that the log has not named yet. */
export const unnamed = '';
