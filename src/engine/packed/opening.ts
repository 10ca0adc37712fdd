/** How a packed repository is opened: what goes to the thread that reads, too. */

import { type Head } from '../repository/head.ts';

/** Secrets that were given, as lines of identity files. */
export interface GivenKeys {
  readonly identities: readonly string[];
  /** Of the machine that backs up. */
  readonly machine?: string;
}

export interface PackedOpening {
  readonly head: Head;
  readonly keys: GivenKeys;
}
