import { type DatabaseFormat } from '../../format/page/meta.ts';
import { isOpaqueLog } from '../log/log-files.ts';
import { type Files } from '../files/files.ts';
import { filesOfKind, logPaths, type Environment } from './environment.ts';

/** True for databases that are encrypted where no password was given: only the headers of their pages can be read. */
export function isOpaque({ encrypted, cipher }: DatabaseFormat): boolean {
  return encrypted && !cipher;
}

/** Path of a file of an environment that is encrypted where no password was given; undefined when all can be read. */
export function findOpaque(files: Files, environment: Environment): string | undefined {
  const database = filesOfKind(environment, 'database').find(({ format }) => isOpaque(format));
  if (database) return database.path;
  const paths = [...logPaths(environment).values()];
  return isOpaqueLog(files, paths) ? paths[0]![0]!.path : undefined;
}
