/** What people read in place of the directories that a run works in. */

import path from 'node:path';

/** Directories that stand for something else, by what people are to read in their place. */
export type ShownAs = (readonly [directory: string, name: string])[];

/**
 * Text with a name wherever a path begins with a directory. What follows in such a path has `/` between its parts where the name is a URL.
 *
 * @param separator what is between parts of a path in this text: in JSON, a backslash is written as two
 */
export function withName(text: string, directory: string, name: string, separator: string = path.sep): string {
  const [first = '', ...others] = text.split(directory);
  if (separator === '/' || !name.includes('://')) return [first, ...others].join(name);
  // These end a path, or are in no name of Windows.
  const inside = /^[^\s"'`<>|*?]+/;
  return [first, ...others.map((rest) => rest.replace(inside, (below) => below.replaceAll(separator, '/')))].join(name);
}
