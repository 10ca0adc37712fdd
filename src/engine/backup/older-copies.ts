/** Containers that somebody replaced by older copies: log files from before the set, still in the source, tell of them. */

import { type Lsn } from '../../format/lsn.ts';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { NotApart } from '../recovery/analysis.ts';
import { rehearseWithEarlier, type Rehearsed } from '../recovery/earlier-log.ts';
import { isAboutOlderCopy } from '../recovery/page-change.ts';
import { rehearse } from '../recovery/rehearse.ts';

/** No more of the earlier log is read for this, in bytes. */
export const mostEarlierBytes = 256 << 20;

/**
 * Goes through the log from before a full set as well, and throws `chain-mismatch` where a page lacks what a checkpoint
 * had brought to the disk, or was changed since on an older state. That is all it is asked: whatever else those log files
 * say is no matter of the set, which does not need them.
 *
 * @param earlier those log files, from `logsBefore`
 * @param rehearsed the recovery of the set, where it is known
 */
export async function requireNoOlderCopies(
  files: Files,
  copied: Environment,
  earlier: readonly EnvironmentFile[],
  rehearsed: Rehearsed | undefined,
  options: { readonly copiedAfter: Lsn; readonly watch: Watch },
): Promise<void> {
  const whole = { ...copied, files: [...copied.files, ...earlier] };
  try {
    if (rehearsed && (await isRehearsedApart(files, whole, rehearsed, options))) return;
    await rehearse(files, whole, options);
  } catch (error) {
    if (!(error instanceof FigaroError) || isOfTheRun(error) || isAboutOlderCopy(error)) throw error;
  }
}

/** Returns false where the log has to be read again from its first file on. */
async function isRehearsedApart(...parameters: Parameters<typeof rehearseWithEarlier>): Promise<boolean> {
  try {
    await rehearseWithEarlier(...parameters);
    return true;
  } catch (error) {
    if (error instanceof NotApart) return false;
    throw error;
  }
}

/** The log files of the source right before those of the copy, as far as they go without a gap. */
export function logsBefore(source: Environment, copied: Environment): EnvironmentFile[] {
  const first = Math.min(...filesOfKind(copied, 'log').map(({ logNumber }) => logNumber));
  const byNumber = new Map(filesOfKind(source, 'log').map((file) => [file.logNumber, file]));
  const found: EnvironmentFile[] = [];
  let bytes = 0;
  for (let number = first - 1; ; number--) {
    const file = byNumber.get(number);
    if (!file || bytes + file.stat.size > mostEarlierBytes) return found;
    bytes += file.stat.size;
    found.push(file);
  }
}
