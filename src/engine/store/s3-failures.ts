/** What failures of S3 mean. Stores of others than Amazon use its codes, but not for all the same. */

import { FigaroError, isSystemError, type ErrorCode } from '../../errors.ts';
import { networkProblem, Unreachable } from './unreachable.ts';

/** An error that the store answered with. It has nothing of the request, which is signed, and of its connection. */
class S3Answer extends Error {
  readonly status: number;

  constructor({ name, message }: Error, status: number) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

/** The code and status that the store answered with, where that is the cause of a failure. */
export function answerOf(error: unknown): { readonly name: string; readonly status: number } | undefined {
  const cause = error instanceof FigaroError ? error.details.cause : undefined;
  return cause instanceof S3Answer ? cause : undefined;
}

/** What the SDK adds to an error where there was an answer. */
interface FromAnswer {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint: string;
}

const keysHint =
  'check the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE) and that they belong to this endpoint.';
const renewHint = 'renew the credentials (`aws sso login`, or new temporary keys), then run the same command again.';

const expired: Meaning = { code: 'not-permitted', text: 'the credentials have expired', hint: renewHint };
const unknownKey: Meaning = { code: 'not-permitted', text: 'the store does not know the access key', hint: keysHint };
const skewed: Meaning = {
  code: 'not-permitted',
  text: 'the clock of this machine differs too much from that of the store',
  hint: 'set the clock of this machine (NTP), then run the same command again.',
};
const full: Meaning = {
  code: 'no-space',
  text: 'the store is full, or its quota used up',
  hint: '`figaro-backup expire` makes room; or have the quota raised.',
};
const elsewhere: Meaning = {
  code: 'usage',
  text: 'the bucket is in another region, or on another endpoint',
  hint: 'name its region in AWS_REGION, or its endpoint in AWS_ENDPOINT_URL.',
};

const meanings: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: {
    code: 'repository-missing',
    text: 'there is no such bucket',
    hint: 'is it the right name, endpoint and region? Buckets are made with the tools of the store.',
  },
  // Without a code of the store's own.
  NotFound: {
    code: 'repository-missing',
    text: 'there is no such bucket, or no store at this address',
    hint: 'is AWS_ENDPOINT_URL the address of the API of S3?',
  },
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestExpired: expired,
  InvalidAccessKeyId: unknownKey,
  InvalidToken: unknownKey,
  SignatureDoesNotMatch: {
    code: 'not-permitted',
    text: 'the secret key does not belong to the access key',
    hint: keysHint,
  },
  InvalidBucketName: {
    code: 'usage',
    text: 'the store does not take this as the name of a bucket',
    hint: 'is it the right name? Buckets are made with the tools of the store.',
  },
  RequestTimeTooSkewed: skewed,
  QuotaExceeded: full,
  InsufficientStorage: full,
  XMinioStorageFull: full,
  PermanentRedirect: elsewhere,
  AuthorizationHeaderMalformed: elsewhere,
};

/** Codes of requests that were damaged or held up on their way, or came while another one was at work. */
const passing = new Set([
  'RequestTimeout',
  'IncompleteBody',
  'BadDigest',
  'XAmzContentSHA256Mismatch',
  'XAmzContentChecksumMismatch',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
]);
const passingStatuses = new Set([408, 409, 425, 429]);

/** True for an error of the SDK where the clocks are too far apart. */
export function isSkewed(error: unknown): boolean {
  return error instanceof Error && error.name === 'RequestTimeTooSkewed';
}

/**
 * The failure of a request as an error for the operator.
 *
 * @param place that it was sent to
 * @param what it was to do: `write a/b`
 */
export function failureOf(place: string, what: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof FigaroError) return error;
  const subject = `${place}: cannot ${what}`;
  const { $metadata, $response } = error as FromAnswer;
  const status = $metadata?.httpStatusCode;
  if (status !== undefined && status >= 300) {
    const retryAfterMs = retryAfter($response?.headers?.['retry-after']);
    return failureOfAnswer(place, subject, new S3Answer(error, status), retryAfterMs);
  }
  const problem = problemOf(error);
  if (problem !== undefined) return new Unreachable(`${subject}: ${problem}`, { cause: error });
  if (isSystemError(error)) return failureOfConnection(subject, error);
  // An answer in another language, or half of one.
  if ($metadata || $response) {
    const cause = new S3Answer(error, status ?? 0);
    return new Unreachable(`${subject}: the answer cannot be understood`, { cause });
  }
  return new FigaroError('io', `${subject}: ${error.message}`, { cause: error });
}

/**
 * As `failureOf`, of keys that could not be had: they come from files, programs and servers of their own, and what these say is not said by the
 * store.
 */
export function failureOfKeys(place: string, what: string, error: unknown): FigaroError {
  const { name, message, $metadata } = error as Error & FromAnswer;
  const status = $metadata?.httpStatusCode ?? 0;
  const cause = new S3Answer({ name, message }, status);
  const subject = `${place}: cannot ${what}: no credentials`;
  const problem = problemOf(error) ?? (status >= 500 || status === 429 ? `${status} ${name}` : undefined);
  if (problem !== undefined) return new Unreachable(`${subject}: ${problem}`, { cause });
  const hint = /expired|sso login/i.test(name + message) ? renewHint : keysHint;
  return new FigaroError('not-permitted', `${subject}: ${message}`, { hint, cause });
}

/** What may be over in a while, where there was no answer. */
function problemOf(error: unknown): string | undefined {
  return networkProblem(error) ?? ((error as Error).name === 'TimeoutError' ? 'no answer in time' : undefined);
}

function failureOfAnswer(
  place: string,
  subject: string,
  cause: S3Answer,
  retryAfterMs: number | undefined,
): FigaroError {
  const { name, status } = cause;
  const meaning = meanings[name] ?? (status === 507 ? full : status === 301 ? elsewhere : undefined);
  const said = `${status} ${name}`;
  if (meaning) {
    const { code, text, hint } = meaning;
    return new FigaroError(code, `${subject}: ${text} (${said})`, { hint, cause });
  }
  if (passing.has(name) || passingStatuses.has(status) || (status >= 500 && status !== 501)) {
    const text = `${subject}: the store answers ${said}`;
    return new Unreachable(text, { cause, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  if (status === 401 || status === 403) {
    return new FigaroError('not-permitted', `${subject}: the store does not allow it (${said})`, {
      hint: `check what the policy of the bucket and the user lets these keys do in ${place}.`,
      cause,
    });
  }
  // The SDK's word for none.
  const text = cause.message === 'UnknownError' ? said : `${said}: ${cause.message}`;
  return new FigaroError('io', `${subject}: the store answers ${text}`, { cause });
}

function failureOfConnection(subject: string, error: NodeJS.ErrnoException): FigaroError {
  const code = error.code!;
  // Half an answer, or that of something else.
  if (code.startsWith('HPE_'))
    return new Unreachable(`${subject}: the answer cannot be understood (${code})`, { cause: error });
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new FigaroError('io', `${subject}: no secure connection (${code})`, {
      hint: 'does the endpoint begin with the right one of http:// and https://?',
      cause: error,
    });
  }
  if (/CERT|ISSUER|SIGNED|VERIFY/.test(code)) {
    return new FigaroError('io', `${subject}: the certificate of the store is not trusted: ${error.message}`, {
      hint: 'name the file of your own authority in NODE_EXTRA_CA_CERTS.',
      cause: error,
    });
  }
  return new FigaroError('io', `${subject}: ${error.message} (${code})`, { cause: error });
}

/** Seconds, or a date. In ms. */
function retryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
