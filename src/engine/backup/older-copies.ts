/** Containers that somebody replaced by older copies: log files from before the set, still in the source, tell of them. */

import { type Lsn } from '../../format/lsn.ts';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { isAboutOlderCopy } from '../recovery/page-change.ts';
import { rehearse } from '../recovery/rehearse.ts';

/** No more of the earlier log is read for this, in bytes. */
const mostBytes = 256 << 20;

/**
 * Goes through the log from before a full set as well, and throws `chain-mismatch` where a page lacks what a checkpoint
 * had brought to the disk, or was changed since on an older state. That is all it is asked: whatever else those log files
 * say is no matter of the set, which does not need them.
 */
export async function requireNoOlderCopies(
  files: Files,
  source: Environment,
  copied: Environment,
  copiedAfter: Lsn | undefined,
  watch: Watch,
): Promise<void> {
  const earlier = logsBefore(source, copied);
  if (earlier.length === 0 || !copiedAfter) return;
  try {
    await rehearse(files, { ...copied, files: [...copied.files, ...earlier] }, { copiedAfter, watch });
  } catch (error) {
    if (!(error instanceof FigaroError) || isOfTheRun(error) || isAboutOlderCopy(error)) throw error;
  }
}

/** The log files of the source right before those of the copy, as far as they go without a gap. */
function logsBefore(source: Environment, copied: Environment): EnvironmentFile[] {
  const first = Math.min(...filesOfKind(copied, 'log').map(({ logNumber }) => logNumber));
  const byNumber = new Map(filesOfKind(source, 'log').map((file) => [file.logNumber, file]));
  const found: EnvironmentFile[] = [];
  let bytes = 0;
  for (let number = first - 1; ; number--) {
    const file = byNumber.get(number);
    if (!file || bytes + file.stat.size > mostBytes) return found;
    bytes += file.stat.size;
    found.push(file);
  }
}
