/** Databases that are gone without the log saying so, as the sets of a repository tell. */

import { type GoneDatabase } from './manifest.ts';
import { type BackupSet } from './backup-set.ts';

/**
 * What a chain tells. What an earlier chain had is not in this one, whatever later sets of it say: an incremental brings no
 * container. What this chain has itself is gone as long as its newest set says so.
 */
export function goneOf(sets: readonly BackupSet[]): GoneDatabase[] {
  const newest = sets.at(-1);
  const entries = sets.flatMap((set) =>
    (set.manifest.gone ?? []).filter(({ chain }) => set === newest || chain !== sets[0]!.id),
  );
  return [...new Map(entries.map((entry) => [entry.databaseId, entry])).values()];
}

/**
 * What the newest chain of each source tells. Chains are given the oldest first; those before a new source are of an
 * environment that the repository is no longer of.
 */
export function goneNow(chains: readonly { readonly sets: readonly BackupSet[] }[]): GoneDatabase[] {
  const first = chains.findLastIndex(({ sets: [full] }) => full!.manifest.newSource === true);
  const newest = new Map(chains.slice(Math.max(0, first)).map(({ sets }) => [sets[0]!.manifest.source, sets]));
  return [...newest.values()].flatMap(goneOf);
}
