/** A private place for what is made here and kept elsewhere: gone afterwards, and after a kill with the next run. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { requireLocal, requireNoneAbove } from '../places.ts';
import { beginStage, discardStage, sweepBeside } from '../recovery/leftovers.ts';
import { createRepository, type Repository } from '../repository/repository.ts';

/** Begins the names of spools: those of one user are apart from those of others in a directory of all. */
function spoolName(): string {
  const uid = process.getuid?.();
  return uid === undefined ? 'figaro-backup' : `figaro-backup-${uid}`;
}

interface Spool {
  /** A repository that only this run knows. */
  readonly repository: Repository;
  /** For all that is done to it. */
  readonly files: Files;
  /** About what earlier runs left. */
  readonly warnings: readonly string[];
}

/** What the names of spools in a directory begin with, as a path. Throws `usage` for a directory that there cannot be one in. */
export function spoolPlace(files: Files, directory: string): string {
  const place = { what: 'the spool', path: path.resolve(directory, spoolName()) };
  requireLocal(files, { ...place, path: directory });
  requireNoneAbove(files, place);
  if (files.statThrough(directory)?.kind === 'directory') return place.path;
  throw new FigaroError('usage', `${directory} is not a directory: there cannot be a spool in it`, {
    path: directory,
    hint: 'make it first, or name another one with --spool or $FIGARO_BACKUP_SPOOL.',
  });
}

/** Runs `work` with a spool in a directory. Throws as `spoolPlace`, and what `work` throws. */
export async function withSpool<T>(all: Files, directory: string, work: (spool: Spool) => Promise<T>): Promise<T> {
  const place = spoolPlace(all, directory);
  const { stage, files, lease } = beginStage(all, place, 'spooling');
  try {
    const warnings = sweepBeside(files, place, stage, 'spooling');
    const { repository } = createRepository(files, path.join(stage, 'repository'));
    return await work({ repository, files, warnings });
  } catch (error) {
    throw asOfSpool(lease.reasonOf(error), stage);
  } finally {
    discardStage(all, stage);
    lease.stop();
  }
}

/** A full spool is nobody's repository that something could be removed from. */
export function asOfSpool(error: unknown, stage: string): unknown {
  if (!(error instanceof FigaroError) || error.code !== 'no-space') return error;
  if (!error.details.path?.startsWith(stage)) return error;
  const hint = 'make room there, or name a directory on another disk with --spool.';
  return new FigaroError(error.code, error.message, { ...error.details, hint });
}
