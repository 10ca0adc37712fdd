/** Which chain of a repository a restore point is in. */

import { commit, txnOpcode } from '../../format/log/records/txn.ts';
import { FigaroError } from '../../errors.ts';
import { compareLsn, type Lsn } from '../../format/lsn.ts';
import { formatCommit } from '../../measures.ts';
import { logPaths } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { openLog, type Log } from '../log/log-files.ts';
import { scanLog } from '../log/scan.ts';
import { bodyAs } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { chainEnvironment, chainsOf, isUnsound, type Chain } from '../repository/chain.ts';
import { coveredUntil } from '../repository/covered.ts';
import { analyse } from './analysis.ts';
import { describePoint, requireMoment, type RestorePoint, type RestoreWindow } from './restore-point.ts';

/** A chain as the choice sees it. */
interface Candidate {
  readonly chain: Chain;
  readonly window: RestoreWindow;
}

/**
 * The newest chain that covers a restore point; undefined where there is nothing to choose from. Manifests tell which one does;
 * for a transaction, and for sets that were copied without the password, logs are read, from the newest chain on. Throws
 * `restore-point-unreachable` when several chains cover all sorts of moments, and none this one.
 */
export async function chainOfPoint(
  files: Files,
  sets: readonly BackupSet[],
  point: RestorePoint,
  watch: Watch,
): Promise<Chain | undefined> {
  requireMoment(point);
  const chains = chainsOf(sets).chains.filter((chain) => !isUnsound(chain.sets[0]!) && logOf(chain) !== undefined);
  if (point.kind === 'end' || chains.length < 2) return undefined;
  const seen: Candidate[] = [];
  for (const chain of chains.toReversed()) {
    const window = await windowOf(files, chain, watch);
    if (await covers(files, chain, window, point, watch)) return chain;
    seen.push({ chain, window });
  }
  throw noneCovers(point, seen);
}

/** True when a chain that has a log covers a restore point. */
export async function coversPoint(files: Files, chain: Chain, point: RestorePoint, watch: Watch): Promise<boolean> {
  return logOf(chain) !== undefined && (await covers(files, chain, await windowOf(files, chain, watch), point, watch));
}

function logOf({ sets }: Chain): BackupSet['manifest']['log'] {
  return sets.at(-1)!.manifest.log;
}

async function windowOf(files: Files, chain: Chain, watch: Watch): Promise<RestoreWindow> {
  const { firstCommit: first, lastCommit: last } = logOf(chain)!;
  const isUnread = chain.sets.some(({ manifest }) => manifest.unread);
  if (!isUnread || !files.cipher) return { first, last };
  const environment = chainEnvironment(files, chain);
  const log = openLog(files, logPaths(environment));
  const { commits } = await analyse(files, log, { kind: 'end' }, watch, { environment });
  return commits.window;
}

function logIn(files: Files, chain: Chain): Log {
  return openLog(files, logPaths(chainEnvironment(files, chain)));
}

async function covers(
  files: Files,
  chain: Chain,
  { first }: RestoreWindow,
  point: RestorePoint,
  watch: Watch,
): Promise<boolean> {
  if (!first) return false;
  const isReachable = (lsn: Lsn): boolean => compareLsn(lsn, first.lsn) >= 0;
  switch (point.kind) {
    case 'end':
      return true;
    case 'lsn':
      return isReachable(point.lsn) && compareLsn(point.lsn, logOf(chain)!.end) < 0;
    case 'time':
      return point.time.getTime() >= first.time * 1000 && point.time <= coveredUntil(files, chain);
    case 'transaction':
      return (await commitsOf(files, logIn(files, chain), point.id, watch)).some(isReachable);
  }
}

/** Where transactions of this id committed. */
async function commitsOf(files: Files, log: Log, id: number, watch: Watch): Promise<Lsn[]> {
  const found: Lsn[] = [];
  for (const record of scanLog(files, log)) {
    await pause(watch, { phase: 'look for the transaction', step: record.length });
    if (record.txnId !== id) continue;
    if (bodyAs(record, commit)?.opcode === txnOpcode.commit) found.push(record.lsn);
  }
  return found;
}

/** How many chains a message names. */
const mostNamed = 3;

function noneCovers(point: RestorePoint, newestFirst: readonly Candidate[]): FigaroError {
  const windows = newestFirst
    .filter(({ window }) => window.first && window.last)
    .slice(0, mostNamed)
    .map(({ chain, window }) => `${chain.id} from ${formatCommit(window.first!)} to ${formatCommit(window.last!)}`);
  const more = newestFirst.length > windows.length ? ', and older ones' : '';
  return new FigaroError(
    'restore-point-unreachable',
    `no chain covers ${describePoint(point)}: there are ${windows.join('; ')}${more}`,
    {
      hint: 'choose a point that one of them covers; what is newer than all of them needs an incremental first, or is the end: recover without a point.',
    },
  );
}
