/** Filling a new set: copying the files, proving them, and what the manifest says. */

import { isToldGone, bringsNothing, isProven } from './nothing-new.ts';
import { layerEnvironments } from '../environment/layers.ts';
import { type GoneDatabase, type Manifest } from '../repository/manifest.ts';
import { copyHot } from './hot.ts';
import { type Environment, logPaths } from '../environment/environment.ts';
import { exclusionOf, filesTaken, excludedFrom, chainEnvironment, isUnsound } from '../repository/chain.ts';
import { keepAttributes, type EnvironmentCopy } from './environment-copy.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { type NewSet } from '../repository/repository.ts';
import { findGoneFromChain, warningsOfGone, findGone } from './gone.ts';
import { BackupPlan } from './plan.ts';
import { type BackupKind, type NothingNew, type BackupParts } from './backup-options.ts';
import { describeFiles, settingsOf } from '../repository/set-environment.ts';
import { findOpaque } from '../environment/opaque.ts';
import { findState } from '../proofs/prove-chain.ts';
import { proveSet, type SetProof } from './prove-set.ts';
import { describeSet } from './describe-set.ts';
import { type IncrementalCopy, copyIncremental } from './incremental.ts';
import { copyOffline } from './offline.ts';
import { summarize } from '../environment/left-out.ts';
import { excludedDatabases, warningsOfExcluded } from './excluded.ts';
import { type Files } from '../files/files.ts';
import { KeptContents } from '../files/kept-contents.ts';
import { SyncsBeside } from '../files/syncs-beside.ts';
import { throwIfStopped } from '../pause.ts';
import { isClosed } from '../../errors.ts';

/** More of them in a manifest say nothing new. */
const mostFindings = 1000;

type Filled = { readonly manifest: Manifest } | Pick<NothingNew, 'warnings'>;

/** Copies the files and proves them, while they are synced. Returns what the manifest says of it, or what is to be told when nothing is new. */
export async function fillSet(files: Files, set: NewSet, parts: BackupParts): Promise<Filled> {
  const syncs = new SyncsBeside(files, { directory: set.directory });
  try {
    const watch = { ...parts.watch, room: () => syncs.room() };
    const filled = await copyAndProve(files, syncs, set, { ...parts, watch });
    await syncs.finish();
    // That may have taken long.
    throwIfStopped(watch);
    return filled;
  } finally {
    await syncs.stop();
  }
}

