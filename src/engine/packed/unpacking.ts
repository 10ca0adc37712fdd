/** Reads files of sets out of packs. */

import { FigaroError } from '../../errors.ts';
import { freeMemory } from '../free-memory.ts';
import { someAtOnce } from '../at-once.ts';
import { type Range, type Store } from '../store/store.ts';
import { pieceAt, type Contents, type Pieces } from './contents.ts';
import { packLimit, packsPrefix } from './layout.ts';
import { type Sealing } from './sealing.ts';

/** How many packs are fetched at the same time. */
const mostAtOnce = 6;

/** How much of packs is kept for the next question, in bytes: pages of one file can come out of one after the other, and again. */
const mostKept = 8 << 20;

/** A pack that was asked for. */
interface KeptPack {
  readonly fetching: Promise<Uint8Array>;
  /** Its bytes, once they are there. */
  fetched?: Uint8Array;
  /** How many look at it, or wait for it. */
  users: number;
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
      await this.#withPack(name, (pack) => {
        for (const i of those) {
          const [offset, whole] = [runs[3 * i + 1]!, runs[3 * i + 2]!];
          if (offset + whole > pack.length) throw damaged(name, `it ends after ${pack.length} bytes`);
          const from = Math.max(start, starts[i]!);
          const to = Math.min(end, starts[i]! + whole);
          const begin = offset + (from - starts[i]!);
          bytes.set(pack.subarray(begin, begin + (to - from)), from - start);
        }
      });
    });
    return bytes;
  }

  async #withPack(name: string, look: (bytes: Uint8Array) => void): Promise<void> {
    const pack = this.#packs.get(name) ?? { fetching: this.#fetch(name), users: 0 };
    this.#packs.delete(name);
    this.#packs.set(name, pack);
    pack.users += 1;
    try {
      look((pack.fetched = await pack.fetching));
    } finally {
      pack.users -= 1;
      this.#forgetOldest();
    }
  }

  /** Forgets those that were asked for longest ago, once there is more than is to be kept. */
  #forgetOldest(): void {
    let sum = [...this.#packs.values()].reduce((total, { fetched }) => total + (fetched?.length ?? 0), 0);
    for (const [name, { fetched, users }] of this.#packs) {
      if (sum <= mostKept) break;
      if (!fetched || users > 0) continue;
      this.#packs.delete(name);
      sum -= fetched.length;
      freeMemory(fetched);
    }
  }

  async #fetch(name: string): Promise<Uint8Array> {
    try {
      const object = `${packsPrefix}${name}${this.#sealing.suffix}`;
      await this.#requireKey(object);
      const sealed = await this.#store.read(object, { start: 0, length: packLimit + sealingMost });
      if (!sealed) throw gone(object);
      const bytes = await this.#sealing.open('contents', object, sealed, packLimit);
      freeMemory(sealed);
      return bytes;
    } catch (error) {
      // The next question may find it.
      this.#packs.delete(name);
      throw error;
    }
  }

  /** Where nobody can open it, it need not be fetched: a machine that only backs up may not be allowed to. */
  async #requireKey(object: string): Promise<void> {
    try {
      this.#sealing.requireKey('contents');
    } catch (error) {
      if (!(await this.#store.list(object)).some(({ name }) => name === object)) throw gone(object);
      throw error;
    }
  }
}

function gone(name: string): FigaroError {
  return damaged(name, 'it is not there any more');
}

function damaged(name: string, problem: string): FigaroError {
  return new FigaroError('file-checksum', `${name} cannot be used: ${problem}`, {
    path: name,
    hint: 'figaro-backup verify tells which sets need it.',
  });
}
