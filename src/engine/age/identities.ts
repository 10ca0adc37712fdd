/** Identities: secret keys that open what is sealed for their recipients. */

import { bech32 } from '@scure/base';
import { generateHybridIdentity, generateX25519Identity, identityToRecipient, type Decrypter } from 'age-encryption';
import { keyLength, publicBytesOf, x25519Identity } from './x25519.ts';

/** Opens what is sealed for it. Its secret is where printing it does not show it. */
export interface Key {
  addTo(decrypter: Decrypter): void;
}

export interface Identity extends Key {
  /** It, as a line of an identity file: secret. */
  readonly line: () => string;
  /** Its recipient, `age1…`. */
  readonly recipient: () => Promise<string>;
}

/** A new identity, as a line of an identity file: `AGE-SECRET-KEY-1…`, or `AGE-SECRET-KEY-PQ-1…` for one that quantum computers do not break. */
export function newIdentity(isPostQuantum = false): Promise<string> {
  return isPostQuantum ? generateHybridIdentity() : generateX25519Identity();
}

/** The recipient of an identity, `age1…`. */
export function recipientOf(identity: Identity): Promise<string> {
  return identity.recipient();
}

/** The identity of a line of an identity file. Returns what is wrong with it where it is none, without a character of it. */
export function parseIdentity(line: string): Identity | string {
  const problem = whyNoIdentity(line);
  if (problem !== undefined) return problem;
  try {
    return line.startsWith(postQuantumPrefix) ? postQuantum(line) : x25519(line);
  } catch {
    // What the library says of it shows it.
    return 'is an identity with a character that is wrong or missing';
  }
}

const x25519Prefix = 'AGE-SECRET-KEY-1';
const postQuantumPrefix = 'AGE-SECRET-KEY-PQ-1';

function x25519(line: string): Identity {
  const { bytes } = bech32.decodeToBytes(line);
  if (bytes.length !== keyLength) throw new Error('another kind of key');
  const unwrapping = x25519Identity(bytes);
  return {
    line: () => line,
    addTo: (decrypter) => decrypter.addIdentity(unwrapping),
    recipient: async () => bech32.encodeFromBytes('age', publicBytesOf(bytes)),
  };
}

function postQuantum(line: string): Identity {
  if (bech32.decodeToBytes(line).bytes.length !== keyLength) throw new Error('another kind of key');
  return {
    line: () => line,
    addTo: (decrypter) => decrypter.addIdentity(line),
    recipient: () => identityToRecipient(line),
  };
}

function whyNoIdentity(line: string): string | undefined {
  if (line.startsWith(x25519Prefix) || line.startsWith(postQuantumPrefix)) return undefined;
  if (/^age1/i.test(line)) return 'is a recipient, which is public: its identity is wanted';
  if (/^AGE-PLUGIN-/i.test(line)) return 'is an identity of a plugin of age, which cannot be used';
  if (/^-----BEGIN .*PRIVATE KEY-----|^ssh-/.test(line)) return 'begins a key of SSH, which cannot be used';
  return 'is not an identity';
}
