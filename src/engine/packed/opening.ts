/** How a packed repository is opened: what goes to the thread that reads, too. */

import { type Head } from '../repository/head.ts';

/** Secrets that were given, as lines of identity files. */
export interface GivenKeys {
  readonly identities: readonly string[];
  /** Of the machine that backs up. */
  readonly machine?: string;
  /** Keys that the machine had before that one: they open what was sealed then. */
  readonly earlier?: readonly string[];
}

/** Whether sets of a repository are written: a key file is then that of its machine, and may otherwise be that of another repository. */
export type RepositoryRole = 'read' | 'written';

export interface PackedOpening {
  readonly head: Head;
  readonly keys: GivenKeys;
}
