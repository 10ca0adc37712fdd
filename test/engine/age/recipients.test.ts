import { generateHybridIdentity } from 'age-encryption';
import { bech32 } from '@scure/base';
import { describe, expect, test } from 'vitest';
import { newIdentity, parseIdentity } from '../../../src/engine/age/identities.ts';
import { parseRecipient } from '../../../src/engine/age/recipients.ts';
import { FigaroError } from '../../../src/errors.ts';
import { newKey, newPostQuantumKey } from '../../support/age-keys.ts';

function refusal(text: string): FigaroError {
  try {
    parseRecipient(text);
  } catch (error) {
    if (error instanceof FigaroError) return error;
    throw error;
  }
  throw new Error(`${text} was taken`);
}

describe('a recipient', () => {
  test('is taken as age-keygen writes it, of both kinds', async () => {
    const { recipient } = await newKey();
    expect(recipient).toMatchObject({
      text: expect.stringMatching(/^age1[a-z0-9]{58}$/) as string,
      isPostQuantum: false,
    });
    const postQuantum = await newPostQuantumKey();
    expect(postQuantum.recipient.text).toMatch(/^age1pq1[a-z0-9]{1900,}$/);
    expect(postQuantum.recipient.isPostQuantum).toBe(true);
  });

  test('with any character that is another one is refused before anything is sealed for it', async () => {
    const { text } = (await newKey()).recipient;
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'q' ? 'p' : 'q';
      const { code, details } = refusal(text.slice(0, at) + other + text.slice(at + 1));
      expect(code).toBe('usage');
      expect(details.hint).toBe('a recipient begins with age1: `age-keygen -y FILE` prints that of an identity file.');
    }
    expect(refusal(text.slice(0, -1)).message).toMatch(
      /^this is not a recipient: a character of age1\w+ is wrong or missing$/,
    );
    expect(refusal(text.toUpperCase()).code).toBe('usage');
    expect(refusal(` ${text}`).code).toBe('usage');
  });

  test('for whom no key can be agreed on is refused', () => {
    const zero = bech32.encodeFromBytes('age', new Uint8Array(32));
    expect(refusal(zero).code).toBe('usage');
    const short = bech32.encodeFromBytes('age', new Uint8Array(31).fill(9));
    expect(refusal(short).code).toBe('usage');
    expect(refusal(bech32.encodeFromBytes('age1pq', new Uint8Array(32))).code).toBe('usage');
  });

  test.each([
    ['', 'it is empty'],
    ['~/backup.key', 'it does not begin with age1'],
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKl', 'keys of SSH cannot be used'],
    [
      'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t',
      'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t is for the plugin yubikey of age, and this program could not open again what it seals for it',
    ],
  ])('is not: %s', (text, problem) => {
    expect(refusal(text).message).toBe(`this is not a recipient: ${problem}`);
  });

  test('is told from an identity, no character of which is shown', async () => {
    for (const secret of [await newIdentity(), await generateHybridIdentity()]) {
      for (const text of [secret, secret.toLowerCase(), `  ${secret}`, `age1 ${secret}`]) {
        const { message } = refusal(text);
        expect(message).toBe('this is not a recipient: this is an identity, which is secret: its recipient is wanted');
      }
    }
    expect(refusal('a passphrase by mistake').message).not.toContain('passphrase');
  });
});

describe('an identity', () => {
  test('is a new one each time', async () => {
    const [one, other] = [await newIdentity(), await newIdentity()];
    expect(one).toMatch(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
    expect(one).not.toBe(other);
  });

  test('with any character that is another one is refused, and none is shown', async () => {
    for (const secret of [await newIdentity(), await generateHybridIdentity()]) {
      for (let at = secret.lastIndexOf('1'); at < secret.length; at++) {
        const other = secret[at] === 'Q' ? 'P' : 'Q';
        const problem = parseIdentity(secret.slice(0, at) + other + secret.slice(at + 1));
        expect(['is not an identity', 'is an identity with a character that is wrong or missing']).toContain(problem);
      }
      expect(parseIdentity(secret.slice(0, -1))).toBe('is an identity with a character that is wrong or missing');
    }
    expect(parseIdentity(bech32.encodeFromBytes('AGE-SECRET-KEY-', new Uint8Array(31)).toUpperCase())).toBe(
      'is an identity with a character that is wrong or missing',
    );
  });
});
