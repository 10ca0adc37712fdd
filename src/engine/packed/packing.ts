/** Puts the files of a new set into packs: of each file what is not as it was in the full set before. */

import { metaSize, recognizeFile } from '../../format/page/meta.ts';
import { bytesAsSource, wrongLength } from '../store/object-source.ts';
import { type ObjectSource, type Store } from '../store/store.ts';
import { mostPieces, PiecesMaker, type Contents, type Pieces } from './contents.ts';
import { InFlight } from './in-flight.ts';
import { packLimit, packSize, packsPrefix } from './layout.ts';
import { PagesBefore } from './pages-before.ts';
import { hashesLimit, hashSize, PageHasher, type FilePages, type PageTable } from './page-table.ts';
import { type Sealing } from './sealing.ts';
import { inUnits } from './units.ts';

/** What is compared as one in files that have no pages of their own, in bytes. */
const plainUnit = 4096;

/** How many packs are compressed and sent at the same time. */
const mostAtOnce = 4;

/** A set that others can be compared with. */
export interface Before {
  readonly contents: Contents;
  readonly pages: PageTable;
  /** Packs of it, by their numbers there, that nothing is to be found in. */
  readonly lost: ReadonlySet<number>;
}

export interface Packed {
  readonly contents: Contents;
  readonly pages: PageTable;
}

/** A piece in a pack that is not full yet, or in another one that comes after such a piece. */
interface Pending {
  readonly pieces: PiecesMaker;
  /** Undefined for this one. */
  readonly pack?: number;
  readonly offset: number;
  length: number;
}

/** How much is remembered of a set. */
export interface PackingLimits {
  readonly pieces: number;
  /** In bytes. */
  readonly hashes: number;
}

const usualLimits: PackingLimits = { pieces: mostPieces, hashes: hashesLimit };

export class Packing {
  readonly #store: Store;
  readonly #sealing: Sealing;
  readonly #nameOf: (number: number) => string;
  readonly #limits: PackingLimits;
  readonly #before: Before | undefined;
  readonly #hasher: PageHasher;
  readonly #sending = new InFlight(mostAtOnce);
  readonly #packs: string[] = [];
  /** By its number in the set before: what the pack is called here. */
  readonly #packsBefore = new Map<number, number>();
  readonly #byUid: ReadonlyMap<string, string>;
  /** What is left of files, which share packs. */
  readonly #buffers = new Buffers();
  readonly #rest = new Pack(this.#buffers);
  readonly #files = new Map<string, PiecesMaker>();
  readonly #pages = new Map<string, FilePages>();
  #made = 0;
  /** How many pieces there are, and how many bytes of hashes. */
  #pieces = 0;
  #hashes = 0;

  /** @param nameOf what packs are called, by their numbers from 1 on */
  constructor(
    store: Store,
    sealing: Sealing,
    nameOf: (number: number) => string,
    key: Uint8Array,
    before?: Before,
    limits: PackingLimits = usualLimits,
  ) {
    this.#store = store;
    this.#sealing = sealing;
    this.#nameOf = nameOf;
    this.#before = before;
    this.#limits = limits;
    this.#hasher = new PageHasher(key);
    this.#byUid = new Map([...(before?.pages ?? [])].flatMap(([name, { uid }]) => (uid === '' ? [] : [[uid, name]])));
  }

