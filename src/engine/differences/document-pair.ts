/** A container of Berkeley DB XML in two states: the documents that are not the same. */

import { createHash } from 'node:crypto';
import { documentIdOf } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { type FigaroError } from '../../errors.ts';
import { type PageChoice } from '../database/page-choice.ts';
import { type BtreeEntry } from '../database/trees.ts';
import { XmlContainer } from '../documents/container.ts';
import { type Warn } from '../documents/content.ts';
import { isRefusal } from '../documents/refusals.ts';
import { versionOf, type DocumentVersion } from '../documents/version.ts';
import { pause, type Watch } from '../pause.ts';
import { sideNames, type FilePair, type SideName } from './file-pair.ts';
import { changesBetween, gather, type ChangeKind, type Gathered } from './join.ts';

/** A document that is not the same in both states. A name is what it is known by: put again, it has another id. */
export interface DocumentChange {
  readonly kind: Exclude<ChangeKind, 'put'> | 'added';
  readonly name: string;
  readonly before: DocumentVersion | undefined;
  readonly after: DocumentVersion | undefined;
}

/** How many documents are not the same. */
export type DocumentCounts = { readonly [kind in DocumentChange['kind']]: number };

interface Found {
  readonly key: Uint8Array;
  /** A `DocumentVersion` as JSON. */
  readonly data: Uint8Array;
}

export interface Listener {
  /** Told of each document that cannot be read, and so not be compared. */
  readonly onRefused: (error: FigaroError) => void;
  readonly warn: Warn;
}

const silent: Listener = { onRefused: () => {}, warn: () => {} };

export class DocumentPair {
  readonly #containers: { readonly [side in SideName]: XmlContainer | undefined };
  readonly #pair: FilePair;
  readonly #watch: Watch;
  /** Ids of documents of which a record is not the same, in order. */
  #ids: Float64Array = new Float64Array(0);
  /** What cannot be read is told once. */
  #listener = silent;
  #gathered: { readonly [side in SideName]: Gathered<Found> } | undefined;

