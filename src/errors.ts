/**
 * The one error class for everything an operator can act on, and the table of its codes.
 * Anything else that is thrown is a bug (`internal`, exit 1).
 */

/** Error code to exit status. `docs/troubleshooting.md` says of each what it means and what to do next. */
export const exitCodes = {
  internal: 1,
  usage: 2,
  'environment-missing': 3,
  'container-missing': 3,
  'document-missing': 3,
  'log-missing': 3,
  'format-unsupported': 3,
  'page-checksum': 4,
  'page-type': 4,
  'log-corrupt': 4,
  'file-checksum': 4,
  'manifest-corrupt': 4,
  'standby-corrupt': 4,
  'not-recoverable': 4,
  'set-incomplete': 5,
  'set-missing': 5,
  'repository-missing': 5,
  'standby-missing': 5,
  'chain-gap': 5,
  'chain-mismatch': 5,
  'restore-point-unreachable': 5,
  'target-not-empty': 6,
  'target-in-use': 6,
  'no-space': 6,
  'not-permitted': 6,
  io: 6,
  busy: 7,
  'environment-in-use': 8,
  'environment-changed': 8,
  'page-unstable': 9,
  password: 10,
  stale: 11,
  'hook-failed': 12,
  'store-unreachable': 13,
  interrupted: 130,
} as const;

/** What is wrong, for programs. Codes can be added. */
export type ErrorCode = keyof typeof exitCodes;

/** Where and why, for `--json` and for the hint line. */
export interface ErrorDetails {
  /** A sentence saying what to do next. */
  readonly hint?: string;
  readonly path?: string;
  readonly pgno?: number;
  /** Printed form, `[12][4096]`. */
  readonly lsn?: string;
  /** All that is wrong, where that is more than the message says. */
  readonly findings?: readonly object[];
  readonly cause?: unknown;
}

/** A failure the operator can act on. The message has the subject first, in lower case, with no final stop. */
export class FigaroError extends Error {
  override readonly name = 'FigaroError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
}

/** True for errors of the operating system, which carry a code such as `ENOENT`. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || error instanceof FigaroError) return false;
  return typeof (error as NodeJS.ErrnoException).code === 'string';
}

/** True for an error about a damaged page: what lies elsewhere can be sound. */
export function isPageDamage(error: unknown): error is FigaroError {
  return error instanceof FigaroError && (error.code === 'page-type' || error.code === 'page-checksum');
}

/** True for an error about what is kept of a set: it is not as it was written, or not there any more. */
export function isSetDamage(error: unknown): error is FigaroError {
  const codes: readonly ErrorCode[] = ['file-checksum', 'manifest-corrupt', 'set-incomplete'];
  return error instanceof FigaroError && codes.includes(error.code);
}

/** Bytes of a set that its store has, and does not let these keys read. */
export class Withheld extends FigaroError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('not-permitted', message, details);
  }
}

/** True for an error that says of what is stored that nobody here can read it: for want of a key to it, or of the permission. */
export function isClosed(error: unknown): error is FigaroError {
  return error instanceof Withheld || (error instanceof FigaroError && error.code === 'password');
}

/** True for an error that says nothing of what the run was looking at: it was stopped, or where things are cannot be reached now. */
export function isOfTheRun(error: unknown): boolean {
  return error instanceof FigaroError && (error.code === 'interrupted' || error.code === 'store-unreachable');
}
