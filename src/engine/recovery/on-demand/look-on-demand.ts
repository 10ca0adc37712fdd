import { FigaroError } from '../../../errors.ts';
import { normalDirectory } from '../../../format/names.ts';
import { type Environment } from '../../environment/environment.ts';
import { type Files } from '../../files/files.ts';
import { type Watch } from '../../pause.ts';
import { whileStill, type Look, type SeenContainer } from '../seen-container.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { defaultCacheBytes } from '../rehearse.ts';
import { withContainerOnDemand } from './container-on-demand.ts';
import { NotOnDemand } from './not-on-demand.ts';

interface LookOnDemandOptions {
  readonly cacheBytes: number | undefined;
  readonly isEnough: (container: SeenContainer) => Promise<boolean>;
  readonly watch: Watch;
}

/**
 * Has a container looked at whose pages are recovered when they are read. Undefined where that is not enough, for whatever reason: nobody
 * has been told anything then.
 */
export async function lookOnDemand<T>(
  files: Files,
  environment: Environment,
  prepared: PreparedRecovery,
  name: string,
  { cacheBytes = defaultCacheBytes, isEnough, watch }: LookOnDemandOptions,
  look: Look<T>,
): Promise<{ readonly value: T } | undefined> {
  let isSure = false;
  try {
    const inside = normalDirectory(name);
    return await withContainerOnDemand(
      files,
      environment,
      prepared,
      inside,
      { cacheBytes, watch },
      async (seen, uid) => {
        const container = { files: seen, path: inside, warnings: [], isOnDemand: true } as const;
        if (!(await isEnough(container))) return undefined;
        isSure = true;
        const scope = { has: (other: string) => other === uid };
        return { value: await whileStill(files, environment, scope, () => look(container)) };
      },
    );
  } catch (error) {
    // What is wrong is told by a recovery of the whole container.
    const isTold = error instanceof FigaroError && error.code !== 'interrupted';
    if (isSure || !(isTold || error instanceof NotOnDemand)) throw error;
    return undefined;
  }
}
