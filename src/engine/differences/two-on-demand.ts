/** Two states of an environment of which only those pages are recovered that are read, where the log says which pages can differ. */

import { FigaroError } from '../../errors.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { databaseOfPartition } from '../../format/names.ts';
import { type Watch } from '../pause.ts';
import { lastLsn } from '../recovery/analysis.ts';
import { FileOnDemand } from '../recovery/on-demand/file-on-demand.ts';
import { NotOnDemand } from '../recovery/on-demand/not-on-demand.ts';
import { whileStill } from '../recovery/seen-container.ts';
import { filesOf } from '../recovery/recovered-files.ts';
import { type Scope } from '../recovery/recovery.ts';
import { withFilesAtTheEnd } from '../recovery/rehearse.ts';
import { namesIn, nameInside } from '../recovery/select-containers.ts';
import { type Look, type PreparedSide, type SeenState, type TwoStates } from './two-states.ts';

interface OnDemandOptions {
  /** Files whose pages are read. */
  readonly scope: Scope;
  /** Files that are shown. */
  readonly shown: Scope;
  readonly mayDiffer: TwoStates['mayDiffer'];
  /** Memory for records and pages of both, in bytes. */
  readonly cacheBytes: number;
  readonly watch: Watch;
}

/** For each file, the log is gone through on its own. */
const mostFiles = 8;

/**
 * Has two states looked at whose pages are recovered when they are read. Undefined where that is not enough, for whatever reason: nobody
 * has been told anything then.
 */
export async function lookOnDemand<T>(
  one: PreparedSide,
  other: PreparedSide,
  options: OnDemandOptions,
  look: Look<T>,
): Promise<{ readonly value: T } | undefined> {
  let isSure = false;
  const beSure = (): void => void (isSure = true);
  const { mayDiffer } = options;
  try {
    const isOrdered = compareLsn(endOf(one), endOf(other)) <= 0;
    const [earlier, later] = isOrdered ? [one, other] : [other, one];
    return await within(earlier, options, undefined, (before, opened) =>
      within(later, options, opened, async (after) => {
        requireSameNames(before, after);
        requireSameNames(after, before);
        const [from, to] = isOrdered ? [before, after] : [after, before];
        return { value: await look({ from, to, mayDiffer, beSure }) };
      }),
    );
  } catch (error) {
    // What is wrong is told by a recovery of everything.
    const isTold = error instanceof FigaroError && error.code !== 'interrupted';
    if (isSure || !(isTold || error instanceof NotOnDemand)) throw error;
    return undefined;
  }
}

function endOf({ prepared }: PreparedSide): Lsn {
  if (!prepared) throw new NotOnDemand('there is no log');
  return lastLsn(prepared.analysis);
}

/** The files of a state, by their names. */
type OpenedFiles = ReadonlyMap<string, FileOnDemand>;

function requireSameNames({ databases }: SeenState, other: SeenState): void {
  for (const [name, uid] of databases) {
    if (other.databases.get(name) !== uid) throw new NotOnDemand(`${name} is another file`);
    if (databaseOfPartition(name) !== undefined) throw new NotOnDemand(`${name} is a part of a database`);
  }
}

async function within<T>(
  { files, environment, prepared }: PreparedSide,
  { scope, shown, cacheBytes, watch }: OnDemandOptions,
  earlier: OpenedFiles | undefined,
  look: (seen: SeenState, opened: OpenedFiles) => Promise<T>,
): Promise<T> {
  if (!prepared) throw new NotOnDemand('there is no log');
  return await withFilesAtTheEnd(files, environment, prepared, watch, async (found) => {
    const chosen = [...found.table].filter(({ uid }) => uid !== undefined && scope.has(uid));
    if (chosen.length > mostFiles) throw new NotOnDemand('many files');
    const options = { cacheBytes: cacheBytes / 2 / Math.max(1, chosen.length), watch };
    const opened = new Map<string, FileOnDemand>();
    try {
      for (const file of chosen) {
        const name = nameInside(file);
        if (name === undefined) continue;
        const before = earlier?.get(name);
        const shownAt = before
          ? await before.openLater(files, environment, prepared, found, file, options)
          : await FileOnDemand.open(files, environment, prepared, found, file, options);
        opened.set(name, shownAt);
      }
      const { limit, commits } = prepared.analysis;
      const databases = new Map([...namesIn(found.table)].filter(([, uid]) => shown.has(uid)));
      const seen = { files: filesOf(files, opened), databases, commit: limit ?? commits.last };
      return await whileStill(files, environment, scope, () => look(seen, opened));
    } finally {
      for (const file of opened.values()) file.close();
    }
  });
}
