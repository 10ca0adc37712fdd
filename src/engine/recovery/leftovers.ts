/** What recoveries that were killed leave beside their target. */

import path from 'node:path';
import { readIfThere, removeTree, type Files } from '../files.ts';
import { describeThisProcess, isAlive, parseOwner } from '../owner.ts';

const ownerName = 'owner';

/** Begins the name of a stage beside its target. */
function stagePrefix(target: string): string {
  return `${path.basename(target)}.recovering-`;
}

/** The path of a stage beside its target. */
export function stagePath(target: string, chance: string): string {
  return path.join(path.dirname(target), `${stagePrefix(target)}${chance}`);
}

/** Writes into a stage whose it is, so that a later run can tell that it is nobody's any more. */
export function claimStage(files: Files, stage: string): void {
  const opened = files.create(path.join(stage, ownerName));
  try {
    opened.writeAt(Buffer.from(describeThisProcess()), 0);
    opened.sync();
  } finally {
    opened.close();
  }
}

/** Removes a stage as far as that works: what is left is swept by a later recovery to the same target. */
export function discardStage(files: Files, stage: string): void {
  try {
    removeStage(files, stage);
  } catch {
    // What went wrong before is what has to be told, and what went right stays right.
  }
}

/** The owner goes last, so that whatever stays can be told to be nobody's. */
function removeStage(files: Files, stage: string): void {
  for (const name of files.listIfThere(stage) ?? []) {
    if (name !== ownerName) removeTree(files, path.join(stage, name));
  }
  removeTree(files, stage);
}

/** Removes the stages beside a target whose runs are provably over. Returns warnings about those of unknown owners. */
export function sweepStages(files: Files, target: string): string[] {
  const directory = path.dirname(target);
  const warnings: string[] = [];
  for (const name of files.listIfThere(directory) ?? []) {
    const stage = path.join(directory, name);
    if (!name.startsWith(stagePrefix(target)) || files.statIfThere(stage)?.kind !== 'directory') continue;
    const bytes = readIfThere(files, path.join(stage, ownerName));
    const owner = bytes && parseOwner(Buffer.from(bytes).toString('utf8'));
    if (!owner) warnings.push(`${stage} is left of an earlier recovery, of unknown origin: remove it by hand`);
    else if (!isAlive(owner)) removeStage(files, stage);
  }
  return warnings;
}
