/** What a look at one container sees, and that it stands still meanwhile. */

import { FigaroError } from '../../errors.ts';
import { type Environment } from '../environment/environment.ts';
import { stoodStill } from '../environment/unchanged.ts';
import { type Files } from '../files/files.ts';
import { type Scope } from './recovery.ts';
import { narrow } from './select-containers.ts';
import { isPiece } from './stage.ts';

/** Where a container can be read. */
export interface SeenContainer {
  /** Through which. */
  readonly files: Files;
  /** The name of the container there. */
  readonly path: string;
  /** What whoever looks has to know of where it is from. */
  readonly warnings: readonly string[];
  /** Pages are recovered when they are read: what is wanted is looked up, and nothing is gone through. */
  readonly isOnDemand?: true;
}

export type Look<T> = (container: SeenContainer) => Promise<T>;

/** Has something looked at that has to stand still meanwhile: what is wrong with it otherwise may be of two moments. */
export async function whileStill<T>(
  files: Files,
  environment: Environment,
  scope: Scope,
  look: () => Promise<T>,
): Promise<T> {
  let value: T;
  try {
    value = await look();
  } catch (error) {
    const isStopped = error instanceof FigaroError && error.code === 'interrupted';
    if (!isStopped) requireStoodStill(files, environment, scope);
    throw error;
  }
  requireStoodStill(files, environment, scope);
  return value;
}

/** What was read of a file that was written to meanwhile may be of two moments. */
function requireStoodStill(files: Files, environment: Environment, scope: Scope): void {
  for (const { path, stat } of narrow(environment, scope, undefined).files.filter(isPiece)) {
    const now = files.statThrough(path);
    if (now && stoodStill(stat, now)) continue;
    throw new FigaroError('environment-changed', `${path} was written to while it was read`, {
      path,
      hint: 'try again in a quiet moment; or take a set with `figaro-backup hot`, and look into that.',
    });
  }
}
