import {
  recoverFrom,
  type Recovered,
  type RecoverFromOptions,
  type RecoverySource,
} from '../engine/recovery/recover-from.ts';
import { type Files } from '../engine/files/files.ts';

/** Recovers, and throws `container-missing` in the end where something is lacking that nobody said may be. */
export async function recover(files: Files, from: RecoverySource, options: RecoverFromOptions): Promise<Recovered> {
  const { lacking, ...recovered } = await recoverFrom(files, from, options);
  // The target is there, but who does not look must not take it for all there was.
  if (lacking) throw lacking;
  return recovered;
}
