/** Log files that an application keeps where DB_CONFIG does not say: a directory below the environment, or beside it. */

import path from 'node:path';
import { type Files } from '../files.ts';
import { logFileNumber } from '../log/log-files.ts';
import { metaSize, recognizeFile } from '../../format/page/meta.ts';
import { type Environment } from './discover.ts';

export interface LogNearby {
  /** Where the log files are. */
  readonly path: string;
  /** What to do, as a sentence. */
  readonly advice: string;
}

/** Directories beside an environment that are looked into. */
const mostNeighbours = 200;

/** Where the log of an environment without one may be; the likeliest place first. Undefined when there is none. */
export function findLogNearby(files: Files, { home, leftOut }: Environment): LogNearby | undefined {
  const below = leftOut.find(({ reason }) => reason === 'log-directory');
  if (below) {
    return {
      path: below.path,
      advice: `if it is the log of this environment, say so in ${path.join(home, 'DB_CONFIG')} with the line \`set_lg_dir ${below.name}\`, which changes nothing for an application that sets it by itself.`,
    };
  }
  const full = path.resolve(home);
  const parent = path.dirname(full);
  const names = files.listIfThere(parent) ?? [];
  const places = [parent, ...names.slice(0, mostNeighbours).map((name) => path.join(parent, name))];
  const found = places.find((place) => place !== full && holdsLogAlone(files, place));
  if (found === undefined) return undefined;
  const link = path.join(full, path.basename(found));
  return {
    path: found,
    advice: `if it is the log of this environment, put a link to it into the environment (\`ln -s ${found} ${link}\`) and name the link in ${path.join(home, 'DB_CONFIG')}: \`set_lg_dir ${path.basename(found)}\`.`,
  };
}

/** A directory with log files, and without databases of its own that they could belong to. */
function holdsLogAlone(files: Files, directory: string): boolean {
  if (files.statThrough(directory)?.kind !== 'directory') return false;
  const names = files.listIfThere(directory) ?? [];
  if (!names.some((name) => logFileNumber(name) !== undefined)) return false;
  return !names.some((name) => {
    const file = path.join(directory, name);
    if (logFileNumber(name) !== undefined || files.statThrough(file)?.kind !== 'file') return false;
    const opened = files.openIfThere(file);
    if (!opened) return false;
    try {
      const head = new Uint8Array(metaSize);
      return recognizeFile(head.subarray(0, opened.readAt(head, 0))).kind !== 'other';
    } finally {
      opened.close();
    }
  });
}
