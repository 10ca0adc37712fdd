/** What a run in progress has in hand, told from what other runs left. */

import { type Files } from '../files/files.ts';
import { type BackupSet, type BrokenSet } from './backup-set.ts';
import { readSets, type Repository } from './repository.ts';
import { findWriter, type WriterRun } from './writer.ts';

interface SetsAndRun {
  readonly sets: readonly BackupSet[];
  /** Left unfinished, or damaged. */
  readonly broken: readonly BrokenSet[];
  /** Unfinished: a run makes them, or removes them. */
  readonly underWay: readonly BrokenSet[];
  readonly run: WriterRun | undefined;
}

/** As `readSets`, for those who tell people what is left unfinished. */
export function readSetsAndRun(files: Files, repository: Repository): SetsAndRun {
  // A run that begins or ends while sets are read has them in hand all the same.
  const before = findWriter(files, repository.directory);
  const { sets, broken } = readSets(files, repository);
  const run = before?.state === 'in-progress' ? before : findWriter(files, repository.directory);
  // The first thing a run does is to remove what others left unfinished.
  const isUnderWay = ({ state }: BrokenSet): boolean => run?.state === 'in-progress' && state === 'incomplete';
  return { sets, broken: broken.filter((set) => !isUnderWay(set)), underWay: broken.filter(isUnderWay), run };
}
