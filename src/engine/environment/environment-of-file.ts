/** The environment that a database file lies in: its log may have what the file does not have yet. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logFileNumber } from '../../format/names.ts';
import { type Files } from '../files/files.ts';
import { discoverEnvironment, logPlace } from './discover.ts';
import { filesOfKind } from './environment.ts';

export interface PlaceInEnvironment {
  readonly home: string;
  /** What the file is called in there. */
  readonly name: string;
}

/** So many directories above a file are looked at: containers lie in the environment, or in a data directory of it. */
const mostAbove = 3;

/** Where there is one with a log, in the directory of a file or above it. It is only about advice: what cannot be read is none. */
export function environmentOfFile(files: Files, file: string): PlaceInEnvironment | undefined {
  const full = path.resolve(file);
  let home = path.dirname(full);
  for (let i = 0; i < mostAbove; i++) {
    const name = nameIn(files, home, full);
    if (name !== undefined) return { home, name };
    home = path.dirname(home);
  }
  return undefined;
}

function nameIn(files: Files, home: string, file: string): string | undefined {
  try {
    const names = files.listIfThere(logPlace(files, home)) ?? [];
    if (!names.some((name) => logFileNumber(name) !== undefined)) return undefined;
    const environment = discoverEnvironment(files, home, { insideOnly: true });
    return filesOfKind(environment, 'database').find((found) => path.resolve(found.path) === file)?.name;
  } catch (error) {
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}
