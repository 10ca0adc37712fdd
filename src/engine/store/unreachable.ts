/** A store that does not answer, or not as it should: what may be over in a while. */

import { FigaroError, isSystemError, type ErrorDetails } from '../../errors.ts';

export interface UnreachableDetails extends ErrorDetails {
  /** When the store wants to be asked again, as it says itself. In ms from now. */
  readonly retryAfterMs?: number;
}

/** `store-unreachable`, with what the next try may want to know. */
export class Unreachable extends FigaroError {
  declare readonly details: UnreachableDetails;

  constructor(message: string, details: UnreachableDetails = {}) {
    super('store-unreachable', message, details);
  }
}

/** What the network or the host at its end says, in words. All of it may be over in a while: names of hosts, too, come by network. */
const spoken: Readonly<Record<string, string>> = {
  ECONNABORTED: 'the connection was lost',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was lost',
  EAI_AGAIN: 'the name of the host cannot be looked up at the moment',
  EHOSTDOWN: 'the host is down',
  EHOSTUNREACH: 'no route to the host',
  ENETDOWN: 'the network is down',
  ENETUNREACH: 'the network is unreachable',
  ENOTFOUND: 'the name of the host is not known',
  EPIPE: 'the connection was lost',
  ERR_STREAM_PREMATURE_CLOSE: 'the connection was lost',
  ETIMEDOUT: 'no answer in time',
};

/** A failure of the network in words; undefined for any other error. */
export function networkProblem(error: unknown): string | undefined {
  // A host with several addresses: one error for each.
  if (error instanceof AggregateError) return networkProblem(error.errors[0]);
  return isSystemError(error) ? spoken[error.code!] : undefined;
}
