import { recordAt } from '../../../format/log/frame.ts';
import { type Lsn } from '../../../format/lsn.ts';
import { type LogFile } from '../../log/log-files.ts';
import { type RecordBatch } from '../../log/scan.ts';
import { ScannedRecord } from '../../log/scanned-record.ts';

/** Longer records are read again, and so are those that find no room. In bytes. */
const longest = 512;
const chunkSize = 1 << 20;
const mostChunks = 32;

interface OfFile {
  readonly file: LogFile;
  /** By offset in the log file: which byte of all chunks. */
  readonly places: Map<number, number>;
}

/** Short records that are needed again, so that the log need not be read for them. */
export class KeptRecords {
  readonly #ofFiles = new Map<number, OfFile>();
  readonly #chunks: { readonly bytes: Uint8Array; readonly view: DataView }[] = [];
  #end = 0;

  keep(batch: RecordBatch, i: number): void {
    const length = batch.lengthOf(i);
    if (length > longest) return;
    const left = this.#chunks.length * chunkSize - this.#end;
    if (length > left) {
      if (this.#chunks.length === mostChunks) return;
      this.#end += left;
      const bytes = new Uint8Array(chunkSize);
      this.#chunks.push({ bytes, view: new DataView(bytes.buffer) });
    }
    const start = batch.starts[i]!;
    const { bytes } = this.#chunks.at(-1)!;
    bytes.set(batch.bytes.subarray(start, start + length), this.#end % chunkSize);
    const { file } = batch;
    let ofFile = this.#ofFiles.get(file.number);
    if (!ofFile) this.#ofFiles.set(file.number, (ofFile = { file, places: new Map() }));
    ofFile.places.set(batch.offsetOf(i), this.#end);
    this.#end += length;
  }

  /** Undefined for one that was not kept. */
  find(lsn: Lsn): ScannedRecord | undefined {
    const ofFile = this.#ofFiles.get(lsn.file);
    const place = ofFile?.places.get(lsn.offset);
    if (!ofFile || place === undefined) return undefined;
    const { bytes, view } = this.#chunks[Math.floor(place / chunkSize)]!;
    const at = place % chunkSize;
    const { version, framing } = ofFile.file;
    return new ScannedRecord(
      bytes,
      view,
      at,
      view.getUint32(at + recordAt.length, true),
      lsn,
      version,
      framing.padding,
    );
  }
}
