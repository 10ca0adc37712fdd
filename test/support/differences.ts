/** Differences of two moments, as `diff` finds them and as two whole recoveries have them. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { DatabaseFile, type Database } from '../../src/engine/database/database-file.ts';
import { databaseLabel, headerLines } from '../../src/engine/database/dump.ts';
import { partitionCount } from '../../src/engine/database/partitions.ts';
import { databasesOf, keyedRecordsOf, recordsOf, type KeyedRecord } from '../../src/engine/database/records.ts';
import {
  findDifferences,
  forEachDocument,
  forEachRecord,
  type DatabaseDifference,
} from '../../src/engine/differences/compare.ts';
import { lookIntoTwo } from '../../src/engine/differences/look-into-two.ts';
import { type Side } from '../../src/engine/differences/sides.ts';
import { isReadable, XmlContainer } from '../../src/engine/documents/container.ts';
import { versionOf, type DocumentVersion } from '../../src/engine/documents/version.ts';
import { type Environment } from '../../src/engine/environment/environment.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { type RestorePoint } from '../../src/engine/recovery/restore-point.ts';
import { databaseOfPartition, normalDirectory } from '../../src/format/names.ts';
import { btreeFlag, metaAt } from '../../src/format/page/meta.ts';
import { temporaryDirectory } from './demo-environment.ts';
import { slashed } from './windows.ts';

/** A record or document that is not the same: where, its key, and a short form of what it was and is. */
function lineOf(file: string, database: string, key: string, before: string | null, after: string | null): string {
  return JSON.stringify([file, database, key, before, after]);
}

const inDocuments = '(documents)';

/** Long values are told by their hash. */
function short(bytes: Uint8Array): string {
  return bytes.length <= 40 ? Buffer.from(bytes).toString('hex') : createHash('sha256').update(bytes).digest('hex');
}

function keyText(key: KeyedRecord['key']): string {
  return typeof key === 'number' ? String(key) : key instanceof Uint8Array ? short(key) : `${key.pgno}.${key.slot}`;
}

/** A file that was renamed. */
function fileText(name: string, was: string | undefined): string {
  return was === undefined ? name : `${was} -> ${name}`;
}

export function sideOf(files: Files, environment: Environment, restorePoint: RestorePoint): Side {
  return { files, environment, restorePoint, chain: undefined, warnings: [] };
}

export interface Found {
  /** One for each record or document that is not the same, in order. */
  readonly lines: readonly string[];
  /** Whether the log said which pages can differ. */
  readonly isByLog: boolean;
  /** Whether only those pages were recovered that were read. */
  readonly wasOnDemand: boolean;
}

/** What `diff` finds. Its counts have to be those of what it shows. */
export async function differencesFound(
  from: Side,
  to: Side,
  { cacheBytes, isOnDemand }: { readonly cacheBytes?: number; readonly isOnDemand?: boolean } = {},
): Promise<Found> {
  const lines: string[] = [];
  let isByLog = true;
  const watch = {};
  let wasOnDemand = false;
  await lookIntoTwo(from, to, { watch, cacheBytes, isOnDemand }, async (states) => {
    lines.length = 0;
    const uids = [states.from, states.to].flatMap(({ databases }) => [...databases.values()]);
    wasOnDemand = states.beSure !== undefined;
    isByLog = !uids.some((uid) => states.mayDiffer(uid) === 'any');
    const listener = { onRefused: (error: Error) => void lines.push(`refused: ${error.message}`), warn: () => {} };
    const external = to.environment.config.externalFileDirectory;
    for (const found of await findDifferences(states, external, listener, watch)) {
      const file = fileText(found.name, found.was);
      const counts = new Map<string, number>();
      const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
      if (found.kind === 'container') {
        await forEachDocument(states, found, watch, ({ kind, name, before, after }) => {
          count(kind);
          const [was, is] = [before, after].map((version) => (version ? textOf(version) : null)) as [string, string];
          lines.push(lineOf(file, inDocuments, name, was, is));
          return Promise.resolve();
        });
        requireCounts(file, counts, found.documents!);
      } else {
        await forEachRecord(states, found, watch, (database, { kind, key, before, after }) => {
          count(`${database} ${kind}`);
          const [was, is] = [before, after].map((record) => (record ? short(record.data) : null)) as [string, string];
          lines.push(lineOf(file, database ?? '', keyText(key), was, is));
          return Promise.resolve();
        });
        requireCounts(file, counts, countsIn(found.databases));
      }
      if (counts.size > 0) throw new Error(`${file}: not counted: ${[...counts.keys()].join(', ')}`);
    }
  });
  return { lines: lines.sort(), isByLog, wasOnDemand };
}

/** By name: a database can be replaced by one of another method. */
function countsIn(databases: readonly DatabaseDifference[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { database, records } of databases) {
    for (const [kind, count] of Object.entries(records!)) {
      counts[`${database} ${kind}`] = (counts[`${database} ${kind}`] ?? 0) + count;
    }
  }
  return counts;
}

function requireCounts(file: string, shown: Map<string, number>, told: Readonly<Record<string, number>>): void {
  for (const [what, count] of Object.entries(told)) {
    if ((shown.get(what) ?? 0) !== count) throw new Error(`${file}: ${count} ${what} counted, not ${shown.get(what)}`);
    shown.delete(what);
  }
}

