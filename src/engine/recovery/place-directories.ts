/** Directories of a recovered environment that get a place outside of it: beside that first, and their names last. */

import path from 'node:path';
import { type Files } from '../files/files.ts';
import { removeTree } from '../files/tree.ts';
import { beginStage, discardStage, sweepBeside, type HeldStage } from './leftovers.ts';

/** New places by what the directories are called inside. */
export type Placements = ReadonlyMap<string, string>;

interface PlacedDirectory extends HeldStage {
  readonly copy: string;
  readonly to: string;
}

/** The directories on their way: whoever made them publishes them or has them discarded. */
export class PlacedDirectories {
  readonly #files: Files;
  readonly #placed: PlacedDirectory[] = [];
  readonly #named = new Set<PlacedDirectory>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** Copies a directory of `home` beside its new place, synced, and takes it out of there. Returns warnings. */
  async take(home: string, name: string, to: string): Promise<readonly string[]> {
    const held = beginStage(this.#files, to);
    const { stage, files } = held;
    const copy = path.join(stage, 'environment');
    this.#placed.push({ ...held, copy, to });
    const warnings = sweepBeside(files, to, stage);
    const from = path.join(home, name);
    if (files.statIfThere(from)) await copyTree(files, from, copy);
    else files.makeDirectory(copy);
    files.syncDirectory(stage);
    removeTree(files, from);
    return warnings;
  }

  /** Gives them their names, all or none. */
  publish(give: (stage: string, copy: string, to: string) => void): void {
    try {
      for (const placed of this.#placed) {
        placed.lease.confirm();
        give(placed.stage, placed.copy, placed.to);
        this.#named.add(placed);
      }
    } catch (error) {
      this.takeBack();
      throw error;
    }
  }

  /** What came after them went wrong: they lose their names again. */
  takeBack(): void {
    for (const { to } of this.#named) discardStage(this.#files, to);
  }

  /** To be called in any case, at the end. What is left of stages goes as far as that works. */
  close(): void {
    for (const placed of this.#placed) {
      placed.lease.stop();
      if (!this.#named.has(placed)) discardStage(this.#files, placed.stage);
    }
  }
}

async function copyTree(files: Files, from: string, to: string): Promise<void> {
  files.makeDirectory(to);
  for (const name of files.listIfThere(from) ?? []) {
    const [source, target] = [path.join(from, name), path.join(to, name)];
    if (files.statIfThere(source)?.kind === 'directory') await copyTree(files, source, target);
    else await files.copy(source, target);
  }
  files.setOwner(to, files.statIfThere(from)!);
  files.syncDirectory(to);
}
