/** Programs that tests run, and that a machine may not have. */

import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';

/**
 * `describe`, for tests that run a program of a Debian package. Without it they are skipped, and say so; in CI that is a
 * failure.
 */
export function describeWith(program: string, debianPackage: string, title: string, tests: () => void): void {
  if (spawnSync('which', [program]).status === 0) {
    describe(title, tests);
  } else if (process.env.CI) {
    test(`${title}: ${program} is installed`, () => {
      throw new Error(`missing: ${program}; install ${debianPackage}`);
    });
  } else {
    console.warn(`SKIPPED, for want of ${program} (${debianPackage}): ${title}`);
    describe.skip(title, tests);
  }
}
