/** What is compared: two states of an environment, each from a chain, from plain copies or from the environment itself. */

import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { type Chain } from '../repository/chain.ts';
import { isNewestWanted } from '../repository/find-chain.ts';
import { coversPoint } from '../recovery/chain-of-point.ts';
import { findSource, withCover, type RecoverySource } from '../recovery/recover-from.ts';
import { type RestorePoint } from '../recovery/restore-point.ts';
import { requireIntactLog } from '../verify/intact.ts';

/** What one of the two states is recovered from, and how far. */
export interface Side {
  readonly files: Files;
  readonly environment: Environment;
  readonly restorePoint: RestorePoint;
  readonly chain: Chain | undefined;
  readonly warnings: readonly string[];
}

export type SideSource =
  | (RecoverySource & { readonly point: RestorePoint })
  | { readonly files: Files; readonly environment: Environment; readonly point: RestorePoint };

/**
 * Finds both. Where a repository is named and no chain of it, the chain of the later state is taken for the earlier one as well, if it
 * covers that. The log of chains is compared with its SHA-256. Throws as `findSource`.
 */
export async function findSides(
  disk: Files,
  from: SideSource,
  to: SideSource,
  watch: Watch,
): Promise<{ readonly from: Side; readonly to: Side }> {
  const later = await findSide(disk, to, watch);
  const { chain } = later;
  if (chain && isOpen(from) && isOpen(to) && (await coversPoint(later.files, chain, from.point, watch))) {
    const restorePoint = withCover(later.files, from.point, chain);
    return { from: { ...later, restorePoint, warnings: [] }, to: later };
  }
  if ('copies' in from && 'copies' in to) return { from: { ...later, restorePoint: from.point }, to: later };
  if ('environment' in from && 'environment' in to) return { from: { ...later, restorePoint: from.point }, to: later };
  return { from: await findSide(disk, from, watch), to: later };
}

/** True for a repository of which any chain will do. */
function isOpen(source: SideSource): boolean {
  return 'repository' in source && isNewestWanted(source.chain) && isNewestWanted(source.toSet);
}

async function findSide(disk: Files, source: SideSource, watch: Watch): Promise<Side> {
  const { point } = source;
  if ('environment' in source) {
    return {
      files: source.files,
      environment: source.environment,
      restorePoint: point,
      chain: undefined,
      warnings: [],
    };
  }
  const { files, chain, found, warnings } = await findSource(disk, source, { point, watch });
  if (chain) await requireIntactLog(files, chain, found, watch);
  return { files, environment: found, restorePoint: withCover(files, point, chain), chain, warnings };
}
