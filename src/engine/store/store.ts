/** Where objects are kept that are not files of this machine: names to bytes. What they mean is the business of others. */

import { type FigaroError } from '../../errors.ts';

/** An object. Names have `/` between their parts, and begin with none. */
export interface StoredObject {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When it was written, by the clock of the store, in ms since 1970. */
  readonly changedMs: number;
  /** By which lists of the store tell other bytes of that name apart; undefined where they do not. */
  readonly tag?: string;
}

/** The bytes of an object that is written. A write that failed on its way begins again with `open`. */
export interface ObjectSource {
  /** In bytes. */
  readonly size: number;
  /** The bytes from `start` on, `length` of them, in pieces: each may be used again when the next one is asked for. */
  open(start: number, length: number): AsyncIterable<Uint8Array>;
}

/** The order in which objects are listed: that of `<`. */
export function byName(a: Pick<StoredObject, 'name'>, b: Pick<StoredObject, 'name'>): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** A part of an object, in bytes. */
export interface Range {
  readonly start: number;
  readonly length: number;
}

/**
 * A place for objects. None is changed after it was written but by writing all of it again. Failures are `FigaroError`s:
 * `store-unreachable` for what may be over in a while (`retrying.ts` tries again), `not-permitted`, `repository-missing` for a bucket
 * or directory that is not there, otherwise `io`.
 */
export interface Store {
  /** What people know it by: its URL, without secrets. */
  readonly place: string;
  /** All objects whose names begin with `prefix`, in order of their names, as `byName` has it. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /**
   * The bytes of an object, or of a part of it; undefined where there is no such object. Fewer come where it ends before. Whoever asks has the room,
   * and is the only one who has their memory.
   */
  read(name: string, range?: Range): Promise<Uint8Array | undefined>;
  /** Writes an object, in place of one of that name. It is there for good when this returns, and not at all before. */
  write(name: string, source: ObjectSource): Promise<void>;
  /**
   * Writes a small object; false where the name is taken. Of several that do so at once, one gets true as far as the store can tell: each has to
   * write other bytes, by which it is known after an answer that was lost.
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** Removes objects; those that are not there are fine. */
  remove(names: readonly string[]): Promise<void>;
  /** Removes what writes left that never ended, where a store keeps such: those that began longer ago than this. Returns how many there were. */
  sweep?(olderThanMs: number): Promise<number>;
  /** Of one whose objects are not what it keeps: how it comes to the files of sets. */
  readonly packs?: Packs;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** What a manifest tells of the files of a set. */
export interface PackedFiles {
  /** Sizes in bytes. */
  readonly files: readonly { readonly path: string; readonly size: number; readonly sha256: string }[];
  /** ISO 8601. */
  readonly finished: string;
}

/** What is known of the sets of a repository, for whoever adds a full one. */
export interface KnownSets {
  /** The full set of the newest chain; undefined where there is none. */
  readonly newest: string | undefined;
  /** Full sets in which something was found, or that nobody knows that of. */
  readonly doubted: readonly string[];
  /** Told of the newest one where nothing is built upon it since these keys may not read what its pages were. */
  readonly onUnreadable?: (set: string) => void;
}

/** What a store can tell and do that keeps the files of sets in packs, and not each as an object. */
export interface Packs {
  /** What is in it is nobody's who has no key: no copy of it is kept as it is. */
  readonly isEncrypted: boolean;
  /** Throws `password` where this machine has no key to seal with what it would write: to be asked before the work for it is done. */
  requireKey(): void;
  /** What it has of a set by its manifest: lists of the store do not have it. */
  filesOf(set: string, manifest: PackedFiles): readonly StoredObject[];
  /** Tells what the next full set can be built upon: the newest one, and no pack of one that is doubted. Without it, that holds all of its own. */
  buildUpon(known: KnownSets): void;
  /**
   * What was found in sets that are about to be removed is noted there alone: no full set is built upon others any more that have packs in common with them, since any of
   * these may be what is damaged. `confirm` throws where this run may not be the one that writes any more.
   *
   * @param doubted full sets
   * @param others sets that stay
   */
  passDoubts(doubted: readonly string[], others: readonly string[], confirm: () => Promise<void>): Promise<void>;
  /** Has what was written of a set last: all of its files are there. To be done before its manifest is written. */
  finish(set: string): Promise<void>;
  /** Removes what was written of a set that never became one, once nothing is written for it any more. */
  discard(set: string): Promise<void>;
  /**
   * Removes packs that no set refers to, unless a set cannot be read that may. `confirm` throws where this run may not be the one that writes any more.
   * Returns why nothing was removed, where nothing could be.
   *
   * @param sets those that are known to be there, whether or not they are listed already
   * @param olderThanMs leaves packs that were written since, which may belong to a set that somebody is copying there
   */
  collect(
    sets: readonly string[],
    confirm: () => Promise<void>,
    olderThanMs?: number,
  ): Promise<FigaroError | undefined>;
  /** The objects that the files of a set are in. Throws what keeps that from being known. */
  packsOf(set: string): Promise<readonly string[]>;
  /** Whether all is there that a set refers to. */
  isWhole(set: string): Promise<boolean>;
  /** Packs that no set refers to; none where a set cannot be read that may. */
  unused(): Promise<readonly StoredObject[]>;
}
