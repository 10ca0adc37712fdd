/** What several tests begin with, made once for all of them. */

import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { placeIn, type Place } from './place.ts';

/**
 * Has `build` make something in a place before the tests of a file, or of a `describe`. What is returned lays it as it was
 * when it was made, always under the same name: for `beforeEach`.
 */
export function prepared(build: (place: Place) => unknown): () => Place {
  let parent: string;
  const inside = (name: string): string => path.join(parent, name);
  beforeAll(async () => {
    parent = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
    await build(placeIn(inside('place')));
    renameSync(inside('place'), inside('kept'));
  });
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  return () => {
    rmSync(inside('place'), { recursive: true, force: true });
    cpSync(inside('kept'), inside('place'), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return placeIn(inside('place'));
  };
}
