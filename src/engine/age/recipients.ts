/** Recipients: public keys for which objects are sealed. */

import { bech32 } from '@scure/base';
import { Encrypter, type Recipient as Wrapping } from 'age-encryption';
import { FigaroError } from '../../errors.ts';
import { keyLength, x25519Recipient } from './x25519.ts';

export interface Recipient {
  /** `age1…`, as `age-keygen` prints it. */
  readonly text: string;
  /** Made of X25519 and ML-KEM, which quantum computers do not break. */
  readonly isPostQuantum: boolean;
  /** What the library takes. */
  readonly wrapping: string | Wrapping;
}

/** The recipient that a text names. Throws `usage`, and shows nothing that may be a secret. */
export function parseRecipient(text: string): Recipient {
  const problem = whyNoRecipient(text);
  if (problem !== undefined) throw notARecipient(problem);
  const isPostQuantum = text.startsWith('age1pq1');
  try {
    return { text, isPostQuantum, wrapping: isPostQuantum ? postQuantum(text) : x25519(text) };
  } catch {
    throw notARecipient(`a character of ${text} is wrong or missing`);
  }
}

function x25519(text: string): Wrapping {
  const { prefix, bytes } = bech32.decodeToBytes(text);
  if (prefix !== 'age' || bytes.length !== keyLength) throw new Error('another kind of key');
  return x25519Recipient(bytes);
}

/** The library reads it again for each object, which is little beside what it does with it. */
function postQuantum(text: string): string {
  new Encrypter().addRecipient(text);
  return text;
}

/** Why a text, as far as its beginning shows, is no recipient of ours. */
function whyNoRecipient(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (/secret-key|^age-plugin-/i.test(text)) return 'this is an identity, which is secret: its recipient is wanted';
  if (/^(?:ssh|ecdsa|sk)-/.test(text)) return 'keys of SSH cannot be used';
  if (!text.startsWith('age1')) return 'it does not begin with age1';
  const kind = /^age1([a-z0-9]{1,20})1/.exec(text)?.[1];
  if (kind === undefined || kind === 'pq') return undefined;
  return `${text} is for the plugin ${kind} of age, and this program could not open again what it seals for it`;
}

function notARecipient(problem: string): FigaroError {
  return new FigaroError('usage', `this is not a recipient: ${problem}`, {
    hint: 'a recipient begins with age1: `age-keygen -y FILE` prints that of an identity file.',
  });
}
