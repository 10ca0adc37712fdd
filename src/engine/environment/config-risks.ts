/** What of DB_CONFIG endangers backups: a warning of every backup, a risk of `inspect`, or the reason of a refusal. */

import { shellWord } from '../../shell-words.ts';
import { outsideOf, type DbConfig } from './db-config.ts';

export interface Risk {
  readonly code: string;
  /** What is so, and what it means. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** Flags by what they mean: the log has other names for them than the environment. */
const flags = {
  removal: ['db_log_autoremove', 'db_log_auto_remove'],
  memory: ['db_log_inmemory', 'db_log_in_memory'],
  unsynced: ['db_txn_nosync', 'db_txn_write_nosync', 'db_log_nosync'],
} as const;

/** The log is never written to a disk. */
export function isLogInMemory(config: DbConfig): boolean {
  return flagIn(config, 'memory') !== undefined;
}

/** Flags with which a backup is taken, but may not hold what one expects of it. */
export function flagRisks(config: DbConfig): Risk[] {
  const risks: Risk[] = [];
  const removal = flagIn(config, 'removal');
  if (removal !== undefined) {
    risks.push({
      code: 'log-auto-remove',
      message: `the library removes log files by itself (${removal} in DB_CONFIG): a chain of backups can lose some`,
      advice:
        'take the flag out and remove logs with `figaro-backup logs prune`, or back up more often than checkpoints remove logs.',
    });
  }
  const memory = flagIn(config, 'memory');
  if (memory !== undefined) {
    risks.push({
      code: 'log-in-memory',
      message: `the log is kept in memory (${memory} in DB_CONFIG): after a crash nothing can be recovered`,
      advice: 'take the flag out, or back up with `offline` while nobody writes.',
    });
  }
  const unsynced = flagIn(config, 'unsynced');
  if (unsynced !== undefined) {
    risks.push({
      code: 'commits-not-synced',
      message: `commits do not wait for the disk (${unsynced} in DB_CONFIG): a crash can lose the newest, and so can a backup`,
      advice: 'take the flag out where every commit counts.',
    });
  }
  return risks;
}

/** The same, as backups warn of them. */
export function flagWarnings(config: DbConfig): string[] {
  return flagRisks(config).map(({ message }) => message);
}

/** Why not all of an environment can be taken: it is not all inside of its directory. */
export function placeRisks(config: DbConfig): Risk[] {
  const risks: Risk[] = [];
  const outside = outsideOf(config);
  if (outside.length > 0) {
    risks.push({
      code: 'outside',
      message: `DB_CONFIG names ${outside.join(', ')}, outside of the environment`,
      advice: `is the disk mounted that holds it? Of a copy, say where it has that directory: --dir-at ${shellWord(outside[0]!)}=DIR. It may be the directory itself.`,
    });
  }
  if (config.sliced) {
    risks.push({
      code: 'sliced',
      message: 'the environment is sliced: it cannot be backed up as a whole',
      advice: 'back up each directory __db.sliceNNN as an environment of its own.',
    });
  }
  return risks;
}

function flagIn(config: DbConfig, meaning: keyof typeof flags): string | undefined {
  return flags[meaning].find((flag) => config.flags.includes(flag));
}
