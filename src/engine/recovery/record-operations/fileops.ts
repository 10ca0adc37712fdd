/**
 * Redo and undo of file operations (recovery document, section E), by the rules of E.3a: a file is known by its unique
 * id, and every step is harmless when the file is past it already. Native recovery decides by names, and loses files.
 */

import { recognizeFile } from '../../../format/page/meta.ts';
import { FigaroError } from '../../../errors.ts';
import { viewOf } from '../../../format/byte-range.ts';
import { type Directory } from '../../../format/log/cursor.ts';
import { recordName } from '../../../format/log/layouts.ts';
import { type BodyOf } from '../../../format/log/record.ts';
import * as fileops from '../../../format/log/records/fileops.ts';
import { formatLsn, type Lsn } from '../../../format/lsn.ts';
import { bodyAs, type ScannedRecord } from '../../log/scanned-record.ts';
import { type ExternalFiles } from '../external-files.ts';
import { type FileTable } from '../file-table.ts';
import { type StoredFile } from '../page-store.ts';
import { isExternalFileName, isPassing, normalDirectory, parseExtentName } from '../../../format/names.ts';
import { leadsElsewhere, LogNames } from '../../environment/log-names.ts';
import { plainName, type Creations } from './creations.ts';

/** Codes of the records handled here. */
export const fileOperationCodes: ReadonlySet<number> = new Set([
  fileops.writeFile.code,
  fileops.inMemoryCreate.code,
  fileops.inMemoryRename.code,
  fileops.inMemoryRemove.code,
  fileops.fileRemove.code,
  fileops.create.code,
  fileops.remove.code,
  fileops.write.code,
  fileops.rename.code,
  fileops.renameNoUndo.code,
]);

export function isFileOperation(code: number): boolean {
  return fileOperationCodes.has(code);
}

type Rename = BodyOf<typeof fileops.rename>;

/** Fields in which a file operation may name a file. */
interface FileNames {
  readonly name?: string;
  readonly oldName?: string;
  readonly newName?: string;
  readonly uid?: string;
}

/** What a name in the log stands for. */
interface KnownName {
  /** Undefined for a file outside of all directories of the environment. */
  readonly inside: ReturnType<LogNames['inside']>;
  /** It is that of an extent of a queue. */
  readonly isExtent: boolean;
  /** It leads to something else in the environment. */
  readonly leadsElsewhere: boolean;
}

/** More names than these are not remembered. */
const mostKnown = 64;

/** A file that is needed and is not there. */
export interface MissingFile {
  /** To tell people. */
  readonly name: string;
  /** The record that says so. */
  readonly lsn: Lsn;
  /** True for one that is there at the restore point, and was removed after it and before it could be copied. */
  readonly isRemovedLater?: true;
}

/** What the log before has done to files. */
interface FilesBefore {
  /** Unique ids of those that it has made. */
  readonly made: ReadonlySet<string>;
  /** Names of those that native recovery would lose. */
  readonly lostNatively: readonly string[];
}

export class FileOperations {
  readonly #table: FileTable;
  readonly #creations: Creations;
  /** Temporary names whose file exists under another name already: its creation is over. */
  readonly #skipped = new Set<string>();
  /** Ids of files that are needed and are not there. */
  readonly missing = new Map<string, MissingFile>();
  /** Files that native recovery loses: created and renamed after the copy (E.3a). */
  readonly nativeWouldLose: Set<string>;
  /** Files that lost a name to one that had it already. */
  readonly #displaced = new Map<
    StoredFile,
    { readonly name: string; readonly logged: string; readonly by: StoredFile; readonly lsn: Lsn }
  >();

  readonly #external: ExternalFiles;
  readonly #names: LogNames;
  /** What was found out of the names that records had of late. */
  readonly #known = new Map<string, KnownName>();
  /** Inside the environment. */
  readonly #externalDirectory: string;

  /** Unique ids of files that are there because the log before has made them: native recovery begins without them. */
  readonly #made: ReadonlySet<string>;

