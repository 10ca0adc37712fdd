/** Whether what stands beside a manifest, pins and checks, is damaged, or could not be read this time. */

import { FigaroError } from '../../errors.ts';
import { isShortage } from '../files/failures.ts';

/** Takes a failure of the system to read a file: who decides by what is in it must not decide. */
export type OnFailure = (failure: FigaroError) => void;

/**
 * What `read` gives; undefined for a file that is not as this program makes it, and when `onFailure` took the failure to
 * read it. Too few descriptors or too little memory are always thrown, since the next file fares no better.
 */
export function orFailure<T>(read: () => T, onFailure?: OnFailure): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    if (error.details.cause === undefined) return undefined;
    if (!onFailure || isShortage(error)) throw error;
    onFailure(error);
    return undefined;
  }
}