async function copyAndProve(files: Files, syncs: SyncsBeside, set: NewSet, parts: BackupParts): Promise<Filled> {
  const kept = new KeptContents(set.environment);
  const copying = kept.writing(syncs.files);
  const { kind, home, environment, chain, choice, insideNames, exclude = [] } = parts;
  const before = chain && chainEnvironment(files, chain);
  const proven = chain && findState(files, set.repository, chain);
  const plan = new BackupPlan(kind, before ?? environment);
  const watch = { ...parts.watch, plan };
  const following =
    chain && before
      ? await copyIncremental(copying, home, { chain, before, proven, set, watch, choice, onRoom: parts.onRoom })
      : undefined;
  const copy: EnvironmentCopy & Partial<IncrementalCopy> =
    following ??
    (kind === 'hot'
      ? await copyHot(copying, home, set, { ...parts, watch, choice })
      : await copyOffline(copying, home, set, { ...parts, watch, choice }));
  syncs.begin();
  keepAttributes(files, environment, copy.files, set.environment);
  // Nobody writes to the copies any more.
  const written = kept.reading(files);
  const found = discoverEnvironment(written, set.environment, { choice: filesTaken(copy.files), wanted: 'copy' });
  const withoutLog = copy.withoutLog ? { withoutLog: copy.withoutLog } : {};
  const copied = { ...found, ...withoutLog, originalHome: home, insideNames };
  const exclusion = chain ? exclusionOf(chain) : exclude.length > 0 ? { excludes: choice.excludes } : {};
  const whole = { ...(before ? layerEnvironments([before, copied]) : copied), ...exclusion };
  const settings = settingsOf(written, set.environment);
  const described = { ...copy, files: describeFiles(copy.files, found) };
  const isUnread = findOpaque(written, whole) !== undefined;
  const look = (): Environment => discoverEnvironment(files, home, { choice, isGlance: true });
  const missing = chain
    ? findGoneFromChain(files, chain, whole, { isOpaque: isUnread, proven }, look)
    : goneFrom(files, copy, isUnread, parts);
  const gone = missing.filter(({ path: name }) => !choice.excludes(name));
  const told = [...parts.notes, ...warningsOfGone(gone)];
  const unread = isUnread ? [unreadWarning(home, kind)] : [];
  const nothing =
    following && bringsNothing(following, chain!) && isToldGone(gone, chain!)
      ? { warnings: [...following.warnings, ...told, ...warningsOfExcluded(excludedFrom(chain!.sets)), ...unread] }
      : undefined;
  if (nothing && isProven(chain!, isUnread)) return nothing;
  // The proof: recovery of the set, in memory, over the files just written.
  plan.beginProof(whole);
  const outcome = isUnread ? 'opaque' : await proveUnlessLocked(written, whole, copy, set, { ...parts, watch });
  // The next one would be no better proven, either.
  if (nothing && outcome === 'locked' && chain!.sets.at(-1)!.manifest.unread) return nothing;
  const proof = typeof outcome === 'string' ? undefined : outcome;
  const report = proof?.report;
  const recovered = new Set(report?.databases);
  const findings = [...copy.findings, ...(proof?.findings ?? [])];
  const unexplained = (copy.unexplained ?? [])
    .filter(({ logName }) => !recovered.has(logName))
    .map(
      ({ path: file }) =>
        `${file} is not part of the chain: it was copied into the environment, or its creation is not committed. If this is said again, take a full backup`,
    );
  const excluded = excludedDatabases(copy, { report, missing, chain, before, choice });
  const created = (copy.created ?? [])
    .filter(({ logName }) => recovered.has(logName))
    .map(({ name, uid }) => ({ path: name, databaseId: uid }));
  const warnings = [...told, ...warningsOfExcluded(excluded), ...unread, ...unexplained, ...(proof?.notes ?? [])];
  const manifest: Manifest = {
    ...describeSet(set, parts, described, outcome, warnings),
    settings,
    ...(created.length > 0 ? { created } : {}),
    ...(gone.length > 0 ? { gone } : {}),
    ...(exclude.length > 0 || excluded.length > 0 ? { excluded: { patterns: exclude, databases: excluded } } : {}),
    ...(parts.newSource ? { newSource: true as const } : {}),
    ...withoutLog,
    ...(proof ? {} : { unread: true }),
    ...(findings.length > 0 ? { unsound: findings.slice(0, mostFindings) } : {}),
  };
  return { manifest };
}

/**
 * The proof of a set; `locked` where nobody here can read the sets before it: the manifest says so, and whoever
 * can may rehearse the recovery. A machine that backs up every quarter of an hour is not told each time.
 */
async function proveUnlessLocked(
  files: Files,
  whole: Environment,
  copy: EnvironmentCopy,
  set: NewSet,
  parts: BackupParts,
): Promise<SetProof | 'locked'> {
  try {
    return await proveSet(files, whole, copy, set, parts);
  } catch (error) {
    // That of the environment was needed before.
    if (parts.chain && isClosed(error)) return 'locked';
    throw error;
  }
}

function unreadWarning(home: string, kind: BackupKind): string {
  const unchecked =
    kind === 'incremental'
      ? 'log records could not be checked'
      : 'pages were read twice, but neither they nor log records could be checked';
  return `${home} is encrypted and was copied without the password: ${unchecked}, and recovery was not rehearsed. Use --password-file, here or with verify --rehearse`;
}

/** What the newest sound chain of this source has, and the new full set has not. */
function goneFrom(
  files: Files,
  copy: EnvironmentCopy,
  isOpaque: boolean,
  { home, environment, earlier, acceptMissing, newSource, keepDamaged }: BackupParts,
): GoneDatabase[] {
  const before = earlier.findLast(({ sets: [full] }) => !isUnsound(full!) && full!.manifest.source === home);
  if (!before || !copy.removed || acceptMissing === true || newSource === true) return [];
  const leftOut = summarize(copy.leftOut);
  const chains = new Set(earlier.map(({ id }) => id));
  const databases = copy.files.flatMap(({ path: name, databaseId }) =>
    databaseId === undefined ? [] : [{ path: name, databaseId }],
  );
  return findGone(files, before, {
    source: home,
    databases,
    leftOut,
    removed: copy.removed,
    sourceLog: logPaths(environment),
    firstCopied: copy.log?.firstFile,
    isOpaque,
    chains,
    keepDamaged,
  });
}
