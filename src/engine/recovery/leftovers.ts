/** What recoveries that were killed leave beside their target, and other runs in their spool. The name of a stage tells whose it is. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { isOurs } from '../files/own-tree.ts';
import { fencedFiles, holdLease, type Lease } from '../lease.ts';
import { isMarkAlive, markOfThisProcess } from '../owner.ts';

/** What a stage is for, as its name says. */
type Purpose = 'recovering' | 'spooling' | 'unpacking';

/** All that a stage ever holds: of a recovery (`openStage`, `received`), of a spool (`withSpool`), of a set (`unpackSet`). */
const stageParts: Readonly<Record<Purpose, readonly string[]>> = {
  recovering: ['environment', 'pieces', 'received'],
  spooling: ['repository'],
  unpacking: ['repository'],
};

/** Begins the name of a stage beside its target. */
function stagePrefix(target: string, purpose: Purpose): string {
  return `${path.basename(target)}.${purpose}-`;
}

/** The path of a new stage beside its target. */
export function newStage(target: string, purpose: Purpose = 'recovering'): string {
  const chance = randomBytes(3).toString('hex');
  return path.join(path.dirname(target), `${stagePrefix(target, purpose)}${markOfThisProcess()}.${chance}`);
}

/** Removes a stage as far as that works: what is left is swept by a later recovery to the same target. */
export function discardStage(files: Files, stage: string): void {
  // Want of descriptors, and other trouble, may be over a moment later.
  for (let tries = 0; tries < 2; tries++) {
    try {
      return removeTree(files, stage);
    } catch {
      // What went wrong before is what has to be told, and what went right stays right.
    }
  }
}

/**
 * Removes the stages beside a target whose runs are over: provably, or, where that cannot be told, without a sign of life for
 * minutes. Returns warnings about those of unknown owners.
 *
 * @param now by the clock of the file system, in ms
 */
export function sweepStages(files: Files, target: string, now: number, purpose: Purpose = 'recovering'): string[] {
  const directory = path.dirname(target);
  const prefix = stagePrefix(target, purpose);
  const whose = purpose === 'recovering' ? 'a recovery' : 'an earlier run';
  const warnings: string[] = [];
  for (const name of files.listIfThere(directory) ?? []) {
    const stage = path.join(directory, name);
    const stat = name.startsWith(prefix) ? files.statIfThere(stage) : undefined;
    if (stat?.kind !== 'directory') continue;
    // Of another user's nobody can say what is in it; it may have been planted.
    if (!isOurs(stat)) {
      warnings.push(`${stage} looks like what ${whose} left, but belongs to another user: it is left alone`);
      continue;
    }
    const stranger = files.listIfThere(stage)?.find((inside) => !stageParts[purpose].includes(inside));
    if (stranger !== undefined) {
      warnings.push(`${stage} looks like what ${whose} left, but holds ${stranger}: it is left alone`);
      continue;
    }
    const mark = name.slice(prefix.length).replace(/\.[0-9a-f]{6}$/, '');
    const alive = isMarkAlive(mark, () => now - stat.changedMs);
    if (alive === undefined) {
      warnings.push(
        `${stage} is left of ${purpose === 'recovering' ? 'an earlier recovery' : whose}, of unknown origin: remove it by hand`,
      );
    } else if (!alive && !files.isHeld(stage)) {
      // A run that stood still, and goes on now, does not find it any more: it cannot give half of it its name.
      const mine = newStage(target, purpose);
      files.rename(stage, mine);
      removeTree(files, mine);
    }
  }
  return warnings;
}

/** A stage that a run works in: its files change nothing once another recovery has swept it, and throw `target-in-use`. */
export interface HeldStage {
  readonly stage: string;
  readonly files: Files;
  readonly lease: Lease;
}

/** Makes a stage beside a target, and holds it. Throws `target-in-use` when there is one of that name. */
export function beginStage(files: Files, target: string, purpose: Purpose = 'recovering'): HeldStage {
  makeDirectories(files, path.dirname(target));
  const stage = newStage(target, purpose);
  makeStage(files, stage);
  return { stage, ...holdStage(files, stage) };
}

/** Sweeps what other runs left beside a target, by the clock of the file system that a stage of this one tells. */
export function sweepBeside(files: Files, target: string, stage: string, purpose: Purpose = 'recovering'): string[] {
  return sweepStages(files, target, files.statIfThere(stage)?.changedMs ?? 0, purpose);
}

/** Makes a stage that nobody else can look or write into. Throws `target-in-use` when there is one of that name. */
function makeStage(files: Files, stage: string): void {
  if (files.makeDirectory(stage, 0o700)) return;
  throw new FigaroError('target-in-use', `${stage} is there already`, { path: stage });
}

/** Holds a stage: the files change nothing once another recovery has swept it, and throw `target-in-use`. */
export function holdStage(files: Files, stage: string): { readonly files: Files; readonly lease: Lease } {
  const requireMine = (): void => {
    if (files.statIfThere(stage)) return;
    throw new FigaroError('target-in-use', `${stage} was swept by another run while this one stood still`, {
      path: stage,
      hint: 'run the same command again.',
    });
  };
  const renew = (): void => {
    requireMine();
    files.setTimes(stage, Date.now());
  };
  const hold = files.hold(stage);
  const lease = holdLease({ renew, requireMine });
  const stop = (): void => {
    lease.stop();
    hold?.release();
  };
  return { files: fencedFiles(files, lease), lease: { ...lease, stop } };
}
