/** Verification of sets that come as a stream, as from a tape. */

import { type Files } from '../files/files.ts';
import { receiveSets } from '../transfer/receive-sets.ts';
import { withSpool } from '../transfer/spool.ts';
import { type VerifyOptions, type VerifyResult } from './verification.ts';
import { verifySets } from './verify-sets.ts';

/**
 * Verifies the sets of a tar as `verifySets` does those of a repository. They lie in a spool meanwhile, and are gone afterwards.
 * Throws as `receiveSets`, since of what did not come nothing can be said.
 */
export async function verifyStream(
  files: Files,
  input: AsyncIterable<Uint8Array>,
  spool: string,
  options: Omit<VerifyOptions, 'record'>,
): Promise<VerifyResult> {
  return await withSpool(files, spool, async ({ repository, files: held, warnings }) => {
    await receiveSets(held, repository, input, options.watch ?? {});
    const result = await verifySets(held, repository, { ...options, record: false });
    return { ...result, warnings: [...warnings, ...result.warnings] };
  });
}