/** The records of a database by their keys, or documents by their names. */
type Records = ReadonlyMap<string, readonly string[]>;

interface RecoveredDatabase {
  readonly records: Records;
  readonly hasDuplicates: boolean;
}

/** By unique id and method and name of the database. */
interface RecoveredFile {
  readonly uid: string;
  readonly databases: ReadonlyMap<string, RecoveredDatabase>;
}

type Recovered = ReadonlyMap<string, RecoveredFile>;

/** What two whole recoveries have, in the same lines. */
export async function differencesOfRecoveries(from: Side, to: Side): Promise<readonly string[]> {
  const before = await recover(from);
  const after = await recover(to);
  const lines: string[] = [];
  const renamed = new Map<string, string>();
  for (const [name, { uid }] of after) {
    const old = before.has(name) ? undefined : [...before].find(([, file]) => file.uid === uid)?.[0];
    if (old !== undefined && !after.has(old)) renamed.set(name, old);
  }
  const gone = [...before.keys()].filter((name) => !after.has(name) && ![...renamed.values()].includes(name));
  for (const name of [...after.keys(), ...gone]) {
    const was = renamed.get(name);
    const one = before.get(was ?? name)?.databases;
    const other = after.get(name)?.databases;
    for (const place of new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])])) {
      const label = place.slice(place.indexOf(' ') + 1);
      for (const [key, old, now] of pairsIn(one?.get(place), other?.get(place))) {
        lines.push(lineOf(fileText(name, was), label, key, old, now));
      }
    }
  }
  return lines.sort();
}

function* pairsIn(
  one: RecoveredDatabase | undefined,
  other: RecoveredDatabase | undefined,
): Generator<[key: string, before: string | null, after: string | null]> {
  const hasDuplicates = one?.hasDuplicates === true || other?.hasDuplicates === true;
  for (const key of new Set([...(one?.records.keys() ?? []), ...(other?.records.keys() ?? [])])) {
    const before = [...(one?.records.get(key) ?? [])];
    const after: string[] = [];
    for (const data of other?.records.get(key) ?? []) {
      const at = before.indexOf(data);
      if (at < 0) after.push(data);
      else before.splice(at, 1);
    }
    if (!hasDuplicates && before.length === 1 && after.length === 1) {
      yield [key, before[0]!, after[0]!];
      continue;
    }
    for (const data of before) yield [key, data, null];
    for (const data of after) yield [key, null, data];
  }
}

async function recover({ files, environment, restorePoint }: Side): Promise<Recovered> {
  const target = path.join(temporaryDirectory(), 'recovered');
  await recoverEnvironment(files, { environment, target, restorePoint });
  const found = new Map<string, RecoveredFile>();
  const external = `${normalDirectory(environment.config.externalFileDirectory)}/`;
  for (const name of fs.readdirSync(target, { recursive: true, encoding: 'utf8' }).map(slashed)) {
    const file = path.join(target, name);
    if (name.startsWith(external) || databaseOfPartition(name) !== undefined || !isDatabase(files, file)) continue;
    const opened = new DatabaseFile(files, file);
    try {
      found.set(name, { uid: opened.format.uid, databases: await databasesIn(opened) });
    } finally {
      opened.close();
    }
  }
  fs.rmSync(path.dirname(target), { recursive: true });
  return found;
}

function isDatabase(files: Files, file: string): boolean {
  if (!fs.statSync(file).isFile()) return false;
  try {
    new DatabaseFile(files, file).close();
    return true;
  } catch {
    return false;
  }
}

async function databasesIn(file: DatabaseFile): Promise<ReadonlyMap<string, RecoveredDatabase>> {
  const databases = databasesOf(file);
  if (isReadable(databases)) {
    return new Map([[`xml ${inDocuments}`, { records: await documentsIn(file), hasDuplicates: false }]]);
  }
  return new Map(
    databases.filter(isUncompressed).map((database) => {
      const hasDuplicates = headerLines(database, false).includes('duplicates=1');
      const place = `${database.method} ${databaseLabel(database) ?? ''}`;
      return [place, { records: recordsIn(database), hasDuplicates }];
    }),
  );
}

/** The records of compressed databases are nobody's but the application's. */
function isUncompressed({ method, meta }: Database): boolean {
  return method !== 'btree' || (meta.u32(metaAt.flags) & btreeFlag.compressed) === 0;
}

function recordsIn(database: Database): Records {
  const found = new Map<string, string[]>();
  const isSplit = partitionCount(database.meta) > 0;
  for (const { key, data } of isSplit ? (recordsOf(database) as Iterable<KeyedRecord>) : keyedRecordsOf(database)) {
    const text = keyText(key);
    const others = found.get(text);
    if (others) others.push(short(data));
    else found.set(text, [short(data)]);
  }
  return found;
}

async function documentsIn(file: DatabaseFile): Promise<Records> {
  const container = new XmlContainer(file, {});
  const found = new Map<string, string[]>();
  for await (const entry of container.entries()) found.set(entry.name!, [textOf(await versionOf(container, entry))]);
  return found;
}

/** A document put again as it was is the same. */
function textOf({ sha256, metadataSha256 }: DocumentVersion): string {
  return `${sha256} ${metadataSha256}`;
}
