/** Two states of an environment that can be read beside each other. */

import { type Files } from '../files/files.ts';
import { type PreparedRecovery } from '../recovery/recovery.ts';
import { type Commit } from '../recovery/restore-point.ts';
import { type PageSet } from './page-set.ts';
import { type Side } from './sides.ts';

/** One of two states that can be read. */
export interface SeenState {
  /** Through which, by names inside the environment. */
  readonly files: Files;
  /** Unique ids of databases by their names. */
  readonly databases: ReadonlyMap<string, string>;
  /** The last commit in it; undefined where there is none. */
  readonly commit: Commit | undefined;
}

export interface TwoStates {
  readonly from: SeenState;
  readonly to: SeenState;
  /** The pages of a file that can differ, by its unique id: none, some, or any. */
  readonly mayDiffer: (uid: string) => PageSet | 'none' | 'any';
  /**
   * Where pages are recovered when they are read: to be called before anybody is told anything. Whatever is wrong is to be thrown until
   * then, and is told by a look at states that are recovered as a whole.
   */
  readonly beSure?: () => void;
}

export type Look<T> = (states: TwoStates) => Promise<T>;

/** What is known of a side before its pages are. */
export interface PreparedSide extends Side {
  /** Undefined where there is no log. */
  readonly prepared: PreparedRecovery | undefined;
}
