import { type ErrorCode } from '../../errors.ts';

/** Something wrong in a set. */
export interface Finding {
  /** The set it is in. */
  readonly set: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** Inside the set. */
  readonly path?: string;
  readonly pgno?: number;
  /** Printed form. */
  readonly lsn?: string;
}
