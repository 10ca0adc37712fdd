import { register, registerBefore61 } from '../../format/log/records/dbreg.ts';
import { create, rename, renameNoUndo } from '../../format/log/records/fileops.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';

/** The unique ids of the databases that a stretch of the log creates, whether or not the transaction committed. */
export class CreatedDatabases implements LogObserver {
  readonly #names = new Set<string>();
  readonly #uids = new Set<string>();

  see(record: ScannedRecord): void {
    const created = bodyAs(record, create);
    if (created) this.#names.add(created.name);
    const renamed = bodyAs(record, rename, renameNoUndo);
    if (renamed && this.#names.has(renamed.oldName)) this.#uids.add(renamed.uid);
    const registered = bodyAs(record, register, registerBefore61);
    // A registration that names the transaction which creates the file.
    if (registered && registered.createdBy !== 0) this.#uids.add(registered.uid);
  }

  has(uid: string): boolean {
    return this.#uids.has(uid);
  }

  /** True for the name under which a file was made; a transaction gives it a lasting one later. */
  hasMade(name: string): boolean {
    return this.#names.has(name);
  }
}
