/** Identities for tests, each with its recipient. */

import { generateHybridIdentity } from 'age-encryption';
import { newIdentity, parseIdentity, recipientOf, type Identity } from '../../src/engine/age/identities.ts';
import { parseRecipient, type Recipient } from '../../src/engine/age/recipients.ts';

export interface AgeKey {
  /** The line of an identity file. */
  readonly secret: string;
  readonly identity: Identity;
  readonly recipient: Recipient;
}

export async function newKey(): Promise<AgeKey> {
  return await keyOf(await newIdentity());
}

/** One that withstands quantum computers. */
export async function newPostQuantumKey(): Promise<AgeKey> {
  return await keyOf(await generateHybridIdentity());
}

async function keyOf(secret: string): Promise<AgeKey> {
  const identity = parseIdentity(secret);
  if (typeof identity === 'string') throw new Error(identity);
  return { secret, identity, recipient: parseRecipient(await recipientOf(identity)) };
}
