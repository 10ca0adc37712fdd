/** One container of an environment as of a restore point, looked at in memory: nothing is written anywhere. */

import { FigaroError } from '../../errors.ts';
import { normalDirectory } from '../../format/names.ts';
import { filesOfKind, type Environment } from '../environment/environment.ts';
import { isOpaque } from '../environment/opaque.ts';
import { type Files } from '../files/files.ts';
import { requireCounts } from '../given.ts';
import { encryptedFile } from '../locked.ts';
import { type Watch } from '../pause.ts';
import { isProven } from '../repository/chain.ts';
import { requireIntactLog } from '../verify/intact.ts';
import { findSource, withCover, type RecoverySource } from './recover-from.ts';
import { recoveredFiles } from './recovered-files.ts';
import { prepareRecovery, rehearse } from './rehearse.ts';
import { type RestorePoint } from './restore-point.ts';
import { whileStill, type Look, type SeenContainer } from './seen-container.ts';
import { selectContainers, withoutOthersDamage } from './select-containers.ts';

export interface LookOptions {
  readonly restorePoint: RestorePoint;
  /** Memory for pages, in bytes. */
  readonly cacheBytes?: number | undefined;
  /**
   * For those who read little: looks at the container while only those pages are recovered that are read, and says whether everything is
   * as it should be. If it is, the look itself is at this container. If not, or where pages cannot be had so, it is at
   * one that is recovered as a whole, which decides what is wrong. Asked of chains that were proven when they were made.
   */
  readonly isEnough?: ((container: SeenContainer) => Promise<boolean>) | undefined;
  readonly watch: Watch;
}

/**
 * As `lookIntoContainer`, of a chain or of plain copies: the one that covers the restore point, where none is named. Of a chain the
 * log is compared with its SHA-256; of the container each page that is read is looked at, and no more.
 */
export async function lookFrom<T>(
  disk: Files,
  from: RecoverySource,
  name: string,
  options: LookOptions,
  look: Look<T>,
): Promise<T> {
  const { restorePoint: point, watch } = options;
  const { files, chain, found, warnings } = await findSource(disk, from, { point, watch });
  if (chain) await requireIntactLog(files, chain, found, watch);
  const restorePoint = withCover(files, point, chain);
  const isEnough = chain && isProven(chain) ? options.isEnough : undefined;
  return await lookIntoContainer(files, found, name, { ...options, restorePoint, isEnough }, (container) =>
    look({ ...container, warnings }),
  );
}

/**
 * Recovers a container in memory, by the name it has at the restore point, and has it looked at. Throws `container-missing` where
 * there will be none, `restore-point-unreachable`, `environment-changed` where the file was written to meanwhile, and whatever keeps
 * it from being recovered.
 */
export async function lookIntoContainer<T>(
  files: Files,
  found: Environment,
  name: string,
  { restorePoint, cacheBytes, isEnough, watch }: LookOptions,
  look: Look<T>,
): Promise<T> {
  requireCounts({ cacheBytes });
  const environment = withoutOthersDamage(found, [name]);
  if (filesOfKind(environment, 'log').length === 0) {
    if (restorePoint.kind !== 'end') {
      throw new FigaroError('restore-point-unreachable', 'there is no log: containers can be read only as they are');
    }
    const { scope } = await selectContainers(files, environment, undefined, [name], watch);
    const inside = normalDirectory(name);
    const { path, format } = filesOfKind(environment, 'database').find((file) => file.name === inside)!;
    if (isOpaque(format)) throw encryptedFile(path);
    return await whileStill(files, environment, scope, () => look({ files, path, warnings: [] }));
  }
  const recovery = { restorePoint, isPart: true, watch, ...(cacheBytes === undefined ? {} : { cacheBytes }) };
  const prepared = await prepareRecovery(files, environment, recovery);
  if (isEnough) {
    const { lookOnDemand } = await import('./on-demand/look-on-demand.ts');
    const found = await lookOnDemand(files, environment, prepared, name, { cacheBytes, isEnough, watch }, look);
    if (found) return found.value;
  }
  const { scope } = await selectContainers(files, environment, prepared, [name], watch);
  let result: { readonly value: T } | undefined;
  await rehearse(files, environment, {
    ...recovery,
    prepared,
    scope,
    inspect: async (state) => {
      const path = normalDirectory(name);
      const value = await whileStill(files, environment, scope, () =>
        look({ files: recoveredFiles(files, state), path, warnings: [] }),
      );
      result = { value };
    },
  });
  return result!.value;
}
