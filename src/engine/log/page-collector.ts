import { RecordCursor, type FreePage } from '../../format/log/cursor.ts';

/** Notes the file id and the page numbers that a record is read with: the pages it changes. */
export class PageCollector extends RecordCursor {
  readonly pgnos: number[] = [];
  /** Undefined when the record is about no database. */
  collectedFileId: number | undefined;

  reset(): void {
    this.pgnos.length = 0;
    this.collectedFileId = undefined;
  }

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
