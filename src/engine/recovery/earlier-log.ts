/**
 * A rehearsal with earlier log files, for what they say of pages that were copied after them. The rest of the log was rehearsed before,
 * alone: where the earlier files leave everything as it is, redo of the rest does what it did then, and need not be done again.
 */

import { compareLsn, equalLsn, type Lsn } from '../../format/lsn.ts';
import { logPaths, type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { joinLogs, openLog, type Log } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { analyse, type Analysis } from './analysis.ts';
import { type Binding, type FileBindings } from './bindings.ts';
import { type FileTable } from './file-table.ts';
import { type StoredFile } from './page-store.ts';
import { Passes } from './passes.ts';
import { FileOperations } from './record-operations/fileops.ts';
import { everything, type Recovery } from './recovery.ts';
import { defaultCacheBytes, settle, tableOf, type RecoveredState } from './rehearse.ts';
import { type SeenPages } from './seen-pages.ts';
import { OverlayStorage } from './storage.ts';

/** What is kept of the rehearsal of an environment, with `keepsSeen`. */
export interface Rehearsed {
  readonly log: Log;
  readonly analysis: Analysis;
  readonly hasPassedOver: boolean;
  /** By unique id of the file. */
  readonly seen: ReadonlyMap<string, SeenPages>;
  /** Unique ids of the files of which it has changed some page. */
  readonly changed: ReadonlySet<string>;
}

/** To be asked for when the structure of its databases has been checked. */
export function rehearsedBy({ log, analysis, table, hasPassedOver }: RecoveredState): Rehearsed {
  const seen = new Map<string, SeenPages>();
  const changed = new Set<string>();
  for (const file of table) {
    if (file.uid === undefined || !file.seen) continue;
    seen.set(file.uid, file.seen);
    if (file.isChanged) changed.add(file.uid);
  }
  return { log, analysis, hasPassedOver, seen, changed };
}

/**
 * As `rehearse`, of an environment that was rehearsed without the first of its log files, and to which nobody has written since it was
 * listed. Throws what it throws, and `NotApart` where the two parts of the log have to be read as one.
 */
export async function rehearseWithEarlier(
  files: Files,
  environment: Environment,
  rehearsed: Rehearsed,
  { copiedAfter, watch }: { readonly copiedAfter: Lsn; readonly watch: Watch },
): Promise<void> {
  const from = rehearsed.log.files[0]!.number;
  const earlier = new Map([...logPaths(environment)].filter(([number]) => number < from));
  const log = joinLogs(openLog(files, earlier), rehearsed.log);
  const rest = { from, analysis: rehearsed.analysis };
  const analysis = await analyse(files, log, { kind: 'end' }, watch, { environment, rest });
  const storage = new OverlayStorage(files);
  try {
    const input = { log, analysis, environment, storage, isAsListed: true };
    const { table } = tableOf(input, defaultCacheBytes);
    const fileOperations = new FileOperations(table, analysis.creations);
    const recovery = { files, environment, log, analysis, table, fileOperations, scope: everything, watch };
    await rehearseInParts(recovery, rehearsed, copiedAfter);
  } finally {
    storage.close();
  }
}

async function rehearseInParts(recovery: Recovery, rehearsed: Rehearsed, copiedAfter: Lsn): Promise<void> {
  const { table, analysis } = recovery;
  for (const file of table) seedLsns(file, rehearsed);
  const from = { file: rehearsed.log.files[0]!.number, offset: 0 };
  const { transactions } = rehearsed.analysis;
  const ofRest = new Passes({ ...recovery, analysis: { ...analysis, transactions } });
  const passes = new Passes(recovery);
  for (const { change } of [ofRest, passes]) change.copiedAfter = copiedAfter;
  await ofRest.undo();
  for (const file of table) file.beginUnchanged();
  const before = stateOf(table);
  await passes.undo();
  await passes.redo({ until: from.file });
  const isTheSame =
    !rehearsed.hasPassedOver &&
    isSame(before, stateOf(table)) &&
    [...table].every(isAsBefore) &&
    areSameBindings(rehearsed.analysis.bindings, analysis.bindings, from);
  if (isTheSame && isContinued(table, rehearsed)) return;
  await passes.redo({ from });
  settle(recovery, passes.change);
}

/** What is known of pages need not be read. */
function seedLsns(file: StoredFile, { seen, changed }: Rehearsed): void {
  if (file.uid === undefined || changed.has(file.uid)) return;
  const lsns = seen.get(file.uid)?.lsns;
  if (lsns) file.knownLsns = lsns;
}

/** What redo goes by beside pages. */
interface TableState {
  readonly files: readonly StoredFile[];
  readonly names: readonly (string | undefined)[];
  readonly strayExtents: number;
}

/** The state of the files now: what is changed from here on, `isAsBefore` tells. */
function stateOf(table: FileTable): TableState {
  const files = [...table];
  return { files, names: files.map(({ name }) => name), strayExtents: table.strayExtents.length };
}

function isSame(one: TableState, other: TableState): boolean {
  return (
    one.files.length === other.files.length &&
    one.files.every((file, i) => file === other.files[i] && one.names[i] === other.names[i]) &&
    one.strayExtents === other.strayExtents
  );
}

/** True for a file on whose pages nothing was changed, and of whose pages nothing is to be settled later. */
function isAsBefore(file: StoredFile): boolean {
  const { questions, overdue, unfit, lacking, slotsBefore } = file;
  const open = questions.size + overdue.size + unfit.size + lacking.size + slotsBefore.size;
  return open === 0 && !file.isChanged;
}

/** True when each id stands in the rest of the log for what it stood for when nothing else was known. */
function areSameBindings(alone: FileBindings, whole: FileBindings, from: Lsn): boolean {
  for (const binding of alone.all()) {
    const there = whole.at(binding.fileId, compareLsn(binding.from, from) < 0 ? from : binding.from);
    if (!there || !isSameBinding(there, binding)) return false;
  }
  return true;
}

function isSameBinding(one: Binding, other: Binding): boolean {
  const isSameEnd = one.to && other.to ? equalLsn(one.to, other.to) : one.to === other.to;
  return isSameEnd && one.uid === other.uid && one.metaPgno === other.metaPgno && one.inMemory === other.inMemory;
}

/** False where a record of the rest was made on an older state of its page than the earlier log has brought about. */
function isContinued(table: FileTable, { seen }: Rehearsed): boolean {
  for (const [uid, { before }] of seen) {
    const lastChanges = table.byUid(uid)?.lastChanges;
    if (!lastChanges) continue;
    for (const pgno of before.pages()) {
      const { file, offset } = before.of(pgno)!;
      if (lastChanges.isLater(pgno, file, offset)) return false;
    }
  }
  return true;
}
