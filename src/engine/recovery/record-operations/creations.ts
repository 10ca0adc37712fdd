/** Which files a log creates, and which it removes that nobody has (recovery document, section E). */

import * as fileops from '../../../format/log/records/fileops.ts';
import { compareLsn, type Lsn } from '../../../format/lsn.ts';
import { parseExtentName } from '../../../format/names.ts';
import { type Environment } from '../../environment/environment.ts';
import { LogNames } from '../../environment/log-names.ts';
import { type LogObserver } from '../../log/log-observer.ts';
import { bodyAs, type ScannedRecord } from '../../log/scanned-record.ts';

/** A file has got a name. */
interface Renamed {
  readonly uid: string;
  readonly name: string;
  readonly lsn: Lsn;
}

/** Codes of the records that create or rename a file. */
const naming: ReadonlySet<number> = new Set([fileops.create.code, fileops.rename.code, fileops.renameNoUndo.code]);

/** The files that a log creates: unique id by the temporary name they are created under. */
export class Creations implements LogObserver {
  readonly #uids = new Map<string, string>();
  readonly #made = new Set<string>();
  /** Unique ids of files that were created before the log begins and renamed in it, by their old name. */
  readonly #earlier = new Map<string, string>();
  readonly #renamed: Renamed[] = [];
  /** By unique id and name, where a file last got the name: made when somebody asks, and hardly ever. */
  #named: Map<string, Lsn> | undefined;

  /** Takes note of a record during analysis, whatever the fate of its transaction. */
  see(record: ScannedRecord): void {
    // Most are writes.
    if (!naming.has(record.code)) return;
    const created = bodyAs(record, fileops.create);
    if (created) this.#uids.set(plainName(created.name), '');
    const renamed = bodyAs(record, fileops.rename, fileops.renameNoUndo);
    if (!renamed) return;
    this.#renamed.push({ uid: renamed.uid, name: renamed.newName, lsn: record.lsn });
    this.#named = undefined;
    const oldName = plainName(renamed.oldName);
    const known = this.#uids.get(oldName);
    if (known === '') {
      this.#uids.set(oldName, renamed.uid);
      this.#made.add(renamed.uid);
    }
    if (known === undefined) this.#earlier.set(oldName, renamed.uid);
  }

  /** Unique id of the file created under a name; undefined when the log does not tell, or creates none. */
  uidOf(name: string): string | undefined {
    return this.#uids.get(plainName(name)) || undefined;
  }

  /** True when the log creates a file, as far as it has been seen. */
  hasMade(uid: string): boolean {
    return this.#made.has(uid);
  }

  /** True when the log gives a file a name after `lsn`. */
  givesLater(uid: string, name: string, lsn: Lsn): boolean {
    this.#named ??= new Map(this.#renamed.map((to) => [`${to.uid} ${plainName(to.name)}`, to.lsn]));
    const named = this.#named.get(`${uid} ${name}`);
    return named !== undefined && compareLsn(named, lsn) > 0;
  }

  /** The same of a file whose creation begins before the log. */
  earlierUidOf(name: string): string | undefined {
    return this.#earlier.get(plainName(name));
  }
}

/** Tells removals of databases that the log does not create, and that were gone when the environment was copied. */
export class RemovedUnseen {
  readonly #uids: ReadonlySet<string>;
  readonly #creations: Creations;
  readonly #names: LogNames;

  constructor(environment: Environment, creations: Creations) {
    this.#uids = new Set(environment.files.map(({ uid }) => uid).filter((uid) => uid !== undefined));
    this.#creations = creations;
    this.#names = new LogNames(environment);
  }

  /** The unique id of the file that a record removes, if it is needed until that commits, and is not there. */
  missedUntil(record: ScannedRecord): string | undefined {
    const removed = bodyAs(record, fileops.remove);
    if (!removed || removed.uid === '' || removed.directory === 'external-files') return undefined;
    if (this.#uids.has(removed.uid) || this.#creations.hasMade(removed.uid)) return undefined;
    const inside = this.#names.inside(removed.name);
    return inside !== undefined && !parseExtentName(inside.name) ? removed.uid : undefined;
  }
}

/** A name as it is compared. */
export function plainName(name: string): string {
  // Most are plain as they are.
  if (!name.startsWith('.') && !name.includes('\\')) return name;
  return name.replaceAll('\\', '/').replace(/^(\.\/)+/, '');
}
