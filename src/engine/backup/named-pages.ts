import { RecordCursor, type FreePage } from '../../format/log/cursor.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { type FileBindings } from '../recovery/bindings.ts';

/** Notes the page numbers that a record is read with: the pages it changes. */
class PageCollector extends RecordCursor {
  readonly pgnos: number[] = [];
  /** Undefined when the record is about no database. */
  collectedFileId: number | undefined;

  override fileId(): number {
    return (this.collectedFileId = super.fileId());
  }

  override pgno(): number {
    const pgno = super.pgno();
    this.pgnos.push(pgno);
    return pgno;
  }

  override freeList(): readonly FreePage[] {
    const list = super.freeList();
    for (const { pgno } of list) this.pgnos.push(pgno);
    return list;
  }
}

/** Pages that a stretch of the log names, by the unique id of their file. */
export class NamedPages {
  readonly #byUid = new Map<string, Set<number>>();

  /** Takes note of the pages of a record. */
  see(record: ScannedRecord, bindings: FileBindings): void {
    if (!record.layout) return;
    const collector = new PageCollector();
    record.decodeWith(collector);
    const { collectedFileId: fileId, pgnos } = collector;
    if (fileId === undefined) return;
    const binding = bindings.at(fileId, record.lsn);
    if (!binding || binding.inMemory) return;
    let pages = this.#byUid.get(binding.uid);
    if (!pages) this.#byUid.set(binding.uid, (pages = new Set()));
    // Every record of a file may go along with a change of its first page.
    pages.add(0);
    for (const pgno of pgnos) pages.add(pgno);
  }

  /** The pages named in a file, ascending; undefined when the log says nothing of the file. */
  of(uid: string): readonly number[] | undefined {
    const pages = this.#byUid.get(uid);
    return pages && [...pages].sort((a, b) => a - b);
  }
}
