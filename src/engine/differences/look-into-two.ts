/** Two states of an environment, recovered in memory beside each other: nothing is written anywhere. */

import { FigaroError } from '../../errors.ts';
import { databaseOfPartition, normalDirectory } from '../../format/names.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { requireCounts } from '../given.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { whileStill } from '../recovery/seen-container.ts';
import { recoveredFiles, filesAsTheyAre } from '../recovery/recovered-files.ts';
import { type Scope } from '../recovery/recovery.ts';
import { defaultCacheBytes, prepareRecovery, rehearse, type RecoveredState } from '../recovery/rehearse.ts';
import { namesAtTheEnd, namesIn, withoutOthersDamage } from '../recovery/select-containers.ts';
import { type PageSet } from './page-set.ts';
import { type Side } from './sides.ts';
import { type Look, type PreparedSide, type SeenState } from './two-states.ts';
import { touchedPages, type TouchedPages } from './touched-pages.ts';

export interface TwoOptions {
  /** Only these containers, by their names in either state. */
  readonly only?: readonly string[] | undefined;
  /** Memory for the pages of both, in bytes. */
  readonly cacheBytes?: number | undefined;
  /**
   * For states of which a recovery is known to succeed: recover only those pages that are read, where that is possible. Where it is found
   * out late that it is not, the look is repeated, as `TwoStates` says.
   */
  readonly isOnDemand?: boolean | undefined;
  readonly watch: Watch;
}

/**
 * Recovers two states as far as they can differ, and has them looked at. Throws `container-missing` for a name that neither has,
 * `restore-point-unreachable`, `environment-changed`, and whatever keeps one of them from being recovered.
 */
export async function lookIntoTwo<T>(
  from: Side,
  to: Side,
  { only, cacheBytes = defaultCacheBytes, isOnDemand = false, watch }: TwoOptions,
  look: Look<T>,
): Promise<T> {
  requireCounts({ cacheBytes });
  const isPart = only !== undefined;
  const one = await prepare(from, only, watch);
  const other = await prepare(to, only, watch);
  const touched = await touchedIn(one, other, watch);
  const wanted = isPart ? await uidsOf(one, other, only, watch) : undefined;
  const mayDiffer = (uid: string): PageSet | 'none' | 'any' => {
    const isSame = isSameFile(uid, one.environment, other.environment);
    if (!touched) return isSame && !one.prepared && !other.prepared ? 'none' : 'any';
    if (!isSame && (touched.notDurable.has(uid) || !touched.knows(uid))) return 'any';
    return touched.pages.get(uid) ?? 'none';
  };
  if (isOnDemand && touched) {
    const shown: Scope = { has: (uid) => wanted?.has(uid) ?? true };
    const scope: Scope = { has: (uid) => shown.has(uid) && mayDiffer(uid) !== 'none' };
    const { lookOnDemand } = await import('./two-on-demand.ts');
    const found = await lookOnDemand(one, other, { scope, shown, mayDiffer, cacheBytes, watch }, look);
    if (found) return found.value;
  }
  // Files with other names are not known before both are recovered.
  const added = new Set<string>();
  const scope: Scope = { has: (uid) => (wanted?.has(uid) ?? true) && (added.has(uid) || mayDiffer(uid) !== 'none') };
  for (;;) {
    throwIfStopped(watch);
    const options = { scope, isPart, cacheBytes: Math.ceil(cacheBytes / 2), watch };
    const result = await within(one, options, (seenFrom) =>
      within(other, options, async (seenTo) => {
        const needed = [...otherwise(seenFrom, seenTo), ...beside(seenFrom, scope), ...beside(seenTo, scope)];
        const lacking = needed.filter((uid) => (wanted?.has(uid) ?? true) && !scope.has(uid));
        if (lacking.length > 0) return { lacking };
        return { value: await look({ from: chosen(seenFrom, wanted), to: chosen(seenTo, wanted), mayDiffer }) };
      }),
    );
    if ('value' in result) return result.value;
    for (const uid of result.lacking) added.add(uid);
  }
}

async function prepare(side: Side, only: readonly string[] | undefined, watch: Watch): Promise<PreparedSide> {
  const { files, restorePoint } = side;
  const environment = only ? withoutOthersDamage(side.environment, only) : side.environment;
  if (filesOfKind(environment, 'log').length > 0) {
    const prepared = await prepareRecovery(files, environment, { restorePoint, isPart: only !== undefined, watch });
    return { ...side, environment, prepared };
  }
  if (restorePoint.kind !== 'end') {
    throw new FigaroError('restore-point-unreachable', 'there is no log: containers can be read only as they are');
  }
  return { ...side, environment, prepared: undefined };
}

