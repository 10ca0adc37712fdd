/** What of an environment endangers its backups, or what they can be recovered to. */

import path from 'node:path';
import { formatLsn } from '../../format/lsn.ts';
import { foreignHint } from '../../format/releases.ts';
import { formatBytes, formatDuration } from '../../measures.ts';
import { shellWord } from '../../shell-words.ts';
import { flagRisks, isLogInMemory, placeRisks, type Risk } from '../environment/config-risks.ts';
import { outsideOf } from '../environment/db-config.ts';
import { whyNoLog } from '../environment/log-nearby.ts';
import { twinsOf } from '../environment/twins.ts';
import { isOpaque } from '../environment/opaque.ts';
import { logFileName } from '../../format/names.ts';
import { type InspectedEnvironment } from './inspected.ts';
import { type InspectedLog } from './log.ts';

/** Redo of so much log takes a while, in bytes. */
const muchToRedo = 256 << 20;
/** A checkpoint so far behind the newest commit is old, in seconds. */
const oldCheckpoint = 3600;

/** Everything that is known to be a risk, the worst first. */
export function findRisks(inspected: Omit<InspectedEnvironment, 'risks'>): Risk[] {
  const { config } = inspected.environment;
  return [
    ...damageRisks(inspected),
    ...strayRisks(inspected),
    ...logRisks(inspected),
    ...flagRisks(config),
    ...placeRisks(config),
    ...containerRisks(inspected),
  ];
}

function damageRisks({ damaged, databases, region }: Omit<InspectedEnvironment, 'risks'>): Risk[] {
  const risks: Risk[] = damaged.map(({ name, problem, code }) =>
    code === 'format-unsupported'
      ? { code: 'unsupported-format', message: `${name} is ${problem}`, advice: foreignHint }
      : {
          code: 'damaged-container',
          message: `${name} is a damaged database: ${problem}`,
          advice: 'look at it with `figaro-backup inspect page`, and recover from an older set.',
        },
  );
  for (const { problem } of databases) {
    if (problem === undefined) continue;
    risks.push({
      code: 'damaged-container',
      message: problem,
      advice:
        'if the environment is in use or has crashed, it may only need recovery; if not, recover from an older set.',
    });
  }
  if (region?.panic) {
    risks.push({
      code: 'panic',
      message: 'the library found corruption and stopped: its region files say so',
      advice: 'stop all processes, take an offline backup, and recover from it.',
    });
  }
  return risks;
}

/** What backups leave out or keep as it is, and people may take for part of the environment. */
function strayRisks({ environment }: Omit<InspectedEnvironment, 'risks'>): Risk[] {
  const risks: Risk[] = [];
  for (const { name, path: at, reason } of environment.leftOut) {
    if (reason !== 'environment') continue;
    risks.push({
      code: 'nested-environment',
      message: `${name} is an environment of its own: backups of this one leave it out`,
      advice: `back it up by itself: \`figaro-backup hot --home ${shellWord(at)}\`.`,
    });
  }
  for (const group of twinsOf(environment)) {
    risks.push({
      code: 'copies',
      message: `${listed(group.map(({ name }) => name))} carry one unique id: they are copies or links of one database`,
      advice:
        'the log brings one of them forward; backups keep copies as they are, and leave other names of one file out. Keep copies elsewhere.',
    });
  }
  return risks;
}

function logRisks({ log, environment, logElsewhere, loggedDatabase }: Omit<InspectedEnvironment, 'risks'>): Risk[] {
  if (!log) {
    const { config } = environment;
    if (isLogInMemory(config) || outsideOf(config).includes(config.logDirectory ?? '')) return [];
    const code = logElsewhere ? 'log-elsewhere' : loggedDatabase === undefined ? 'no-log' : 'log-lost';
    return [{ code, ...whyNoLog(environment, loggedDatabase, logElsewhere) }];
  }
  if (log.problem && log.problem.code !== 'password') {
    return [
      {
        code: 'unreadable-log',
        message: `the log cannot be read: ${log.problem.message}`,
        advice: log.problem.details.hint ?? 'copy the log again, or use an older set.',
      },
    ];
  }
  return log.contents ? checkpointRisks(log, log.contents) : [];
}

function checkpointRisks(
  { firstFile }: InspectedLog,
  { checkpoint, bytesToRedo, newestTime, end }: NonNullable<InspectedLog['contents']>,
): Risk[] {
  const risks: Risk[] = [];
  if (end.damage) {
    risks.push({
      code: 'damaged-log',
      message: `${end.damage.message}: what is behind it cannot be recovered`,
      advice: end.damage.details.hint ?? 'copy the log again, or use an older set.',
    });
  }
  if (!checkpoint && firstFile > 1) {
    risks.push({
      code: 'no-checkpoint',
      message: `the log has no checkpoint and begins with ${logFileName(firstFile)}: what was before is not known`,
      advice: 'look for the log files before; let the application take checkpoints, and take a full backup after one.',
    });
  }
  if (checkpoint && bytesToRedo === undefined) {
    risks.push({
      code: 'log-begins-late',
      message:
        `recovery has to begin at ${formatLsn(checkpoint.redoFrom)}, but the log begins with ${logFileName(firstFile)}: ` +
        'what is here cannot be recovered',
      advice: 'look for the missing log files in older copies.',
    });
  }
  if (bytesToRedo !== undefined && bytesToRedo > muchToRedo) {
    risks.push({
      code: 'much-to-redo',
      message: `recovery has to read ${formatBytes(bytesToRedo)} of log before the containers are current`,
      advice: 'let the application take checkpoints more often: recovery gets faster, and logs can be removed.',
    });
  } else if (checkpoint && newestTime !== undefined && newestTime - checkpoint.time > oldCheckpoint) {
    risks.push({
      code: 'old-checkpoint',
      message: `the last checkpoint is ${formatDuration((newestTime - checkpoint.time) * 1000)} older than the newest commit`,
      advice: 'let the application take checkpoints more often: recovery gets faster, and logs can be removed.',
    });
  }
  return risks;
}

function containerRisks({ databases, log }: Omit<InspectedEnvironment, 'risks'>): Risk[] {
  const risks: Risk[] = [];
  for (const { name, isUnlogged } of databases) {
    if (!isUnlogged) continue;
    risks.push({
      code: 'unlogged-container',
      message: `${name} is written without the log: a set has it as it was on disk, and incrementals cannot update it`,
      advice: 'open it in a transaction, or expect it to be only as new as the last full set.',
    });
  }
  // Databases of the library itself have no choice.
  const isOwn = (name: string): boolean => path.posix.basename(name).startsWith('__db');
  const unsummed = databases.filter(({ name, format }) => !format.checksums && !isOwn(name)).map(({ name }) => name);
  if (unsummed.length > 0) {
    risks.push({
      code: 'no-checksums',
      message: `without page checksums, damage by a disk can go unseen: ${listed(unsummed)}`,
      advice: 'create containers with checksums (DB_CHKSUM, DBXML_CHKSUM): only then damage shows for certain.',
    });
  }
  const isLocked = log?.problem?.code === 'password' || databases.some(({ format }) => isOpaque(format));
  if (isLocked) {
    risks.push({
      code: 'no-password',
      message: 'the environment is encrypted, and no password was given: what it holds is not known',
      advice: 'give --password-file, here and for backups: without it they are taken, but not proven.',
    });
  }
  return risks;
}

/** More names than this say no more. */
const shownNames = 5;

function listed(names: readonly string[]): string {
  const rest = names.length - shownNames;
  return names.slice(0, shownNames).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
