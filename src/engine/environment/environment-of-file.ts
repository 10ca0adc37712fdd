/** The environment that a database file lies in: its log may have what the file does not have yet. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { logFileNumber } from '../../format/names.ts';
import { type Files } from '../files/files.ts';
import { discoverEnvironment, logPlace } from './discover.ts';
import { filesOfKind, type Environment } from './environment.ts';

export interface PlaceInEnvironment {
  readonly home: string;
  readonly environment: Environment;
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
    const found = findIn(files, home, full);
    if (found) return found;
    home = path.dirname(home);
  }
  return undefined;
}

function findIn(files: Files, home: string, file: string): PlaceInEnvironment | undefined {
  try {
    const names = files.listIfThere(logPlace(files, home)) ?? [];
    if (!names.some((name) => logFileNumber(name) !== undefined)) return undefined;
    const environment = discoverEnvironment(files, home, { insideOnly: true });
    const found = filesOfKind(environment, 'database').find((database) => path.resolve(database.path) === file);
    return found && { home, environment, name: found.name };
  } catch (error) {
    if (error instanceof FigaroError) return undefined;
    throw error;
  }
}