  /**
   * Takes in a file; several may come at the same time. What it says of pieces is known when `finish` returns. Throws `io` where the source is longer or
   * shorter than it says.
   */
  async add(name: string, source: ObjectSource): Promise<void> {
    const { uid, unit } = await this.#kindOf(source);
    const pieces = new PiecesMaker();
    const hashes = this.#roomForHashes(Math.ceil(source.size / unit) * hashSize);
    const before = hashes && this.#beforeOf(name, uid, unit);
    const pack = new Pack(this.#buffers);
    let [page, done] = [0, 0];
    for await (const bytes of inUnits(source, unit)) {
      done += bytes.length;
      if (done > source.size) throw wrongLength(name, source, `more than ${source.size}`);
      for (let at = 0; at < bytes.length; at += unit, page++) {
        const part = bytes.subarray(at, at + unit);
        const hash = hashes && this.#hasher.hash(part);
        if (hash) hashes.set(hash, page * hashSize);
        const same = hash && this.#pieces < this.#limits.pieces ? before?.find(page, hash, part.length) : undefined;
        const isNew = same
          ? pack.addElsewhere(pieces, this.#packBefore(same.pack), same.offset, same.length)
          : pack.add(pieces, part);
        if (isNew) this.#pieces += 1;
        if (pack.size >= packSize) await this.#send(pack);
      }
    }
    if (done < source.size) throw wrongLength(name, source, `${done}`);
    // A pack for each small file would be an object for each. While one is sent, another file may have filled the next.
    while (this.#rest.size + pack.size > packSize) await this.#send(this.#rest);
    this.#rest.take(pack);
    this.#files.set(name, pieces);
    if (hashes) this.#pages.set(name, { uid, unit, hashes });
  }

  /** Sends the last pack, and waits for all of them. */
  async finish(): Promise<Packed> {
    if (this.#rest.size > 0) await this.#send(this.#rest);
    await this.#sending.end();
    const files = new Map<string, Pieces>();
    const names = [...this.#files.keys()].sort();
    for (const name of names) files.set(name, this.#files.get(name)!.finish());
    const pages = new Map(names.flatMap((name) => this.#entryOf(name)));
    const depth = this.#packsBefore.size > 0 ? this.#before!.contents.depth + 1 : 0;
    return { contents: { depth, packs: this.#packs, files }, pages };
  }

  #entryOf(name: string): readonly (readonly [string, FilePages])[] {
    const pages = this.#pages.get(name);
    return pages ? [[name, pages]] : [];
  }

  /** Undefined where there are too many of them already. */
  #roomForHashes(bytes: number): Uint8Array | undefined {
    if (this.#hashes + bytes > this.#limits.hashes) return undefined;
    this.#hashes += bytes;
    return new Uint8Array(bytes);
  }

  /** Once `finish` was not reached: nothing is written any more when it returns. */
  async abandon(): Promise<void> {
    await this.#sending.end().catch(() => undefined);
  }

  async #kindOf(source: ObjectSource): Promise<{ readonly uid: string; readonly unit: number }> {
    const head = new Uint8Array(Math.min(source.size, metaSize));
    let filled = 0;
    for await (const bytes of source.open(0, head.length)) {
      head.set(bytes.subarray(0, head.length - filled), filled);
      filled += bytes.length;
      if (filled >= head.length) break;
    }
    const found = recognizeFile(head);
    return found.kind === 'database'
      ? { uid: found.format.uid, unit: found.format.pageSize }
      : { uid: '', unit: plainUnit };
  }

  #beforeOf(name: string, uid: string, unit: number): PagesBefore | undefined {
    if (!this.#before) return undefined;
    const { pages, contents, lost } = this.#before;
    const isSame = (other: string | undefined): boolean => {
      const found = other === undefined ? undefined : pages.get(other);
      return found?.unit === unit && found.uid === uid;
    };
    const other = [name, this.#byUid.get(uid)].find(isSame);
    const pieces = other === undefined ? undefined : contents.files.get(other);
    return pieces && new PagesBefore(pages.get(other!)!, pieces, lost);
  }

  #packBefore(index: number): number {
    let found = this.#packsBefore.get(index);
    if (found === undefined) {
      found = this.#packs.push(this.#before!.contents.packs[index]!) - 1;
      this.#packsBefore.set(index, found);
    }
    return found;
  }

  async #send(pack: Pack): Promise<void> {
    const name = this.#nameOf(++this.#made);
    const { buffer, size } = pack.close(this.#packs.push(name) - 1);
    await this.#sending.begin(async () => {
      const sealed = await this.#sealing.seal('contents', buffer.subarray(0, size));
      this.#buffers.give(buffer);
      await this.#store.write(`${packsPrefix}${name}${this.#sealing.suffix}`, bytesAsSource(sealed));
    });
  }
}

/** Memory for packs, which is used again. */
class Buffers {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(packLimit);
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
  }
}

/** A pack that is being filled. What comes after a piece of it in a file waits until it has its number. */
class Pack {
  readonly #buffers: Buffers;
  #buffer: Buffer | undefined;
  #pending: Pending[] = [];
  size = 0;

  constructor(buffers: Buffers) {
    this.#buffers = buffers;
  }

  /** True where it begins a piece, as the next. */
  add(pieces: PiecesMaker, part: Uint8Array): boolean {
    this.#buffer ??= this.#buffers.take();
    this.#buffer.set(part, this.size);
    const isNew = this.#note(pieces, undefined, this.size, part.length);
    this.size += part.length;
    return isNew;
  }

  addElsewhere(pieces: PiecesMaker, pack: number, offset: number, length: number): boolean {
    return this.size === 0 ? pieces.add(pack, offset, length) : this.#note(pieces, pack, offset, length);
  }

  /** What follows the piece before it is a part of it: a large file may have few pages that changed. */
  #note(pieces: PiecesMaker, pack: number | undefined, offset: number, length: number): boolean {
    const last = this.#pending.at(-1);
    const isNext = last?.pieces === pieces && last.pack === pack && last.offset + last.length === offset;
    if (isNext) last.length += length;
    else this.#pending.push({ pieces, ...(pack === undefined ? {} : { pack }), offset, length });
    return !isNext;
  }

  /** Takes over what another one holds, which is empty then. */
  take(other: Pack): void {
    if (other.size === 0) return;
    const begin = this.size;
    this.#buffer ??= this.#buffers.take();
    this.#buffer.set(other.#buffer!.subarray(0, other.size), begin);
    for (const each of other.#pending) {
      this.#pending.push(each.pack === undefined ? { ...each, offset: each.offset + begin } : each);
    }
    this.size += other.size;
    this.#buffers.give(other.#buffer!);
    other.#reset();
  }

  /** Gives it a number, and its bytes away. It is empty then. */
  close(number: number): { readonly buffer: Buffer; readonly size: number } {
    for (const { pieces, pack = number, offset, length } of this.#pending) pieces.add(pack, offset, length);
    const closed = { buffer: this.#buffer!, size: this.size };
    this.#reset();
    return closed;
  }

  #reset(): void {
    this.#buffer = undefined;
    this.#pending = [];
    this.size = 0;
  }
}
