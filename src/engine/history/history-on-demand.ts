/** The history of a document for which only those pages are recovered that it is on, and those that lead from its name to it. */

import { FigaroError } from '../../errors.ts';
import { DocumentProblem } from '../../format/documents/problem.ts';
import { commit } from '../../format/log/records/txn.ts';
import { type Lsn } from '../../format/lsn.ts';
import { DatabaseFile } from '../database/database-file.ts';
import { databasesOf } from '../database/records.ts';
import { isReadable, XmlContainer } from '../documents/container.ts';
import { type DocumentVersion, versionOf } from '../documents/version.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { LogReader, reaches } from '../log/log-reader.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';
import { whileStill } from '../recovery/seen-container.ts';
import { FileOnDemand } from '../recovery/on-demand/file-on-demand.ts';
import { FileThroughTime } from '../recovery/on-demand/file-through-time.ts';
import { NotOnDemand } from '../recovery/on-demand/not-on-demand.ts';
import { type StoredFile } from '../recovery/page-store.ts';
import { filesOf } from '../recovery/recovered-files.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';
import { defaultCacheBytes, prepareRecovery, withFilesAtTheEnd, type FilesAtTheEnd } from '../recovery/rehearse.ts';
import { type ReplayOptions } from '../recovery/replay.ts';
import { nameInside } from '../recovery/select-containers.ts';
import { DocumentEvents, type DocumentHistory } from './document-events.ts';
import { isOfDocument, namesInLog, uidsOf, type Wanted } from './wanted.ts';

/** Undefined where the history cannot be had so, for whatever reason: a replay of the container has to tell it, or what is wrong. */
export async function readHistoryOnDemand(
  files: Files,
  environment: Environment,
  wanted: Wanted,
  options: ReplayOptions,
): Promise<DocumentHistory | undefined> {
  try {
    return await read(files, environment, wanted, options);
  } catch (error) {
    const isTold = error instanceof FigaroError && error.code !== 'interrupted';
    if (isTold || error instanceof NotOnDemand || error instanceof DocumentProblem) return undefined;
    throw error;
  }
}

async function read(
  files: Files,
  environment: Environment,
  wanted: Wanted,
  { cacheBytes = defaultCacheBytes, watch }: ReplayOptions,
): Promise<DocumentHistory> {
  const prepared = await prepareRecovery(files, environment, { isPart: true, watch });
  const { first } = prepared.analysis.commits.window;
  if (!first) throw new NotOnDemand('there is no commit');
  const uid = onlyFileOf(environment, prepared, wanted.name);
  const restorePoint = { kind: 'lsn', lsn: first.lsn } as const;
  const earlier = await prepareRecovery(files, environment, { restorePoint, isPart: true, watch });
  const options = { cacheBytes: cacheBytes / 2, watch };
  return await whileStill(files, environment, new Set([uid]), async () => {
    await withFilesAtTheEnd(files, environment, prepared, watch, (found) => fileOf(found, uid, wanted.name));
    return await withFilesAtTheEnd(files, environment, earlier, watch, async (found) => {
      const file = fileOf(found, uid, wanted.name);
      const begun = await FileOnDemand.open(files, environment, earlier, found, file, options);
      try {
        const throughTime = await FileThroughTime.open(files, begun, prepared, options);
        try {
          const events = new DocumentEvents();
          const looks = new Looks(files, throughTime, wanted, watch);
          events.begin(first, await looks.lookAt(first.lsn));
          await followOn(files, prepared, looks, first.lsn, events);
          if (!looks.wasContainer) throw new NotOnDemand('it is no container');
          return { events: events.all, covered: { first, last: prepared.analysis.commits.last ?? first } };
        } finally {
          throughTime.close();
        }
      } finally {
        begun.close();
      }
    });
  });
}

/** The unique id of the file that has the name all the time. */
function onlyFileOf(environment: Environment, prepared: PreparedRecovery, name: string): string {
  const [uid, ...others] = uidsOf(environment, prepared, name);
  const names = namesInLog(environment, name);
  const isRenamed = prepared.analysis.names.of(uid!).some((known) => !names.has(known));
  if (others.length > 0 || isRenamed) throw new NotOnDemand('files had other names');
  return uid!;
}

function fileOf({ table, initial }: FilesAtTheEnd, uid: string, name: string): StoredFile {
  const file = table.byUid(uid);
  if (!file || !initial.has(file) || file.isRewritten || nameInside(file) !== name) {
    throw new NotOnDemand(`${name} is not there all the time`);
  }
  return file;
}

async function followOn(
  files: Files,
  { log }: PreparedRecovery,
  looks: Looks,
  first: Lsn,
  events: DocumentEvents,
): Promise<void> {
  const reader = new LogReader(files, log, reaches.scattered);
  try {
    for (let lsn = looks.nextBehind(first); lsn; lsn = looks.nextBehind(lsn)) {
      const record = reader.read(lsn);
      const { txnId } = record;
      const time = bodyAs(record, commit)!.timestamp;
      events.note({ lsn, time, txnId }, await looks.lookAt(lsn));
    }
  } finally {
    reader.close();
  }
}

/** Looks at a document as of commits, one later than the other. */
class Looks {
  readonly #files: Files;
  readonly #file: FileThroughTime;
  readonly #wanted: Wanted;
  readonly #watch: Watch;
  wasContainer = false;
  /** The leaves and overflow pages on which the last look found the document, or that it is not there. */
  #footprint: readonly number[] = [];

  constructor(files: Files, file: FileThroughTime, wanted: Wanted, watch: Watch) {
    this.#files = files;
    this.#file = file;
    this.#wanted = wanted;
    this.#watch = watch;
  }

  /** The first commit behind another one at which the document can be different. */
  nextBehind(lsn: Lsn): Lsn | undefined {
    return this.#file.nextCommit(this.#footprint, lsn);
  }

  /** Undefined where it is not there. */
  async lookAt(lsn: Lsn): Promise<DocumentVersion | undefined> {
    await pause(this.#watch);
    const { name, document } = this.#wanted;
    const { piece } = this.#file;
    const seen = filesOf(this.#files, new Map([[name, { piece, read: this.#file.readerAt(lsn) }]]));
    const pages = new Set<number>();
    const opened = new DatabaseFile(seen, name, (pgno) => pages.add(pgno));
    try {
      if (!isReadable(databasesOf(opened))) {
        // It can become one.
        this.#footprint = [...pages].filter((pgno) => isOfDocument(opened.page(pgno)));
        return undefined;
      }
      this.wasContainer = true;
      const container = new XmlContainer(opened, this.#watch);
      if (!container.hasNames) throw new NotOnDemand('nothing leads from names to documents');
      pages.clear();
      let version: DocumentVersion | undefined;
      for (const entry of container.entriesNamed([document])) {
        if (entry.problem !== undefined) throw container.damagedEntry(entry, entry.problem);
        version = await versionOf(container, entry);
        break;
      }
      if (container.damage.length > 0) throw container.damage[0]!;
      this.#footprint = [...pages].filter((pgno) => isOfDocument(opened.page(pgno)));
      return version;
    } finally {
      opened.close();
    }
  }
}
