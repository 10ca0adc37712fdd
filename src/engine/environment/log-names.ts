/** What files are called in a log, and where that is in a copy of the environment (format document, 1.2). */

import { posix } from 'node:path';
import { hasDrive, normalDirectory } from '../../format/names.ts';
import { whyNotOnWindows } from '../../format/windows-names.ts';
import { type Environment } from './environment.ts';

/** A name as log records use it in a copy: relative to a data directory. */
interface NameInside {
  readonly name: string;
  /** Undefined where the record has to say. */
  readonly dataDirectory: string | undefined;
}

/**
 * Applications may open containers by their full path. Then the log has that path, which leads to the original, wherever a copy is:
 * it is never followed, and stands for the file of the copy.
 */
export class LogNames {
  /** Original places, and what they are called inside; the longest first. */
  readonly #places: readonly { readonly place: string; readonly inside: string }[];
  readonly #home: string;
  readonly #dataDirectories: readonly { readonly written: string; readonly name: string }[];

  constructor({ home, originalHome = home, insideNames = new Map(), config }: Environment) {
    this.#home = withSlashes(originalHome);
    this.#places = [[this.#home, ''] as const, ...insideNames]
      .map(([written, inside]) => ({
        place: comparable(this.#full(withSlashes(written))),
        inside: normalDirectory(inside),
      }))
      .sort((a, b) => b.place.length - a.place.length);
    this.#dataDirectories = config.dataDirectories
      .map((written) => ({ written, name: normalDirectory(written) }))
      .filter(({ name }) => name !== '')
      .sort((a, b) => b.name.length - a.name.length);
  }

  #full(name: string): string {
    return posix.normalize(isFull(name) ? name : `${this.#home}/${name}`);
  }

  /** Where it is in the copy; undefined for a file outside of all directories of the environment. */
  inside(logged: string): NameInside | undefined {
    const name = withSlashes(logged).replace(/^(\.\/)+/, '');
    if (!isFull(name) && !name.split('/').includes('..')) return { name, dataDirectory: undefined };
    const full = this.#full(name);
    const found = this.#places.find(({ place }) => comparable(full).startsWith(`${place}/`));
    if (!found) return undefined;
    const rest = full.slice(found.place.length + 1);
    const inside = found.inside === '' ? rest : `${found.inside}/${rest}`;
    const data = this.#dataDirectories.find((directory) => inside.startsWith(`${directory.name}/`));
    return data
      ? { name: inside.slice(data.name.length + 1), dataDirectory: data.written }
      : { name: inside, dataDirectory: '' };
  }
}

/** True for a name in a log that leads out of the environment, or to something else in it. */
export function leadsElsewhere(name: string): boolean {
  if (name === '' || isFull(name) || name.split('/').includes('..')) return true;
  return process.platform === 'win32' && whyNotOnWindows(normalDirectory(name)) !== undefined;
}

function withSlashes(name: string): string {
  return name.replaceAll('\\', '/');
}

function isFull(name: string): boolean {
  return name.startsWith('/') || hasDrive(name);
}

/** On drives, small letters and capitals are the same. */
function comparable(name: string): string {
  return hasDrive(name) ? name.toLowerCase() : name;
}
