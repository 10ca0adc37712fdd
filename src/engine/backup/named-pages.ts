import { register, registerBefore61, registration } from '../../format/log/records/dbreg.ts';
import { PageCollector } from '../log/page-collector.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';

const closing: ReadonlySet<number> = new Set([registration.close, registration.recoveryClose]);
const asserting: ReadonlySet<number> = new Set([registration.checkpoint, registration.exclusiveCheckpoint]);

/** What a file id stands for at the moment, and the pages named under it. */
interface Named {
  /** Unique id of the file; undefined until a registration tells. */
  readonly uid: string | undefined;
  readonly pages: Set<number>;
}

/**
 * The pages that a log names, by the unique id of their file, gathered while the log is copied. A file registered before
 * the log began is known from the next checkpoint on (recovery document, F.1), so its pages may have to wait for a name.
 */
export class NamedPages implements LogObserver {
  readonly #byUid = new Map<string, Set<number>>();
  readonly #byId = new Map<number, Named>();
  readonly #collector = new PageCollector();
  /** Pages were named under an id that was never registered. */
  #lost = false;

  /** Takes note of the pages of a record; to be called for every record in order. */
  see(record: ScannedRecord): void {
    const body = bodyAs(record, register, registerBefore61);
    if (body) return this.#register(body.opcode & 0xf, body.boundId, body.uid);
    if (record.isDebug || !record.layout) return;
    this.#collector.reset();
    record.decodeWith(this.#collector);
    const { collectedFileId: fileId, pgnos } = this.#collector;
    if (fileId === undefined) return;
    let named = this.#byId.get(fileId);
    if (!named) this.#byId.set(fileId, (named = { uid: undefined, pages: new Set() }));
    // Every record of a file may go along with a change of its first page.
    named.pages.add(0);
    for (const pgno of pgnos) named.pages.add(pgno);
  }

  #register(kind: number, fileId: number, uid: string): void {
    const before = this.#byId.get(fileId);
    if (before && before.uid === undefined) {
      if (closing.has(kind) || asserting.has(kind)) for (const pgno of before.pages) this.#pagesOf(uid).add(pgno);
      else this.#lost = true;
    }
    if (closing.has(kind)) this.#byId.delete(fileId);
    else this.#byId.set(fileId, { uid, pages: this.#pagesOf(uid) });
  }

  #pagesOf(uid: string): Set<number> {
    let pages = this.#byUid.get(uid);
    if (!pages) this.#byUid.set(uid, (pages = new Set()));
    return pages;
  }

  /** False when it cannot be said to which files all the pages belong. */
  get isComplete(): boolean {
    return !this.#lost && [...this.#byId.values()].every(({ uid }) => uid !== undefined);
  }

  /** The pages named in a file; undefined when the log does not know the file. */
  of(uid: string): ReadonlySet<number> | undefined {
    return this.#byUid.get(uid);
  }
}
