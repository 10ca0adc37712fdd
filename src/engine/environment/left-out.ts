/** What of a source is not part of a backup, and what people are told of it. */

import { shellWord } from '../../shell-words.ts';

/** A file, or a directory with all that is in it, that does not belong into a backup, and why. */
export interface LeftOut {
  /** With `count`, the directory that they are in: empty, or with `/` at its end. */
  readonly name: string;
  readonly path: string;
  readonly reason:
    | 'region'
    | 'temporary'
    | 'replication'
    | 'registry'
    | 'other'
    | 'link'
    | 'empty'
    /** Another name of a file that is taken under the name in `sameAs`. */
    | 'same-file'
    /** A directory that is another environment. */
    | 'environment'
    /** A directory with nothing but log files that DB_CONFIG does not name. */
    | 'log-directory'
    /** The tail of a log file, as sets have them, in an environment that is no copy. */
    | 'log-tail'
    /** The operator asked for it. */
    | 'excluded';
  readonly sameAs?: string;
  /** So many files of one directory, and the name of the first. */
  readonly count?: number;
  readonly example?: string;
  /** What is excluded is a database: its unique id, hex; empty where the password does not open it. */
  readonly databaseId?: string;
}

/** What a manifest says of files that were left out; of many in one directory, how many. */
interface LeftOutSummary {
  readonly path: string;
  readonly reason: LeftOut['reason'];
  readonly sameAs?: string;
  /** `path` is a directory, with `/` at its end, and so many files in it were left out for this reason. */
  readonly count?: number;
}

/** More files than this in one directory are not named one by one. */
const namedPerDirectory = 100;

/** What is left out, as it is found: of many files in one directory for one reason, how many. */
export class LeftOutList {
  readonly #named: LeftOut[] = [];
  readonly #groups = new Map<string, { count: number; readonly first: LeftOut[] }>();

  add(entry: LeftOut): void {
    this.#named.push(entry);
  }

  /** @param path where it is, made when it is needed */
  addFile(directory: string, name: string, reason: LeftOut['reason'], path: () => string): void {
    const likeData = looksLikeData(name);
    const key = `${reason} ${likeData} ${directory}`;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = { count: 0, first: [] }));
    group.count += 1;
    if (group.first.length >= namedPerDirectory) return;
    group.first.push({ name: directory === '' ? name : `${directory}/${name}`, path: path(), reason });
  }

  /** In order of name. */
  all(): readonly LeftOut[] {
    const grouped = [...this.#groups.values()].flatMap(({ count, first }): readonly LeftOut[] => {
      if (count <= namedPerDirectory) return first;
      const { name, path, reason } = first[0]!;
      const upTo = (text: string): string => text.slice(0, text.lastIndexOf('/') + 1);
      return [{ name: upTo(name), path: upTo(path), reason, count, example: name }];
    });
    return [...this.#named, ...grouped].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** What a manifest says of it. */
export function summarize(leftOut: readonly LeftOut[]): LeftOutSummary[] {
  return leftOut.map(({ name, reason, sameAs, count }) => ({
    path: name === '' ? './' : name,
    reason,
    ...(sameAs === undefined ? {} : { sameAs }),
    ...(count === undefined ? {} : { count }),
  }));
}

/** Of a file by its name: people would miss it. */
export function looksLikeData(name: string): boolean {
  return /\.(db|dbxml|bdb|sqlite3?|mdb)$/i.test(name);
}

/** What the operator has to know of what was left out, one sentence each. */
export function warningsOf(leftOut: readonly LeftOut[]): string[] {
  const warnings: string[] = [];
  for (const { name, path, reason, sameAs, count, example } of leftOut) {
    if (reason === 'environment') {
      warnings.push(
        `${name} is an environment of its own and is left out: back it up by itself, with \`figaro-backup hot --home ${shellWord(path)}\``,
      );
    } else if (reason === 'log-tail') {
      warnings.push(
        `${name} is the tail of a log file, from a copy of sets, and is left out: Berkeley DB passes over it. If it was not appended before the copy was recovered, what it holds is missing here`,
      );
    } else if (reason === 'same-file') {
      warnings.push(`${name} is another name of ${sameAs} and is left out: recovery makes ${sameAs} alone`);
    } else if (count !== undefined) {
      if ((reason === 'other' || reason === 'empty') && looksLikeData(example!)) {
        const what = reason === 'empty' ? 'empty' : 'no Berkeley DB databases';
        warnings.push(
          `${count} files such as ${example} are ${what} and are left out: take them with --include, or silence this with --exclude`,
        );
      }
    } else if ((reason === 'other' || reason === 'empty') && looksLikeData(name)) {
      const what = reason === 'empty' ? 'is empty' : 'is not a Berkeley DB database';
      warnings.push(`${name} ${what} and is left out: take it with --include, or silence this with --exclude`);
    }
  }
  return warnings;
}
