/** Objects sealed for recipients: age files (age-encryption.org/v1), which `age -d` opens, too. */

import { FigaroError } from '../../errors.ts';
import { newHeader } from './header.ts';
import { sealPayload } from './payload.ts';
import { type Recipient } from './recipients.ts';

/** Seals one object. Each has a key of its own. */
export type Sealing = (bytes: Uint8Array) => Promise<Uint8Array>;

/** Throws `usage` for no recipient, and for some that would take from others what makes them safe. */
export function sealFor(recipients: readonly Recipient[]): Sealing {
  if (recipients.length === 0) {
    throw new FigaroError('usage', 'there is no recipient to seal for', { hint: 'nobody could open it again.' });
  }
  if (new Set(recipients.map(({ isPostQuantum }) => isPostQuantum)).size > 1) {
    throw new FigaroError('usage', 'recipients age1pq1… and others cannot be used together', {
      hint: 'a quantum computer would open all by way of the others. Give either kind alone.',
    });
  }
  return async (bytes) => sealPayload(await newHeader(recipients), bytes);
}