  constructor(table: FileTable, creations: Creations, before?: FilesBefore) {
    this.#table = table;
    this.#made = before?.made ?? new Set();
    this.nativeWouldLose = new Set(before?.lostNatively);
    this.#external = table.externalFiles;
    this.#externalDirectory = normalDirectory(table.environment.config.externalFileDirectory);
    this.#creations = creations;
    this.#names = new LogNames(table.environment);
  }

  /** True for what the log calls by a name outside of the environment: it is nothing to a copy. */
  isElsewhere(logged: string): boolean {
    return this.#look(logged).inside === undefined;
  }

  /** Records that follow each other are mostly about one file. */
  #look(logged: string): KnownName {
    const known = this.#known.get(logged);
    if (known) return known;
    if (this.#known.size >= mostKnown) this.#known.clear();
    const inside = this.#names.inside(logged);
    const isExtent = inside !== undefined && parseExtentName(inside.name) !== undefined;
    const found = { inside, isExtent, leadsElsewhere: inside !== undefined && leadsElsewhere(inside.name) };
    this.#known.set(logged, found);
    return found;
  }

  #isOfElsewhere(record: ScannedRecord): boolean {
    const isOut = (logged: string | undefined): boolean => logged !== undefined && this.isElsewhere(logged);
    const { name, oldName, newName } = record.body as FileNames;
    return isOut(name) || isOut(oldName) || isOut(newName);
  }

  redo(record: ScannedRecord): void {
    if (this.#isOfElsewhere(record) || this.#noteExtent(record)) return;
    switch (record.code) {
      case fileops.create.code:
        return this.#create(bodyAs(record, fileops.create)!, record);
      case fileops.write.code:
        return this.#write(bodyAs(record, fileops.write)!, record);
      case fileops.rename.code:
      case fileops.renameNoUndo.code:
        return this.#rename(bodyAs(record, fileops.rename, fileops.renameNoUndo)!, record);
      case fileops.remove.code:
        return this.#remove(bodyAs(record, fileops.remove)!, record);
      case fileops.fileRemove.code:
        return this.#removePlaceholder(bodyAs(record, fileops.fileRemove)!, record);
      case fileops.writeFile.code: {
        const { name, directory, offset, newData, flags } = bodyAs(record, fileops.writeFile)!;
        const external = this.#name(name, directory, record);
        return this.#external.write(external, offset, viewOf(newData), flags, record.lsn);
      }
      default:
    }
  }

  undo(record: ScannedRecord): void {
    if (this.#isOfElsewhere(record) || this.#noteExtent(record)) return;
    switch (record.code) {
      case fileops.create.code: {
        const body = bodyAs(record, fileops.create)!;
        const name = this.#name(body.name, body.directory, record);
        const file = this.#table.byName(name);
        const uid = this.#creations.uidOf(body.name);
        if (uid !== undefined) this.missing.delete(uid);
        if (isExternalFile(body.name, body.directory)) this.#external.remove(name);
        else if (file) this.#table.remove(file);
        return;
      }
      case fileops.remove.code:
        return this.#undoRemove(bodyAs(record, fileops.remove)!, record);
      case fileops.rename.code:
        return this.#undoRename(bodyAs(record, fileops.rename)!, record);
      case fileops.writeFile.code: {
        const { name, directory, offset, oldData, flags } = bodyAs(record, fileops.writeFile)!;
        return this.#external.takeBack(this.#name(name, directory, record), offset, viewOf(oldData), flags);
      }
      default:
    }
  }

  /** Extents come and go with their queue. True when the record is about one. */
  #noteExtent(record: ScannedRecord): boolean {
    const isExtent = (logged: string | undefined): boolean => logged !== undefined && this.#look(logged).isExtent;
    const { name, oldName, newName, uid = '' } = record.body as FileNames;
    if (!isExtent(name) && !isExtent(oldName) && !isExtent(newName)) return false;
    const names = [name, oldName, newName]
      .filter((text) => text !== undefined)
      .map((text) => this.#look(text).inside!.name);
    this.#table.noteExtent(uid, names);
    return true;
  }

  #create(body: BodyOf<typeof fileops.create>, record: ScannedRecord): void {
    const name = this.#name(body.name, body.directory, record);
    if (isExternalFile(body.name, body.directory)) return this.#external.create(name, body.mode);
    const uid = this.#creations.uidOf(body.name);
    const there = uid === undefined ? undefined : this.#table.byUid(uid);
    if (there && there.name !== name) {
      this.#skipped.add(name);
      there.emptyExtents(record.lsn);
      return;
    }
    this.#skipped.delete(name);
    const { dataDirectory } = this.#look(body.name).inside!;
    if (body.directory === 'external-files') this.#table.createAt(name, '', body.mode);
    else if (dataDirectory !== undefined) this.#table.createAt(name, dataDirectory, body.mode);
    else this.#table.create(name, body.dataDirectory, body.mode);
  }

  #write(body: BodyOf<typeof fileops.write>, record: ScannedRecord): void {
    // The databases among external files are created there, but written as if they were data.
    const isExternal = normalDirectory(body.dataDirectory) === this.#externalDirectory;
    const name = this.#name(body.name, isExternal ? 'external-files' : body.directory, record);
    if (this.#skipped.has(name)) return;
    const file = this.#table.byName(name);
    if (!file) {
      // The log begins in the middle of a renaming or removal: its stand-in was made before, and nobody needs it any more.
      if (body.pgno === 0 && recognizeFile(viewOf(body.page)).kind === 'placeholder') return;
      // The log begins in the middle of its creation, which was over when the files were copied (F.1).
      const uid = this.#creations.earlierUidOf(body.name);
      if (uid !== undefined) {
        if (!this.#table.byUid(uid)) this.missing.set(uid, { name, lsn: record.lsn });
        return;
      }
      throw new FigaroError(
        'not-recoverable',
        `log record ${formatLsn(record.lsn)} writes to ${name}, which does not exist`,
        { path: name, lsn: formatLsn(record.lsn) },
      );
    }
    const before = file.uid;
    file.writeRaw(viewOf(body.page), body.pgno * body.pageSize + body.offset);
    this.#table.identify(file, before);
  }

  #rename(body: Rename, record: ScannedRecord): void {
    const oldName = this.#name(body.oldName, body.directory, record);
    const newName = this.#name(body.newName, body.directory, record);
    const file = this.#table.byUid(body.uid);
    if (!file || (file.name !== undefined && file.name !== oldName)) return;
    if (
      (!this.#table.initialUids.has(body.uid) || this.#made.has(body.uid)) &&
      this.#creations.uidOf(body.oldName) === undefined &&
      !isPassing(newName)
    ) {
      this.nativeWouldLose.add(newName);
    }
    const occupant = this.#table.byName(newName);
    if (occupant && occupant !== file) {
      if (occupant.isPlaceholder || occupant.isEmpty) {
        this.#table.remove(occupant);
      } else if (this.#table.isInitial(occupant)) {
        // A later file of that name: this one was renamed or removed again before it came.
        this.#displaced.set(file, {
          name: newName,
          logged: plainName(body.newName),
          by: occupant,
          lsn: record.lsn,
        });
        this.#table.displace(file);
        return;
      }
    }
    this.#table.rename(file, newName);
  }

  /**
   * To be called when redo is over. Throws `chain-mismatch` for a file without a name when the log gives that to nobody after
   * it: then the file that has it was there before, and was removed without the log.
   */
  requireNamed(file: StoredFile): void {
    const displaced = this.#displaced.get(file);
    if (!displaced) return;
    const { name, logged, by, lsn } = displaced;
    if (by.uid !== undefined && this.#creations.givesLater(by.uid, logged, lsn)) return;
    throw new FigaroError(
      'chain-mismatch',
      `${name}: log record ${formatLsn(lsn)} gives the name to another database than the one that was copied, which the log does not remove`,
      {
        path: name,
        lsn: formatLsn(lsn),
        hint: 'the file was removed or replaced without the library. Take a full backup; of a copy made by hand, put the older file aside: the log creates the newer one.',
      },
    );
  }

  /** Puts a file that an unfinished transaction renamed, perhaps to remove it, back (E.3b). */
  #undoRename(body: Rename, record: ScannedRecord): void {
    const oldName = this.#name(body.oldName, body.directory, record);
    const newName = this.#name(body.newName, body.directory, record);
    const occupant = this.#table.byName(oldName);
    const file = this.#table.byUid(body.uid);
    if (!file) {
      const missing = this.missing.get(body.uid);
      // The stand-in is there and the file is not: it has to come back from the log.
      if (missing) this.missing.set(body.uid, { ...missing, name: oldName });
      else if (occupant?.isPlaceholder) this.missing.set(body.uid, { name: oldName, lsn: record.lsn });
      return;
    }
    if (file.name !== newName) return;
    if (occupant && occupant !== file) {
      if (!occupant.isPlaceholder) {
        throw new FigaroError(
          'not-recoverable',
          `${oldName}: an unfinished transaction renamed it to ${newName}, and another file has its name`,
          { path: oldName, lsn: formatLsn(record.lsn), hint: 'the files are not of one moment. Use another copy.' },
        );
      }
      this.#table.remove(occupant);
    }
    this.#table.rename(file, oldName);
  }

  #remove(body: BodyOf<typeof fileops.remove>, record: ScannedRecord): void {
    const name = this.#name(body.name, body.directory, record);
    if (isExternalFile(body.name, body.directory)) return this.#external.remove(name);
    const file = body.uid === '' ? this.#table.byName(name) : this.#table.byUid(body.uid);
    this.missing.delete(body.uid);
    if (file) this.#table.remove(file);
  }

  /**
   * A removal is logged when it is certain, and no record has what was in the file: where it was made before the file was
   * copied, the file has to be in the log from its creation on.
   */
  #undoRemove(body: BodyOf<typeof fileops.remove>, record: ScannedRecord): void {
    const name = this.#name(body.name, body.directory, record);
    if (isExternalFile(body.name, body.directory)) return this.#external.takeBackRemoval(name, record.lsn);
    if (body.uid === '' || this.#table.byUid(body.uid)) return;
    this.missing.set(body.uid, { name, lsn: record.lsn, isRemovedLater: true });
  }

  #removePlaceholder(body: BodyOf<typeof fileops.fileRemove>, record: ScannedRecord): void {
    const name = this.#name(body.name, body.directory, record);
    const file = this.#table.byName(name);
    if (file && (file.uid === body.placeholderUid || file.uid === body.realUid)) this.#table.remove(file);
  }

  #name(name: string, directory: Directory, record: ScannedRecord): string {
    if (directory === 'external-files') {
      return `${this.#externalDirectory}/${checkedName(plainName(name), record)}`;
    }
    if (directory !== 'data' && directory !== 'none' && directory !== 'meta') {
      throw unsupported(record, `files in the ${directory} directory`);
    }
    const { inside, leadsElsewhere: isOut } = this.#look(name);
    if (isOut) throw leadsOut(inside!.name, record);
    return inside!.name;
  }
}

/** True for a file that holds a value, and not one of the databases beside them. */
function isExternalFile(name: string, directory: Directory): boolean {
  return directory === 'external-files' && isExternalFileName(name);
}

/** A name in a log is never followed out of the environment. */
function checkedName(name: string, record: ScannedRecord): string {
  if (leadsElsewhere(name)) throw leadsOut(name, record);
  return name;
}

function leadsOut(name: string, record: ScannedRecord): FigaroError {
  return new FigaroError(
    'format-unsupported',
    `log record ${formatLsn(record.lsn)} names the file ${JSON.stringify(name)}, outside of the environment`,
    {
      lsn: formatLsn(record.lsn),
      hint: 'recovering such an environment would write to the original place, so it is refused.',
    },
  );
}

function unsupported(record: ScannedRecord, what: string): FigaroError {
  return new FigaroError(
    'format-unsupported',
    `log record ${formatLsn(record.lsn)} (${recordName(record.code)}) is about ${what}, which cannot be recovered yet`,
    { lsn: formatLsn(record.lsn), hint: 'use `recover --engine native` with an installed db_recover.' },
  );
}