  /** Throws as `XmlContainer` does. */
  constructor(pair: FilePair, watch: Watch) {
    this.#pair = pair;
    this.#watch = watch;
    this.#containers = {
      from: pair.from && new XmlContainer(pair.from, watch),
      to: pair.to && new XmlContainer(pair.to, watch),
    };
  }

  /** Reads what can be different once. To be done before changes are asked for. */
  async measure(listener: Listener): Promise<void> {
    this.#ids = await this.#findIds();
    const gathered = async (side: SideName): Promise<Gathered<Found>> =>
      await gather(() => this.#versions(side), this.#watch);
    this.#listener = listener;
    this.#gathered = { from: await gathered('from'), to: await gathered('to') };
    this.#listener = silent;
    for (const side of sideNames) for (const damage of this.#containers[side]?.damage ?? []) listener.onRefused(damage);
  }

  async *changes(): AsyncGenerator<DocumentChange> {
    const found = changesBetween(
      this.#gathered!.from,
      this.#gathered!.to,
      (before, after) => isSame(versionIn(before)!, versionIn(after)!),
      { hasDuplicates: false, watch: this.#watch, label: this.#pair.files[0]!.path },
    );
    for await (const { kind, key, before, after } of found) {
      const name = Buffer.from(key).toString('utf8');
      yield { kind: kind === 'put' ? 'added' : kind, name, before: versionIn(before), after: versionIn(after) };
    }
  }

  /** What compresses documents in one of the two, where only the application can read them. */
  get ownCompression(): string | undefined {
    return this.#containers.from?.ownCompression ?? this.#containers.to?.ownCompression;
  }

  /** The XML of a version of a document, piece by piece. */
  content(side: SideName, { id }: DocumentVersion): AsyncGenerator<Uint8Array> {
    const container = this.#containers[side]!;
    return container.content(container.entry(id)!, () => {});
  }

  async *#versions(side: SideName): AsyncGenerator<Found> {
    const container = this.#containers[side];
    const { onRefused, warn } = this.#listener;
    if (!container) return;
    for (const id of this.#ids) {
      await pause(this.#watch);
      const entry = container.entry(id);
      if (!entry) continue;
      try {
        if (entry.name === undefined || entry.problem !== undefined) {
          throw container.damagedEntry(entry, entry.problem ?? 'its name is lost');
        }
        const version = await versionOf(container, entry, warn);
        yield { key: Buffer.from(entry.name), data: Buffer.from(JSON.stringify(version)) };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        onRefused(error);
      }
    }
  }

  async #findIds(): Promise<Float64Array> {
    const { from, to } = this.#containers;
    const choice = from?.places === to?.places ? this.#pair.choice : undefined;
    const recordsOf = (container: XmlContainer | undefined): readonly (() => Iterable<BtreeEntry>)[] =>
      container?.recordsOfDocuments(choice) ?? [() => [], () => []];
    const [metadataFrom, contentFrom] = recordsOf(from);
    const [metadataTo, contentTo] = recordsOf(to);
    const metadata = idsOfDifferent(metadataFrom!(), metadataTo!(), choice);
    const content = idsOfDifferent(contentFrom!(), contentTo!(), choice);
    let ids = new Float64Array(1024);
    let count = 0;
    for (const id of merged(metadata, content)) {
      await pause(this.#watch);
      if (id === undefined) continue;
      if (count === ids.length) {
        const grown = new Float64Array(2 * count);
        grown.set(ids);
        ids = grown;
      }
      ids[count++] = id;
    }
    return ids.subarray(0, count);
  }
}

function versionIn(found: Found | undefined): DocumentVersion | undefined {
  return found && (JSON.parse(Buffer.from(found.data).toString('utf8')) as DocumentVersion);
}

function isSame(before: DocumentVersion, after: DocumentVersion): boolean {
  return before.sha256 === after.sha256 && before.metadataSha256 === after.metadataSha256;
}

/** Pairs of records between two turns of others. */
const patience = 256;

/**
 * The ids of documents with a record that one state lacks, or has otherwise. Keys are in the order of bytes. Now and then there is no id, so
 * that others have their turn.
 *
 * @param changed pages that are not the same in both states; undefined where that is not known
 */
function* idsOfDifferent(
  before: Iterable<BtreeEntry>,
  after: Iterable<BtreeEntry>,
  changed: PageChoice | undefined,
): Generator<number | undefined> {
  const one = before[Symbol.iterator]();
  const other = after[Symbol.iterator]();
  let left = one.next();
  let right = other.next();
  let steps = 0;
  while (!left.done || !right.done) {
    steps += 1;
    if (steps % patience === 0) yield undefined;
    const order = left.done ? 1 : right.done ? -1 : Buffer.compare(left.value.key, right.value.key);
    if (order !== 0 || !hasSameData(left.value as BtreeEntry, right.value as BtreeEntry, changed)) {
      yield idOf((order <= 0 ? left.value : right.value) as BtreeEntry);
    }
    if (order <= 0) left = one.next();
    if (order >= 0) right = other.next();
  }
}

/** What is longer is compared by its hash, in bytes: no two of them are in memory. */
const longest = 1 << 20;

function hasSameData(one: BtreeEntry, other: BtreeEntry, changed: PageChoice | undefined): boolean {
  if (one.length !== other.length) return false;
  if (changed && isOnSamePages(one, other, changed)) return true;
  if (one.length <= longest) return Buffer.compare(one.data(), other.data()) === 0;
  const [before, after] = [one, other].map(({ pieces }) => {
    const hash = createHash('sha256');
    for (const piece of pieces()) hash.update(piece);
    return hash.digest('hex');
  });
  return before === after;
}

/** True for data on pages of its own that are the same in both states: they lead to each other in both. */
function isOnSamePages({ ownPages: one }: BtreeEntry, { ownPages: other }: BtreeEntry, changed: PageChoice): boolean {
  if (!one || one.first !== other?.first) return false;
  for (const pgno of one.all()) if (changed.has(pgno)) return false;
  return true;
}

/** Undefined for a key that belongs to no document. */
function idOf({ key }: BtreeEntry): number | undefined {
  try {
    return documentIdOf(key);
  } catch (error) {
    if (error instanceof DocumentProblem) return undefined;
    throw error;
  }
}

/** Both in order, each number once. */
function* merged(
  one: Iterator<number | undefined>,
  other: Iterator<number | undefined>,
): Generator<number | undefined> {
  let left = one.next();
  let right = other.next();
  let last: number | undefined;
  while (!left.done || !right.done) {
    const [a, b] = [left.done ? Infinity : left.value, right.done ? Infinity : right.value];
    const isLeft = !left.done && (a === undefined || (b !== undefined && a <= b));
    const value = isLeft ? a : b;
    if (value === undefined || value !== last) yield value;
    last = value ?? last;
    if (isLeft) left = one.next();
    else right = other.next();
  }
}
