/** Where a test has its things. */

import path from 'node:path';
import { temporaryDirectory } from './demo-environment.ts';

export interface Place {
  /** Gone when the test ends; nothing below is there yet. */
  readonly directory: string;
  readonly home: string;
  readonly repository: string;
  /** For what is recovered. */
  readonly target: string;
}

/** A place for one test. */
export function newPlace(): Place {
  return placeIn(temporaryDirectory());
}

export function placeIn(directory: string): Place {
  const inside = (name: string): string => path.join(directory, name);
  return { directory, home: inside('env'), repository: inside('repo'), target: inside('recovered') };
}
