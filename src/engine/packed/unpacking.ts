/** Reads files of sets out of packs. */

import { FigaroError } from '../../errors.ts';
import { someAtOnce } from '../at-once.ts';
import { type Range, type Store } from '../store/store.ts';
import { pieceAt, type Contents, type Pieces } from './contents.ts';
import { packLimit, packsPrefix } from './layout.ts';
import { type Sealing } from './sealing.ts';

/** How many packs are fetched at the same time. */
const mostAtOnce = 6;

/** How much of packs is kept for the next question, in bytes: pages of one file can come out of one after the other, and again. */
const mostKept = 16 << 20;

/** A pack that was asked for. */
interface KeptPack {
  readonly bytes: Promise<Uint8Array>;
  /** In bytes; 0 before it is there. */
  size: number;
}

/** What sealing adds to bytes that cannot be compressed, at most. */
const sealingMost = 64 << 10;

export class Unpacking {
  readonly #store: Store;
  readonly #sealing: Sealing;
  /** By name; the one that was asked for last is the last. */
  readonly #packs = new Map<string, KeptPack>();

  constructor(store: Store, sealing: Sealing) {
    this.#store = store;
    this.#sealing = sealing;
  }

  /** A part of a file. Fewer bytes come where it ends before. */
  async read({ packs }: Contents, pieces: Pieces, { start, length }: Range): Promise<Uint8Array> {
    const { runs, starts, size } = pieces;
    const end = Math.min(start + length, size);
    if (end <= start) return new Uint8Array(0);
    const bytes = new Uint8Array(end - start);
    const byPack = new Map<number, number[]>();
    for (let i = pieceAt(pieces, start); i < starts.length && starts[i]! < end; i++) {
      const pack = runs[3 * i]!;
      const there = byPack.get(pack);
      if (there) there.push(i);
      else byPack.set(pack, [i]);
    }
    await someAtOnce(mostAtOnce, byPack, async ([number, those]) => {
      const name = packs[number]!;
      const pack = await this.#pack(name);
      for (const i of those) {
        const [offset, whole] = [runs[3 * i + 1]!, runs[3 * i + 2]!];
        if (offset + whole > pack.length) throw damaged(name, `it ends after ${pack.length} bytes`);
        const from = Math.max(start, starts[i]!);
        const to = Math.min(end, starts[i]! + whole);
        const begin = offset + (from - starts[i]!);
        bytes.set(pack.subarray(begin, begin + (to - from)), from - start);
      }
    });
    return bytes;
  }

  #pack(name: string): Promise<Uint8Array> {
    const found = this.#packs.get(name) ?? this.#begin(name);
    this.#packs.delete(name);
    this.#packs.set(name, found);
    return found.bytes;
  }

  #begin(name: string): KeptPack {
    const pack: KeptPack = { bytes: this.#fetch(name), size: 0 };
    pack.bytes.then(
      ({ length }) => this.#weigh(name, pack, length),
      // Whoever asked for it is told.
      () => undefined,
    );
    return pack;
  }

  /** Forgets those that were asked for longest ago, once there is more than is to be kept. */
  #weigh(name: string, pack: KeptPack, size: number): void {
    pack.size = size;
    let sum = [...this.#packs.values()].reduce((total, each) => total + each.size, 0);
    for (const [oldest, each] of this.#packs) {
      if (sum <= mostKept) break;
      if (oldest === name || each.size === 0) continue;
      this.#packs.delete(oldest);
      sum -= each.size;
    }
  }

  async #fetch(name: string): Promise<Uint8Array> {
    try {
      const object = `${packsPrefix}${name}${this.#sealing.suffix}`;
      const sealed = await this.#store.read(object, { start: 0, length: packLimit + sealingMost });
      if (!sealed) throw damaged(object, 'it is not there any more');
      return await this.#sealing.open('contents', object, sealed, packLimit);
    } catch (error) {
      // The next question may find it.
      this.#packs.delete(name);
      throw error;
    }
  }
}

function damaged(name: string, problem: string): FigaroError {
  return new FigaroError('file-checksum', `${name} cannot be used: ${problem}`, {
    path: name,
    hint: 'figaro-backup verify tells which sets need it.',
  });
}
