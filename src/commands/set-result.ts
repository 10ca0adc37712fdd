/** A set that was made just now, as its command tells. */

import { type BackupSet } from '../engine/repository/backup-set.ts';
import { leftOutLines } from '../output/left-out.ts';
import { formatBytes, formatCommit, formatCount } from '../output/text.ts';

/** The manifest, with times as in all documents. */
export function madeSetDocument({ manifest }: BackupSet): object {
  const files = manifest.files.map(({ modifiedMs, ...file }) => ({
    ...file,
    modified: new Date(modifiedMs).toISOString(),
  }));
  return { ...manifest, files };
}

/** What a set holds, and what it is good for. */
export function describeSet({ id, manifest }: BackupSet): string {
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const lines = [`${id}: ${formatCount(manifest.files.length, 'file')}, ${formatBytes(bytes)}`];
  if (manifest.unsound) lines.push('kept as a copy of a damaged source: not proven');
  else if (manifest.proof && !manifest.log) lines.push('proven sound: the structure of every database was checked');
  else if (manifest.proof) {
    const { transactionsCommitted, changesRedone, changesUndone, from, anew } = manifest.proof;
    const how = from === undefined ? '' : `, on from ${from}`;
    lines.push(
      `proven recoverable${how}: ${formatCount(transactionsCommitted, 'transaction')} in the log, ${formatCount(changesRedone, 'change')} to redo, ${changesUndone} to undo`,
    );
    if (anew !== undefined)
      lines.push(`the whole chain was rehearsed, since the last proof left nothing to go on from: ${anew}`);
  }
  const { unread, log } = manifest;
  // Of what was copied without the password, no commit is known.
  if (unread && log?.lastCommit)
    lines.push(
      'nothing opens the sets before it here: not proven recoverable until `verify --rehearse` does so where they can be read',
    );
  else if (unread) lines.push('encrypted, and copied without the password: not proven recoverable');
  if (log && (!unread || log.lastCommit)) lines.push(`can be restored up to ${formatCommit(log.lastCommit)}`);
  if (manifest.leftOut.length > 0) lines.push('not in it:', ...leftOutLines(manifest.leftOut));
  return `${lines.join('\n')}\n`;
}
