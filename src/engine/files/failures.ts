/** What a failed call of the operating system means, as a `FigaroError`: `no-space`, `not-permitted`, otherwise `io`. */

import { FigaroError, isOfTheRun, isSystemError, type ErrorCode } from '../../errors.ts';

const errorCodes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'no-space',
  EDQUOT: 'no-space',
  EACCES: 'not-permitted',
  EPERM: 'not-permitted',
  EROFS: 'not-permitted',
};

/** What this process, or the whole machine, has run out of. */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'allow this user more open files (`ulimit -n`), then run the same command again.',
  ENFILE: 'this machine has too many open files: close some, then run the same command again.',
  ENOMEM: 'this machine is short of memory: make some free, then run the same command again.',
};

const hints: Partial<Record<ErrorCode, string>> = {
  'no-space': 'make room on that file system, then run the same command again.',
  'not-permitted': 'check who owns it and as which user this runs.',
};

/** Of Windows. */
const heldHint =
  'another program has it open. Find out which, by Resource Monitor, and run the same command again without it.';

/** Runs one operation on `file` and turns a failure into a `FigaroError`. */
export function attempt<T>(operation: string, file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw failure(operation, file, error);
  }
}

export function failure(operation: string, file: string, cause: unknown): unknown {
  if (!isSystemError(cause)) return cause;
  const code = errorCodes[cause.code!] ?? 'io';
  const isHeld = process.platform === 'win32' && cause.code === 'EBUSY';
  const hint = isHeld ? heldHint : (shortages[cause.code!] ?? hints[code]);
  return new FigaroError(code, `${file}: cannot ${operation}: ${reason(cause)}`, {
    path: file,
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** True for a failure that says nothing of the file it happened on: too many are open, the memory is full, or where it is cannot be reached. */
export function isShortage(error: FigaroError): boolean {
  const { cause } = error.details;
  return isOfTheRun(error) || (isSystemError(cause) && cause.code! in shortages);
}

/** `EIO: i/o error, read` becomes `i/o error (EIO)`. */
function reason(error: NodeJS.ErrnoException): string {
  const text = /^[A-Z0-9]+: ([^,]*)/.exec(error.message)?.[1] ?? error.message;
  return `${text} (${error.code})`;
}

export function isCode(error: unknown, ...codes: string[]): boolean {
  return isSystemError(error) && codes.includes(error.code!);
}
