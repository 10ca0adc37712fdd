/** Whether an incremental found anything that its chain does not have. */

import { type Chain } from '../repository/chain.ts';
import { type GoneDatabase } from '../repository/manifest.ts';
import { type IncrementalCopy } from './incremental.ts';

/**
 * True when a copy brings nothing to its chain: no log, not even the record of a checkpoint, no file of the application's own,
 * no other settings, no database that came or went.
 *
 * A record is something new whatever it says: the next incremental has to begin where the chain ends, also when the application
 * has removed the log file by then.
 */
export function bringsNothing(copy: IncrementalCopy, chain: Chain): boolean {
  const known = new Map(chain.sets.flatMap(({ manifest }) => manifest.files).map((file) => [file.path, file.sha256]));
  const told = new Set(
    chain.sets.flatMap(({ manifest: { created = [] } }) => created.map((entry) => entry.databaseId)),
  );
  return (
    copy.files.every(({ path, sha256 }) => known.get(path) === sha256) &&
    copy.unexplained.every(({ uid }) => uid !== undefined && told.has(uid))
  );
}

/** True when the newest set of a chain tells the same databases of it to be gone. */
export function isToldGone(gone: readonly GoneDatabase[], chain: Chain): boolean {
  const told = (chain.sets.at(-1)!.manifest.gone ?? []).filter((entry) => entry.chain === chain.id);
  const ids = new Set(told.map(({ databaseId }) => databaseId));
  return gone.length === told.length && gone.every(({ databaseId }) => ids.has(databaseId));
}

/** True when the newest set is proven as well as it can be with what is known of the key. */
export function isProven(chain: Chain, isUnread: boolean): boolean {
  return isUnread || chain.sets.at(-1)!.manifest.proof?.structure !== undefined;
}
