/** What has to hold of an environment, of its pages and of the target, and what is said where it does not. */

import { filesOfKind, type Environment } from '../environment/environment.ts';
import { type Lsn, formatLsn } from '../../format/lsn.ts';
import { encryptedFile } from '../locked.ts';
import { noEnvironment } from '../what-is.ts';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { removedLater } from './external-files.ts';
import { type StoredFile } from './page-store.ts';
import { isOpaque } from '../environment/opaque.ts';
import { requireReadable } from '../environment/damaged.ts';
import { type Recovery } from './recovery.ts';

/** Throws what `requireReadable` throws. */
export function requireWhole(environment: Environment): void {
  requireReadable(environment, 'use an older copy of this file.');
}

/** Throws `password` when databases are encrypted and it was not given. */
export function requireKey(environment: Environment): void {
  for (const { path: file, format } of filesOfKind(environment, 'database')) {
    if (isOpaque(format)) throw encryptedFile(file);
  }
}

/** Throws when a committed change could not be made, and nothing later in the log makes up for it (A.15). */
export function requireSettled(
  { table, fileOperations, scope }: Recovery,
  excluded: ReadonlyMap<string, string>,
): void {
  for (const [uid, { name, lsn, isRemovedLater }] of fileOperations.missing) {
    if (table.byUid(uid) || !scope.has(uid) || excluded.has(uid)) continue;
    if (isRemovedLater) throw removedLater(name, lsn);
    throw new FigaroError(
      'container-missing',
      `${name} is missing: log record ${formatLsn(lsn)} changes it, and the log does not create it`,
      { path: name, lsn: formatLsn(lsn), hint: 'add the file from an older copy that this log continues.' },
    );
  }
  table.externalFiles.requireContents();
  for (const file of table) {
    for (const overdue of file.overdue.values()) throw overdue;
    for (const [pgno, { lsn }] of file.lacking) throw lackingRows(file, pgno, lsn);
    for (const unfit of file.unfit.values()) throw unfit;
    for (const [pgno, { lsn, reason }] of file.questions) {
      throw new FigaroError(
        'not-recoverable',
        `${file.label}: log record ${formatLsn(lsn)} changes page ${pgno}, ${reasons[reason]}`,
        {
          path: file.label,
          pgno,
          lsn: formatLsn(lsn),
          hint: 'the file is cut off or was changed without the log. Use another copy of it.',
        },
      );
    }
  }
}

function lackingRows(file: StoredFile, pgno: number, lsn: Lsn): FigaroError {
  return new FigaroError(
    'not-recoverable',
    `${file.label}: page ${pgno} lacks rows that were put there without being logged, by a bulk transaction (DB_TXN_BULK), which committed at ${formatLsn(lsn)} or before`,
    {
      path: file.label,
      pgno,
      lsn: formatLsn(lsn),
      hint: 'the copy is older than the commit, and no log can bring such rows to it. Use a full backup taken since, or recover to a moment before.',
    },
  );
}

const reasons = {
  missing: 'which the file does not have, and which the log does not allocate',
  zero: 'which was never written, and which the log does not allocate',
  unlogged: 'which was last written without the log',
} as const;

export function requireContents(files: Files, environment: Environment): void {
  requireWhole(environment);
  if (environment.files.some(({ kind }) => kind === 'database' || kind === 'log')) return;
  throw noEnvironment(files, environment.home, 'copy');
}

export function requireEmptyTarget(files: Files, target: string): void {
  const problem = whyTaken(files, target);
  if (problem === undefined) return;
  throw new FigaroError('target-not-empty', `${target} ${problem}`, {
    path: target,
    hint: 'choose a directory that is empty or does not exist.',
  });
}

/** What keeps a name from becoming that of a recovered environment; undefined when nothing does. */
export function whyTaken(files: Files, target: string): string | undefined {
  const stat = files.statIfThere(target);
  if (!stat) return undefined;
  if (stat.kind !== 'directory') return 'is there already, and is not a directory';
  const names = files.listIfThere(target) ?? [];
  if (names.length === 0) return undefined;
  return `already holds ${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ''}`;
}
