/** What is different in two states of an environment: file by file, then database by database, or document by document. */

import { normalDirectory, databaseOfPartition } from '../../format/names.ts';
import { type DatabaseFile, type DatabaseMethod } from '../database/database-file.ts';
import { databaseLabel } from '../database/dump.ts';
import { databasesOf } from '../database/records.ts';
import { isReadable } from '../documents/container.ts';
import { isRefusal } from '../documents/refusals.ts';
import { pause, type Watch } from '../pause.ts';
import { DatabasePair, type Fate } from './database-pair.ts';
import { DocumentPair, type DocumentChange, type DocumentCounts, type Listener } from './document-pair.ts';
import { FilePair, sideNames, type PairNames } from './file-pair.ts';
import { FoundChanges, KeptChanges } from './found-changes.ts';
import { type Change, type ChangeKind } from './join.ts';
import { type SeenState, type TwoStates } from './two-states.ts';

/** How many records are not the same. */
export type RecordCounts = { readonly [kind in ChangeKind]: number };

export interface DatabaseDifference {
  /** Null for a file that is one database. */
  readonly database: string | null;
  readonly method: DatabaseMethod;
  readonly change: Fate;
  /** Of a container of documents, nobody asks for its records. */
  readonly records: RecordCounts | undefined;
}

export interface FileDifference {
  /** In the later state, or else in the earlier one. */
  readonly name: string;
  /** Its name in the earlier state, where that is another one. */
  readonly was: string | undefined;
  readonly kind: 'container' | 'database';
  readonly change: Fate;
  readonly names: PairNames;
  readonly databases: readonly DatabaseDifference[];
  /** Of a container. */
  readonly documents: DocumentCounts | undefined;
}

/**
 * Finds out which files are different, and how much in each. What cannot be read is told, and left out.
 *
 * @param externalDirectory where databases keep large values: those that say which are nobody's business
 */
export async function findDifferences(
  states: TwoStates,
  externalDirectory: string,
  listener: Listener,
  watch: Watch,
): Promise<readonly FileDifference[]> {
  const { beSure } = states;
  if (!beSure) return await findAll(states, externalDirectory, listener, watch);
  const warnings: string[] = [];
  const strict: Listener = {
    onRefused(error) {
      throw error;
    },
    warn: (warning) => void warnings.push(warning),
  };
  const found = await findAll(states, externalDirectory, strict, watch);
  beSure();
  for (const warning of warnings) listener.warn(warning);
  return found;
}

async function findAll(
  states: TwoStates,
  externalDirectory: string,
  listener: Listener,
  watch: Watch,
): Promise<readonly FileDifference[]> {
  const found: FileDifference[] = [];
  for (const names of pairsOf(states, `${normalDirectory(externalDirectory)}/`)) {
    try {
      for (const part of await apartWhereUnlike(states, names)) {
        const difference = await differenceOf(states, part, listener, watch);
        if (difference) found.push(difference);
      }
    } catch (error) {
      if (!isRefusal(error)) throw error;
      listener.onRefused(error);
    }
    await pause(watch);
  }
  return found;
}