async function touchedIn(one: PreparedSide, other: PreparedSide, watch: Watch): Promise<TouchedPages | undefined> {
  if (!one.prepared || !other.prepared) return undefined;
  return await touchedPages(
    { files: one.files, prepared: one.prepared },
    { files: other.files, prepared: other.prepared },
    watch,
  );
}

/** The unique ids of the containers that were asked for, and of files beside them. */
async function uidsOf(
  one: PreparedSide,
  other: PreparedSide,
  only: readonly string[],
  watch: Watch,
): Promise<ReadonlySet<string>> {
  const names = await Promise.all([one, other].map((side) => namesOf(side, watch)));
  const wanted = new Set(only.map(normalDirectory));
  for (const name of wanted) {
    if (names.some((known) => known.has(name))) continue;
    const containers = [...new Set(names.flatMap((known) => [...known.keys()]))].sort();
    throw new FigaroError('container-missing', `${name}: there is no container of this name in either state`, {
      path: name,
      hint: containers.length === 0 ? 'there is none at all.' : `there is ${containers.join(', ')}.`,
    });
  }
  return new Set(names.flatMap((known) => [...known].filter(([name]) => isWith(name, wanted)).map(([, uid]) => uid)));
}

function isWith(name: string, wanted: ReadonlySet<string>): boolean {
  return wanted.has(name) || wanted.has(databaseOfPartition(name) ?? name);
}

async function namesOf(
  { files, environment, prepared }: PreparedSide,
  watch: Watch,
): Promise<ReadonlyMap<string, string>> {
  if (prepared) return await namesAtTheEnd(files, environment, prepared, watch);
  return namesAsTheyAre(environment);
}

function namesAsTheyAre(environment: Environment): ReadonlyMap<string, string> {
  return new Map(filesOfKind(environment, 'database').map(({ name, uid }) => [name, uid]));
}

/** True when both are recovered from the same bytes. */
function isSameFile(uid: string, one: Environment, other: Environment): boolean {
  const in1 = filesOfKind(one, 'database').find((file) => file.uid === uid);
  const in2 = filesOfKind(other, 'database').find((file) => file.uid === uid);
  return in1?.path === in2?.path;
}

interface WithinOptions {
  readonly scope: Scope;
  readonly isPart: boolean;
  readonly cacheBytes: number;
  readonly watch: Watch;
}

async function within<T>(
  { files, environment, prepared }: PreparedSide,
  options: WithinOptions,
  look: (seen: SeenState) => Promise<T>,
): Promise<T> {
  if (!prepared) {
    const databases = namesAsTheyAre(environment);
    const seen = { files: filesAsTheyAre(files, environment), databases, commit: undefined };
    return await whileStill(files, environment, options.scope, () => look(seen));
  }
  let result: { readonly value: T } | undefined;
  const inspect = async (state: RecoveredState): Promise<void> => {
    const { limit, commits } = prepared.analysis;
    const databases = new Map(namesIn(state.table));
    const seen = { files: recoveredFiles(files, state), databases, commit: limit ?? commits.last };
    result = { value: await whileStill(files, environment, options.scope, () => look(seen)) };
  };
  await rehearse(files, environment, { ...options, prepared, inspect });
  return result!.value;
}

function chosen(seen: SeenState, wanted: ReadonlySet<string> | undefined): SeenState {
  if (!wanted) return seen;
  return { ...seen, databases: new Map([...seen.databases].filter(([, uid]) => wanted.has(uid))) };
}

/** Files of which the two states have different names, or one has none. */
function* otherwise(one: SeenState, other: SeenState): Generator<string> {
  for (const [some, others] of [
    [one.databases, other.databases],
    [other.databases, one.databases],
  ] as const) {
    for (const [name, uid] of some) if (others.get(name) !== uid) yield uid;
  }
}

/** The files of a database in partitions of which one is in scope. */
function* beside({ databases }: SeenState, scope: Scope): Generator<string> {
  const whole = new Set<string>();
  for (const [name, uid] of databases) {
    const database = databaseOfPartition(name);
    if (database !== undefined && scope.has(uid)) whole.add(database);
  }
  for (const [name, uid] of databases) if (whole.has(databaseOfPartition(name) ?? name)) yield uid;
}
