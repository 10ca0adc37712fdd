/** What of a source is not part of a backup, and what people are told of it. */

/** A file, or a directory with all that is in it, that does not belong into a backup, and why. */
export interface LeftOut {
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
    /** The operator asked for it. */
    | 'excluded';
  readonly sameAs?: string;
  /** What is excluded is a database: its unique id, hex; empty where the password does not open it. */
  readonly databaseId?: string;
}

/** What a manifest says of files that were left out; of many in one directory, how many. */
export interface LeftOutSummary {
  readonly path: string;
  readonly reason: LeftOut['reason'];
  readonly sameAs?: string;
  /** `path` is a directory, with `/` at its end, and so many files in it were left out for this reason. */
  readonly count?: number;
}

/** More files than this in one directory are not named one by one. */
const namedPerDirectory = 100;

export function summarize(leftOut: readonly LeftOut[]): LeftOutSummary[] {
  const groups = new Map<string, LeftOut[]>();
  for (const entry of leftOut) {
    const directory = entry.name.slice(0, entry.name.lastIndexOf('/') + 1);
    const key = `${entry.reason} ${directory}`;
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return [...groups].flatMap(([key, group]): LeftOutSummary[] => {
    const { reason } = group[0]!;
    if (group.length > namedPerDirectory) {
      return [{ path: key.slice(reason.length + 1) || './', reason, count: group.length }];
    }
    return group.map(({ name, sameAs }) => ({ path: name, reason, ...(sameAs === undefined ? {} : { sameAs }) }));
  });
}

/** Of a file by its name: people would miss it. */
export function looksLikeData(name: string): boolean {
  return /\.(db|dbxml|bdb|sqlite3?|mdb)$/i.test(name);
}

/** What the operator has to know of what was left out, one sentence each. */
export function warningsOf(leftOut: readonly LeftOut[]): string[] {
  const warnings: string[] = [];
  for (const { name, path, reason, sameAs } of leftOut) {
    if (reason === 'environment') {
      warnings.push(
        `${name} is an environment of its own and is left out: back it up by itself, with \`figaro-backup hot --home ${path}\``,
      );
    } else if (reason === 'same-file') {
      warnings.push(`${name} is another name of ${sameAs} and is left out: recovery makes ${sameAs} alone`);
    } else if ((reason === 'other' || reason === 'empty') && looksLikeData(name)) {
      const what = reason === 'empty' ? 'is empty' : 'is not a Berkeley DB database';
      warnings.push(`${name} ${what} and is left out: take it with --include, or silence this with --exclude`);
    }
  }
  return warnings;
}
