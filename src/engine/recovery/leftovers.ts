/** What recoveries that were killed leave beside their target. The name of a stage tells whose it is. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { removeTree, type Files } from '../files.ts';
import { isMarkAlive, markOfThisProcess } from '../owner.ts';

/** Begins the name of a stage beside its target. */
function stagePrefix(target: string): string {
  return `${path.basename(target)}.recovering-`;
}

/** The path of a new stage beside its target. */
export function newStage(target: string): string {
  const chance = randomBytes(3).toString('hex');
  return path.join(path.dirname(target), `${stagePrefix(target)}${markOfThisProcess()}.${chance}`);
}

/** Removes a stage as far as that works: what is left is swept by a later recovery to the same target. */
export function discardStage(files: Files, stage: string): void {
  try {
    removeTree(files, stage);
  } catch {
    // What went wrong before is what has to be told, and what went right stays right.
  }
}

/** Removes the stages beside a target whose runs are provably over. Returns warnings about those of unknown owners. */
export function sweepStages(files: Files, target: string): string[] {
  const directory = path.dirname(target);
  const warnings: string[] = [];
  for (const name of files.listIfThere(directory) ?? []) {
    const stage = path.join(directory, name);
    if (!name.startsWith(stagePrefix(target)) || files.statIfThere(stage)?.kind !== 'directory') continue;
    const mark = name.slice(stagePrefix(target).length).replace(/\.[0-9a-f]{6}$/, '');
    const alive = isMarkAlive(mark);
    if (alive === undefined) {
      warnings.push(`${stage} is left of an earlier recovery, of unknown origin: remove it by hand`);
    } else if (!alive) {
      removeTree(files, stage);
    }
  }
  return warnings;
}
