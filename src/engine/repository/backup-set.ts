/** A set as it lies in a repository. */

import { type Manifest } from './manifest.ts';
import { type ErrorCode } from '../../errors.ts';

/** A set that is complete: it has its manifest. */
export interface BackupSet {
  readonly id: string;
  readonly directory: string;
  readonly manifest: Manifest;
}

/** The disk failed to show it: nothing is known of what it is. */
export function isHidden({ code }: BrokenSet): boolean {
  return code === 'io' || code === 'not-permitted';
}

/** A directory that looks like a set and is none. */
export interface BrokenSet {
  readonly id: string;
  readonly directory: string;
  /** `incomplete`: the run that made it did not finish. `damaged`: its manifest cannot be read. */
  readonly state: 'incomplete' | 'damaged';
  readonly code: ErrorCode;
  readonly problem: string;
}
