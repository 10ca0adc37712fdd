import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { createRepository, type Repository } from './repository.ts';

/**
 * Makes a repository on purpose: the directory above it has to be there. Throws `repository-missing` where it is not, as
 * when a disk is not mounted, and `target-not-empty`.
 *
 * @returns `created` is false where there was one already
 */
export function initRepository(
  files: Files,
  directory: string,
): { readonly repository: Repository; readonly created: boolean } {
  const full = path.resolve(directory);
  const parent = path.dirname(full);
  if (files.statThrough(parent)?.kind !== 'directory') {
    throw new FigaroError('repository-missing', `${full} cannot be made: there is no directory ${parent}`, {
      path: parent,
      hint: 'is the disk of the backups mounted? Otherwise make that directory first.',
    });
  }
  return createRepository(files, full);
}
