/** A recovery of some containers of an environment. */

import { FigaroError } from '../../errors.ts';
import { normalDirectory } from '../../format/names.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type Watch } from '../pause.ts';
import { type Files } from '../files/files.ts';
import { type FileTable } from './file-table.ts';
import { type StoredFile } from './page-store.ts';
import { type PreparedRecovery, type Scope } from './recovery.ts';
import { withFilesAtTheEnd } from './rehearse.ts';

/** A container that was asked for. */
interface Selection {
  readonly scope: Scope;
  /** How many there would be without. */
  readonly outOf: number;
}

/**
 * Finds containers by the names they have at the end of a recovery, for which the file operations of the log are gone
 * through, and nothing else of it. The databases of external files come along. Throws `container-missing` for a name that
 * no container will have.
 *
 * @param prepared undefined when there is no log
 */
export async function selectContainers(
  files: Files,
  environment: Environment,
  prepared: PreparedRecovery | undefined,
  names: readonly string[],
  watch: Watch,
): Promise<Selection> {
  const uids = prepared
    ? await namesAtTheEnd(files, environment, prepared, watch)
    : new Map(filesOfKind(environment, 'database').map(({ name, uid }) => [name, uid]));
  const external = `${normalDirectory(environment.config.externalFileDirectory)}/`;
  const containers = [...uids.keys()].filter((name) => !name.startsWith(external)).sort();
  const chosen = new Set([...uids].filter(([name]) => name.startsWith(external)).map(([, uid]) => uid));
  for (const wanted of names) {
    const uid = uids.get(normalDirectory(wanted));
    if (uid === undefined) {
      throw new FigaroError(
        'container-missing',
        `${wanted}: no container has this name${prepared ? ' at the restore point' : ''}`,
        {
          path: wanted,
          hint: containers.length === 0 ? 'there is none at all.' : `there are: ${containers.join(', ')}.`,
        },
      );
    }
    chosen.add(uid);
  }
  return { scope: chosen, outOf: containers.length };
}

/** Unique ids of databases by name inside the environment, as they will be. */
export async function namesAtTheEnd(
  files: Files,
  environment: Environment,
  prepared: PreparedRecovery,
  watch: Watch,
): Promise<Map<string, string>> {
  return await withFilesAtTheEnd(files, environment, prepared, watch, ({ table }) => new Map(namesIn(table)));
}

/** Names of databases inside the environment, with their unique ids. */
export function* namesIn(table: FileTable): Generator<readonly [name: string, uid: string]> {
  for (const file of table) {
    const name = nameInside(file);
    if (file.uid !== undefined && name !== undefined) yield [name, file.uid];
  }
}

/** The name of a file inside the environment; undefined where it has none. */
export function nameInside({ name, dataDirectory }: Pick<StoredFile, 'name' | 'dataDirectory'>): string | undefined {
  const directory = normalDirectory(dataDirectory);
  return name === undefined || directory === '' ? name : `${directory}/${name}`;
}

/**
 * The files that are needed to recover what is in scope, and to open the result: its databases, and the log file in which
 * the result ends.
 */
export function narrow(environment: Environment, scope: Scope, lastLog: number | undefined): Environment {
  // Their names may be those of a queue before or after it was renamed.
  const hasExtents = filesOfKind(environment, 'database').some(
    ({ format, uid }) => format.method === 'queue' && scope.has(uid),
  );
  const isNeeded = ({ kind, uid, logNumber }: EnvironmentFile): boolean => {
    switch (kind) {
      case 'database':
      case 'placeholder':
        return scope.has(uid);
      case 'log':
        return logNumber === lastLog;
      case 'queue-extent':
        return hasExtents;
      case 'config':
      case 'external-file':
        return true;
      case 'plain':
        return false;
    }
  };
  return { ...environment, files: environment.files.filter(isNeeded) };
}

/** Of containers that were not asked for it does not matter that they are damaged. */
export function withoutOthersDamage(environment: Environment, only: readonly string[]): Environment {
  const names = new Set(only.map(normalDirectory));
  return { ...environment, damaged: environment.damaged.filter(({ name }) => names.has(name)) };
}
