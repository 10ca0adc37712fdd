/** Stores whose keys may not do everything. */

import { FigaroError } from '../../src/errors.ts';
import { type MemoryStore, type StoreCall, type StoreHooks } from './memory-store.ts';

/** Refuses calls as S3 does it. */
export function refusing({ place }: MemoryStore, isForbidden: (call: StoreCall) => boolean): StoreHooks {
  return {
    before: (call) => {
      if (!isForbidden(call)) return;
      throw new FigaroError(
        'not-permitted',
        `${place}: cannot ${call.operation} ${call.name}: the store does not allow it (403 AccessDenied)`,
      );
    },
  };
}
