/** A container of Berkeley DB XML in two states: the documents that are not the same. */

import { createHash } from 'node:crypto';
import { documentIdOf } from '../../format/documents/metadata.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { type FigaroError } from '../../errors.ts';
import { type BtreeEntry } from '../database/trees.ts';
import { XmlContainer } from '../documents/container.ts';
import { type Warn } from '../documents/content.ts';
import { isRefusal } from '../documents/refusals.ts';
import { versionOf, type DocumentVersion } from '../documents/version.ts';
import { pause, type Watch } from '../pause.ts';
import { sideNames, type FilePair, type SideName } from './file-pair.ts';
import { amountOf, changesBetween, type Amount, type ChangeKind } from './join.ts';

/** A document that is not the same in both states. A name is what it is known by: put again, it has another id. */
export interface DocumentChange {
  readonly kind: Exclude<ChangeKind, 'put'> | 'added';
  readonly name: string;
  readonly before: DocumentVersion | undefined;
  readonly after: DocumentVersion | undefined;
}

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

export class DocumentPair {
  readonly #containers: { readonly [side in SideName]: XmlContainer | undefined };
  readonly #pair: FilePair;
  readonly #watch: Watch;
  #amounts: { readonly from: Amount; readonly to: Amount } | undefined;

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
  async measure({ onRefused, warn }: Listener): Promise<void> {
    const measured = async (side: SideName): Promise<Amount> =>
      await amountOf(() => this.#versions(side, onRefused, warn), this.#watch);
    this.#amounts = { from: await measured('from'), to: await measured('to') };
    for (const side of sideNames) for (const damage of this.#containers[side]?.damage ?? []) onRefused(damage);
  }

  async *changes(): AsyncGenerator<DocumentChange> {
    const silent = (): void => {};
    const found = changesBetween<Found>(
      () => this.#versions('from', silent, silent),
      () => this.#versions('to', silent, silent),
      (before, after) => isSame(versionIn(before)!, versionIn(after)!),
      { hasDuplicates: false, amounts: this.#amounts!, watch: this.#watch, label: this.#pair.files[0]!.path },
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

  async *#versions(side: SideName, onRefused: Listener['onRefused'], warn: Warn): AsyncGenerator<Found> {
    const container = this.#containers[side];
    if (!container) return;
    for (const id of this.#ids()) {
      await pause(this.#watch);
      const entry = id === undefined ? undefined : container.entry(id);
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

  /** Ids of documents of which a record is not the same, in order. Now and then there is none, so that others have their turn. */
  *#ids(): Generator<number | undefined> {
    const { from, to } = this.#containers;
    const isShared = from?.places === to?.places;
    const recordsOf = (container: XmlContainer | undefined): readonly (() => Iterable<BtreeEntry>)[] =>
      container?.recordsOfDocuments(isShared ? this.#pair.choice : undefined) ?? [() => [], () => []];
    const [metadataFrom, contentFrom] = recordsOf(from);
    const [metadataTo, contentTo] = recordsOf(to);
    const metadata = idsOfDifferent(metadataFrom!(), metadataTo!());
    const content = idsOfDifferent(contentFrom!(), contentTo!());
    yield* merged(metadata, content);
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

/** The ids of documents with a record that one state lacks, or has otherwise. Keys are in the order of bytes. */
function* idsOfDifferent(before: Iterable<BtreeEntry>, after: Iterable<BtreeEntry>): Generator<number | undefined> {
  const one = before[Symbol.iterator]();
  const other = after[Symbol.iterator]();
  let left = one.next();
  let right = other.next();
  let steps = 0;
  while (!left.done || !right.done) {
    steps += 1;
    if (steps % patience === 0) yield undefined;
    const order = left.done ? 1 : right.done ? -1 : Buffer.compare(left.value.key, right.value.key);
    if (order !== 0 || !hasSameData(left.value as BtreeEntry, right.value as BtreeEntry)) {
      yield idOf((order <= 0 ? left.value : right.value) as BtreeEntry);
    }
    if (order <= 0) left = one.next();
    if (order >= 0) right = other.next();
  }
}

/** What is longer is compared by its hash, in bytes: no two of them are in memory. */
const longest = 1 << 20;

function hasSameData(one: BtreeEntry, other: BtreeEntry): boolean {
  if (one.length !== other.length) return false;
  if (one.length <= longest) return Buffer.compare(one.data(), other.data()) === 0;
  const [before, after] = [one, other].map(({ pieces }) => {
    const hash = createHash('sha256');
    for (const piece of pieces()) hash.update(piece);
    return hash.digest('hex');
  });
  return before === after;
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
