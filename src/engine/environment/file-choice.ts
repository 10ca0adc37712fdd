/** Which files people ask to be taken or passed over, by patterns. */

import picomatch from 'picomatch';

export interface FileChoice {
  /** A file of the application's own that is to be part of a backup. */
  readonly includes: (name: string) => boolean;
  /** A file or directory that is passed over, whatever it is. */
  readonly excludes: (name: string) => boolean;
}

export const noChoice: FileChoice = { includes: () => false, excludes: () => false };

/**
 * A choice by glob patterns over paths inside the environment, with `/`. A pattern without a slash matches names in any
 * directory; one that matches a directory matches all that is in it.
 */
export function chooseFiles(include: readonly string[] = [], exclude: readonly string[] = []): FileChoice {
  return { includes: matcherOf(include), excludes: matcherOf(exclude) };
}

function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const bare = patterns.map((pattern) => pattern.replace(/\/+$/, ''));
  const byName = picomatch(bare, { dot: true, basename: true });
  const whole = bare.map((pattern) => (pattern.includes('/') ? pattern : `**/${pattern}`));
  const byPath = picomatch([...whole, ...whole.map((pattern) => `${pattern}/**`)], { dot: true });
  return (name) => byName(name) || byPath(name);
}
