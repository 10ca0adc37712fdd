import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { discardStage } from './leftovers.ts';
import { whyTaken } from './requirements.ts';

/**
 * The last step: what was made on a stage gets its name, for good or not at all. Throws `target-in-use` when somebody
 * else took the name meanwhile.
 */
export function publish(files: Files, stage: string, home: string, target: string): void {
  const problem = whyTaken(files, target);
  if (problem !== undefined) {
    throw new FigaroError('target-in-use', `${target} ${problem}; it was free when the work began`, {
      path: target,
      hint: 'does another run make it, or an application write there? Choose another directory.',
    });
  }
  if (files.statIfThere(target)) files.removeEmptyDirectory(target);
  files.rename(home, target);
  try {
    files.syncDirectory(path.dirname(target));
  } catch (error) {
    files.rename(target, home);
    throw error;
  }
  discardStage(files, stage);
}
