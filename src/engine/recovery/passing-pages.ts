import { checkEnvironment } from '../database/check-environment.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { requireSound, type StructureReport } from '../structure/report.ts';
import { checkStored } from './check-stored.ts';
import { type StoredFile } from './page-store.ts';

/**
 * Pages that were copied as they were between the two changes of one operation (format document, 7.2). The log has to bring them further:
 * they are looked at again when that is done, and are damaged then, whatever else is checked.
 */
export class PassingPages {
  readonly #pgnos = new Map<string, number[]>();

  get isEmpty(): boolean {
    return this.#pgnos.size === 0;
  }

  /** @param uid of the database: its name may be another one in the end */
  add(uid: string, pgno: number): void {
    const pgnos = this.#pgnos.get(uid);
    if (pgnos) pgnos.push(pgno);
    else this.#pgnos.set(uid, [pgno]);
  }

  readonly #of = (uid = ''): readonly number[] => this.#pgnos.get(uid) ?? [];

  /** Throws `not-recoverable` for one that is damaged in files as recovery has them in memory. */
  async requireFurther(recovered: Iterable<StoredFile>, watch: Watch): Promise<void> {
    requireNone(await checkStored(recovered, { watch }, ({ uid }) => this.#of(uid)));
  }

  /** As `requireFurther`, in an environment on disk. */
  async requireFurtherIn(files: Files, environment: Environment, watch: Watch): Promise<void> {
    requireNone(await checkEnvironment(files, environment, { watch }, this.#of));
  }
}

/** That nothing else is checked, as was asked for, does not help here: the hint is not to say so. */
function requireNone(found: StructureReport): void {
  requireSound(found, 'the result');
}
