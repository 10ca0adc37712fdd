/** Which two states `diff` is about: from the options. */

import { type SideSource } from '../../engine/differences/sides.ts';
import { type Files } from '../../engine/files/files.ts';
import { type RestorePoint } from '../../engine/recovery/restore-point.ts';
import { openRepository } from '../../engine/repository/repository.ts';
import { FigaroError } from '../../errors.ts';
import { repositoryOf } from '../directories.ts';
import { requireNoCopiedDirectories, requireNoDirectories } from '../environment-directories.ts';
import { firstMomentOf, restorePointOf, type FirstMomentOptions, type RestorePointOptions } from '../restore-point.ts';
import { findEnvironment, type SourceOptions } from '../source.ts';

export interface DiffSourceOptions extends SourceOptions, FirstMomentOptions, RestorePointOptions {}

/** Throws `usage` where the options do not say which two states are meant, and what keeps an environment from being found. */
export function sourcesOf(
  files: Files,
  options: DiffSourceOptions,
): { readonly from: SideSource; readonly to: SideSource } {
  const { repo, home, from: copies, fromSet, toSet, chain } = options;
  const first = firstMomentOf(options);
  const last = restorePointOf(options);
  const isWithHome = repo !== undefined && home !== undefined && copies === undefined;
  if (first.kind === 'end' && fromSet === undefined && !isWithHome) throw noFirstMoment();
  if (isWithHome) {
    if (last.kind !== 'end' || toSet !== undefined) {
      throw new FigaroError('usage', 'a chain is compared with the environment as it is now', {
        hint: 'leave out --to-set, --to-time, --to-lsn and --to-txn; or --home, to compare two moments of the chain.',
      });
    }
    const { repo: _repo, ...ofHome } = options;
    return {
      from: chainAt(files, repo, chain, fromSet, first),
      to: { ...findEnvironment(files, ofHome), point: last },
    };
  }
  if (home === undefined && copies === undefined) {
    requireNoCopiedDirectories(options.dirAt);
    requireNoDirectories(options, '--repo');
    const directory = repositoryOf({ repo });
    return {
      from: chainAt(files, directory, chain, fromSet, first),
      to: chainAt(files, directory, chain, toSet, last),
    };
  }
  const ofChains = Object.entries({ '--chain': chain, '--from-set': fromSet, '--to-set': toSet });
  const other = ofChains.find(([, value]) => value !== undefined)?.[0];
  if (other !== undefined) {
    throw new FigaroError('usage', `${other} is for chains, and cannot be used with ${copies ? '--from' : '--home'}`);
  }
  const { files: through, environment } = findEnvironment(files, options);
  return {
    from: { files: through, environment, point: first },
    to: { files: through, environment, point: last },
  };
}

function chainAt(
  files: Files,
  directory: string,
  chain: string | undefined,
  set: string | undefined,
  point: RestorePoint,
): SideSource {
  return {
    repository: openRepository(files, directory),
    ...(chain === undefined ? {} : { chain }),
    ...(set === undefined ? {} : { toSet: set }),
    point,
  };
}

function noFirstMoment(): FigaroError {
  return new FigaroError('usage', 'nothing says from when on', {
    hint: 'give --from-time, --from-lsn, --from-txn or --from-set; or --repo and --home, to compare a chain with the environment as it is now.',
  });
}
