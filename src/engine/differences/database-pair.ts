/** A database in two states: the records that are not the same. */

import { closeAll } from '../files/close-all.ts';
import { btreeFlag, hashFlag, metaAt } from '../../format/page/meta.ts';
import { partitionName } from '../../format/names.ts';
import { FigaroError } from '../../errors.ts';
import { databaseAt, type Database, type DatabaseMethod } from '../database/database-file.ts';
import { databaseLabel } from '../database/dump.ts';
import { type PageChoice } from '../database/page-choice.ts';
import { partitionCount } from '../database/partitions.ts';
import { numbersOnPage } from '../database/queue.ts';
import { databasesOf, keyedRecordsOf, type KeyedRecord } from '../database/records.ts';
import { passedRecnoLeaves } from '../database/trees.ts';
import { type Watch } from '../pause.ts';
import { FilePair, sideNames, type SideName } from './file-pair.ts';
import { changesBetween, gather, type Change, type Gathered } from './join.ts';
import { type TwoStates } from './two-states.ts';

/** What of a database lies in one file: all of it, or a partition. */
interface Part {
  readonly pair: FilePair;
  readonly from: Database | undefined;
  readonly to: Database | undefined;
}

/** What became of a database. */
export type Fate = 'added' | 'removed' | 'changed';

export class DatabasePair {
  /** Null for a file that is one database. */
  readonly name: string | null;
  readonly method: DatabaseMethod;
  readonly fate: Fate;
  readonly parts: readonly Part[];
  readonly #file: FilePair;
  readonly #hasDuplicates: boolean;
  readonly #label: string;
  #gathered: { readonly [side in SideName]: Gathered<KeyedRecord> } | undefined;

  private constructor(file: FilePair, from: Database | undefined, to: Database | undefined, parts: readonly Part[]) {
    this.#file = file;
    const shown = to ?? from!;
    this.name = databaseLabel(shown) ?? null;
    this.method = shown.method;
    this.fate = !from ? 'added' : !to ? 'removed' : 'changed';
    this.parts = parts;
    this.#hasDuplicates = [from, to].some((database) => database !== undefined && hasDuplicates(database));
    this.#label = shown.file.path + (this.name === null ? '' : `: ${this.name}`);
  }

  /** The databases of a file; those of the same name and method in both states belong together. */
  static async of(pair: FilePair, states: TwoStates, watch: Watch): Promise<readonly DatabasePair[]> {
    const byKey = new Map<string, { from?: Database; to?: Database }>();
    for (const side of sideNames) {
      for (const database of pair[side] ? databasesOf(pair[side]) : []) {
        const key = `${database.method} ${databaseLabel(database) ?? ''}`;
        byKey.set(key, { ...byKey.get(key), [side]: database });
      }
    }
    const found: DatabasePair[] = [];
    for (const { from, to } of byKey.values()) {
      found.push(new DatabasePair(pair, from, to, await partsOf(pair, from, to, states, watch)));
    }
    return found;
  }

  /** Partitions are opened beside the file; that itself is not closed. */
  close(): void {
    closeAll(this.parts.map(({ pair }) => pair).filter((pair) => pair !== this.#file));
  }

  /** True when more than before has to be read, see `FilePair`. */
  widen(): boolean {
    let isWider = false;
    for (const { pair } of this.parts) if (pair.widen()) isWider = true;
    return isWider;
  }

  /** Reads what can be different once. To be done before changes are asked for. Throws what reading pages throws. */
  async measure(watch: Watch): Promise<void> {
    const gathered = async (side: SideName): Promise<Gathered<KeyedRecord>> =>
      await gather(() => this.#records(side), watch);
    this.#gathered = { from: await gathered('from'), to: await gathered('to') };
  }

  changes(watch: Watch): AsyncGenerator<Change> {
    return changesBetween(
      this.#gathered!.from,
      this.#gathered!.to,
      (before, after) => Buffer.compare(before.data, after.data) === 0,
      { hasDuplicates: this.#hasDuplicates, watch, label: this.#label },
    );
  }

  *#records(side: SideName): Generator<KeyedRecord> {
    for (const part of this.parts) {
      const database = part[side];
      if (database) yield* keyedRecordsOf(database, choiceOf(part));
    }
  }
}

async function partsOf(
  pair: FilePair,
  from: Database | undefined,
  to: Database | undefined,
  states: TwoStates,
  watch: Watch,
): Promise<Part[]> {
  const counts = { from: from ? partitionCount(from.meta) : 0, to: to ? partitionCount(to.meta) : 0 };
  if (counts.from === 0 && counts.to === 0) return [{ pair, from, to }];
  const parts: Part[] = [];
  try {
    for (let i = 0; i < Math.max(counts.from, counts.to); i++) {
      const nameIn = (side: SideName): string | undefined =>
        i < counts[side] ? requirePartition(states, side, partitionName(pair[side]!.path, i)) : undefined;
      const partition = await FilePair.open(states, { from: nameIn('from'), to: nameIn('to') }, watch);
      const databaseIn = (side: SideName): Database | undefined => partition[side] && databaseAt(partition[side], 0);
      parts.push({ pair: partition, from: databaseIn('from'), to: databaseIn('to') });
    }
    return parts;
  } catch (error) {
    for (const { pair: opened } of parts) opened.close();
    throw error;
  }
}

function requirePartition(states: TwoStates, side: SideName, name: string): string {
  if (states[side].databases.has(name)) return name;
  throw new FigaroError('container-missing', `${name} is not there, a partition of a database`, { path: name });
}

function hasDuplicates({ method, meta }: Database): boolean {
  const flags = meta.u32(metaAt.flags);
  if (method === 'btree') return (flags & btreeFlag.duplicates) !== 0;
  return method === 'hash' && (flags & hashFlag.duplicates) !== 0;
}

/** Which pages of a database are to be read of both states; undefined for all. */
function choiceOf({ pair, from, to }: Part): PageChoice | undefined {
  const { choice } = pair;
  // Pages that are the same belong to the same database only where that begins on the same page.
  if (!choice || !from || !to || from.metaPgno !== to.metaPgno) return undefined;
  if (to.method === 'recno' && isRenumbered(to)) return withMoved(choice, from, to);
  return to.method === 'queue' ? withOtherNumbers(choice, from, to) : choice;
}

function isRenumbered({ meta }: Database): boolean {
  return (meta.u32(metaAt.flags) & btreeFlag.renumber) !== 0;
}

/** With leaves that are the same, but whose records have other numbers. */
function withMoved(choice: PageChoice, from: Database, to: Database): PageChoice {
  const firsts = new Map<number, number>();
  for (const { pgno, first } of passedRecnoLeaves(from, choice)) firsts.set(pgno, first);
  const unmoved = new Set<number>();
  for (const { pgno, first } of passedRecnoLeaves(to, choice)) if (firsts.get(pgno) === first) unmoved.add(pgno);
  return {
    has: (pgno) => !unmoved.has(pgno),
    [Symbol.iterator]: () => choice[Symbol.iterator](),
    isThorough: choice.isThorough,
  };
}

/** With pages that are the same, but of which other records count. */
function withOtherNumbers(choice: PageChoice, from: Database, to: Database): PageChoice {
  const isOther = (pgno: number): boolean => {
    const [before, after] = [from, to].map((database) => JSON.stringify(numbersOnPage(database, pgno)));
    return before !== after;
  };
  return {
    has: (pgno) => choice.has(pgno) || (pgno > 0 && isOther(pgno)),
    [Symbol.iterator]: () => choice[Symbol.iterator](),
    isThorough: choice.isThorough,
  };
}
