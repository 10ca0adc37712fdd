import { register, registerBefore61 } from '../../format/log/records/dbreg.ts';
import { rename, renameNoUndo } from '../../format/log/records/fileops.ts';
import { type LogObserver } from './log-observer.ts';
import { bodyAs, type ScannedRecord } from './scanned-record.ts';

/** The names under which a log knows databases, by unique id. */
export class DatabaseNames implements LogObserver {
  readonly #names = new Map<string, string[]>();

  static readonly notedCodes: readonly number[] = [register, registerBefore61, rename, renameNoUndo].map(
    ({ code }) => code,
  );

  see(record: ScannedRecord): void {
    if (!DatabaseNames.notedCodes.includes(record.code)) return;
    const registered = bodyAs(record, register, registerBefore61);
    if (registered) return this.#add(registered.uid, registered.name);
    const renamed = bodyAs(record, rename, renameNoUndo);
    if (renamed) this.#add(renamed.uid, renamed.newName);
  }

  #add(uid: string, name: string): void {
    const names = this.#names.get(uid);
    if (!names) this.#names.set(uid, [name]);
    else if (names.at(-1) !== name) names.push(name);
  }

  /** Its names, the latest last; none for a database that the log does not know. */
  of(uid: string): readonly string[] {
    return this.#names.get(uid) ?? [];
  }
}