/** Files that can be different. The same file in both states has one name, or was renamed. */
function pairsOf({ from, to, mayDiffer }: TwoStates, external: string): readonly PairNames[] {
  const changing = new Set<string>();
  for (const { databases } of [from, to]) {
    for (const [name, uid] of databases) if (mayDiffer(uid) !== 'none') changing.add(databaseOfPartition(name) ?? name);
  }
  const shown = ({ databases }: SeenState): ReadonlyMap<string, string> =>
    new Map(
      [...databases].filter(([name]) => !name.startsWith(external) && !databases.has(databaseOfPartition(name) ?? '')),
    );
  const before = shown(from);
  const after = shown(to);
  const lost = new Map([...before].filter(([name]) => !after.has(name)).map(([name, uid]) => [uid, name]));
  const pairs: PairNames[] = [];
  for (const [name, uid] of after) {
    const isThere = before.has(name);
    if (isThere && before.get(name) === uid && !changing.has(name)) continue;
    pairs.push({ from: isThere ? name : lost.get(uid), to: name });
    if (!isThere) lost.delete(uid);
  }
  for (const name of lost.values()) pairs.push({ from: name, to: undefined });
  return pairs.sort((a, b) => compareText(a.to ?? a.from!, b.to ?? b.from!));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Kind = FileDifference['kind'];

/** A file of another kind that took the name of the first is not the same file. */
async function apartWhereUnlike(states: TwoStates, names: PairNames): Promise<readonly PairNames[]> {
  if (names.from === undefined || names.to === undefined) return [names];
  const isLike = await usePair(FilePair.uncompared(states, names), (pair) => kindOf(pair.from!) === kindOf(pair.to!));
  return isLike
    ? [names]
    : [
        { ...names, to: undefined },
        { ...names, from: undefined },
      ];
}

function kindOf(file: DatabaseFile): Kind {
  return isReadable(databasesOf(file)) ? 'container' : 'database';
}

async function withPair<T>(
  states: TwoStates,
  names: PairNames,
  watch: Watch,
  use: (pair: FilePair) => T | Promise<T>,
): Promise<T> {
  return await usePair(await FilePair.open(states, names, watch), use);
}

async function usePair<T>(pair: FilePair, use: (pair: FilePair) => T | Promise<T>): Promise<T> {
  try {
    return await use(pair);
  } finally {
    pair.close();
  }
}

async function differenceOf(
  states: TwoStates,
  names: PairNames,
  listener: Listener,
  watch: Watch,
): Promise<FileDifference | undefined> {
  return await withPair(states, names, watch, async (pair) => {
    const { from, to } = names;
    const kind = kindOf(pair.files[0]!);
    const compared =
      kind === 'container'
        ? { documents: await documentCounts(pair, states, listener, watch), databases: databasesAlone(pair) }
        : { documents: undefined, databases: await databaseDifferences(pair, states, listener, watch) };
    const change: Fate = from === undefined ? 'added' : to === undefined ? 'removed' : 'changed';
    const was = from !== undefined && to !== undefined && from !== to ? from : undefined;
    const { documents, databases } = compared;
    const isSame = databases.length === 0 && sumOf(documents) === 0 && was === undefined && change === 'changed';
    return isSame ? undefined : { name: to ?? from!, was, kind, change, names, databases, documents };
  });
}

function sumOf(counts: DocumentCounts | RecordCounts | undefined): number {
  return Object.values(counts ?? {}).reduce((sum, count) => sum + count, 0);
}

async function documentCounts(
  pair: FilePair,
  states: TwoStates,
  listener: Listener,
  watch: Watch,
): Promise<DocumentCounts> {
  const counts = { added: 0, changed: 0, deleted: 0 };
  if (pair.isSame) return counts;
  const documents = new DocumentPair(pair, watch);
  await documents.measure(listener);
  const kept = new KeptChanges(states);
  for await (const change of documents.changes()) {
    counts[change.kind] += 1;
    kept.add(change);
  }
  kept.end(counts);
  return counts;
}

/** Databases that only one state has: indexes, in a container. */
function databasesAlone(pair: FilePair): readonly DatabaseDifference[] {
  const [before, after] = sideNames.map((side) => (pair[side] ? databasesOf(pair[side]) : []));
  if (!pair.from || !pair.to) return [];
  const namesOf = (databases: typeof before): Set<string | undefined> => new Set(databases!.map(databaseLabel));
  const lacking = (some: typeof before, others: typeof before, change: Fate): DatabaseDifference[] =>
    some!
      .filter((database) => !namesOf(others).has(databaseLabel(database)))
      .map((database) => ({
        database: databaseLabel(database) ?? null,
        method: database.method,
        change,
        records: undefined,
      }));
  return [...lacking(after, before, 'added'), ...lacking(before, after, 'removed')];
}

async function databaseDifferences(
  pair: FilePair,
  states: TwoStates,
  listener: Listener,
  watch: Watch,
): Promise<readonly DatabaseDifference[]> {
  return await withDatabases(pair, states, listener, watch, async (databases) => {
    const found: DatabaseDifference[] = [];
    for (const database of databases) {
      const { name, method, fate } = database;
      const records = { put: 0, changed: 0, deleted: 0 };
      for await (const { kind } of database.changes(watch)) records[kind] += 1;
      if (fate !== 'changed' || sumOf(records) > 0) found.push({ database: name, method, change: fate, records });
    }
    return found;
  });
}

/** Has the databases of a file looked at. What cannot be read of them is told, and left out. */
async function withDatabases<T>(
  pair: FilePair,
  states: TwoStates,
  { onRefused }: Pick<Listener, 'onRefused'>,
  watch: Watch,
  use: (databases: readonly DatabasePair[]) => Promise<T>,
): Promise<T> {
  const all = await DatabasePair.of(pair, states, watch);
  try {
    const readable = new Set(all);
    let isWider = true;
    while (isWider) {
      for (const database of readable) {
        try {
          await database.measure(watch);
        } catch (error) {
          if (!isRefusal(error)) throw error;
          onRefused(error);
          readable.delete(database);
        }
      }
      // All of them have to be looked at: what one of them reads, another one need not.
      isWider = all.map((database) => database.widen()).includes(true);
    }
    return await use([...readable]);
  } finally {
    for (const database of all) database.close();
  }
}

/** What cannot be read was told before. */
const silent: Listener = { onRefused: () => {}, warn: () => {} };

/** The records of a file that are not the same, database by database. */
export async function forEachRecord(
  states: TwoStates,
  { names }: FileDifference,
  watch: Watch,
  see: (database: string | null, change: Change) => Promise<void>,
): Promise<void> {
  await withPair(states, names, watch, (pair) =>
    withDatabases(pair, states, silent, watch, async (databases) => {
      for (const database of databases) {
        for await (const change of database.changes(watch)) await see(database.name, change);
      }
    }),
  );
}

/** The documents of a container that are not the same, and where their XML is. */
export async function forEachDocument(
  states: TwoStates,
  { names, documents: counts }: FileDifference,
  watch: Watch,
  see: (change: DocumentChange, documents: DocumentPair) => Promise<void>,
): Promise<void> {
  const known = counts && FoundChanges.of(states).byCounts.get(counts);
  if (known) {
    await usePair(FilePair.uncompared(states, names), async (pair) => {
      const documents = new DocumentPair(pair, watch);
      for (const change of known) await see(change, documents);
    });
    return;
  }
  await withPair(states, names, watch, async (pair) => {
    const documents = new DocumentPair(pair, watch);
    await documents.measure(silent);
    for await (const change of documents.changes()) await see(change, documents);
  });
}
