/** X25519 keys and their stanzas, by Node.js: many times faster than in JavaScript, and there are thousands of objects. */

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { base64nopad } from '@scure/base';
import { Stanza, type Identity, type Recipient } from 'age-encryption';
import { unwrapFileKey, wrapFileKey } from './file-key.ts';

/** Of a key, public or private, in bytes. */
export const keyLength = 32;

const stanzaType = 'X25519';
const label = 'age-encryption.org/v1/X25519';

// What RFC 8410 has before the bytes of a key.
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex');
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** Who can open what is sealed with a public key. Throws for one with which no key can be agreed on. */
export function x25519Recipient(raw: Uint8Array): Recipient {
  const publicKey = publicKeyOf(raw);
  diffieHellman({ privateKey: generateKeyPairSync('x25519').privateKey, publicKey });
  return {
    wrapFileKey(fileKey) {
      const ephemeral = generateKeyPairSync('x25519');
      const share = bytesOf(ephemeral.publicKey);
      const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey });
      return [new Stanza([stanzaType, base64nopad.encode(share)], wrapFileKey(fileKey, keyFrom(secret, share, raw)))];
    },
  };
}

/** Opens what is sealed for a private key. */
export function x25519Identity(raw: Uint8Array): Identity {
  const privateKey = privateKeyOf(raw);
  const recipient = publicBytesOf(raw);
  return {
    unwrapFileKey(stanzas) {
      for (const { args, body } of stanzas) {
        if (args[0] !== stanzaType) continue;
        if (args.length !== 2) throw new Error('a stanza of X25519 with more or less than its key');
        const share = base64nopad.decode(args[1]!);
        if (share.length !== keyLength) throw new Error('a stanza of X25519 whose key has another length');
        const secret = diffieHellman({ privateKey, publicKey: publicKeyOf(share) });
        const fileKey = unwrapFileKey(body, keyFrom(secret, share, recipient));
        if (fileKey) return fileKey;
      }
      return null;
    },
  };
}

/** The public key of a private one. */
export function publicBytesOf(raw: Uint8Array): Uint8Array {
  return bytesOf(createPublicKey(privateKeyOf(raw)));
}

function keyFrom(secret: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, Buffer.concat([share, recipient]), label, 32));
}

function publicKeyOf(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([publicPrefix, raw]), format: 'der', type: 'spki' });
}

function privateKeyOf(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([privatePrefix, raw]), format: 'der', type: 'pkcs8' });
}

function bytesOf(publicKey: KeyObject): Uint8Array {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(publicPrefix.length);
}
