import { armor, Encrypter, generateHybridIdentity } from 'age-encryption';
import { beforeAll, describe, expect, test } from 'vitest';
import { newIdentity, recipientOf } from '../../../src/engine/age/identities.ts';
import { longestIdentityFile, readIdentities } from '../../../src/engine/age/identity-file.ts';
import { FigaroError } from '../../../src/errors.ts';
import { newKey, type AgeKey } from '../../support/age-keys.ts';

const passphrase = 'correct horse battery stäple';
const hint = 'give a file that `age-keygen` wrote, or one of these encrypted with `age -p`.';

let key: AgeKey;

beforeAll(async () => {
  key = await newKey();
});

/** An answer to the question for the passphrase, and how often it was asked. */
function asking(answer: string): { readonly ask: () => Promise<string>; readonly times: () => number } {
  let times = 0;
  return {
    ask: async () => {
      times++;
      return answer;
    },
    times: () => times,
  };
}

const unasked = (): never => {
  throw new Error('asked for a passphrase');
};

async function refusal(contents: string | Uint8Array, askPassphrase: () => string | Promise<string> = unasked) {
  const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
  try {
    await readIdentities(bytes, { name: 'backup.key', askPassphrase });
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    expect(error).toMatchObject({ code: 'password', exitCode: 10, details: { path: 'backup.key' } });
    return error;
  }
  throw new Error('it was taken');
}

async function recipientsOf(contents: string | Uint8Array, askPassphrase: () => string | Promise<string> = unasked) {
  const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
  const identities = await readIdentities(bytes, { name: 'backup.key', askPassphrase });
  return await Promise.all(identities.map(recipientOf));
}

async function encrypted(contents: string | Uint8Array, workFactor = 10): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
  return await encrypter.encrypt(contents);
}

/** Another work factor than the one it was encrypted with. */
const withWorkFactor = (file: Uint8Array, factor: string): Uint8Array =>
  Buffer.from(
    Buffer.from(file)
      .toString('latin1')
      .replace(/^(-> scrypt \S+) \d+$/m, `$1 ${factor}`),
    'latin1',
  );

describe('an identity file', () => {
  test('gives all of its identities, whatever else editors and age-keygen put there', async () => {
    const other = await newKey();
    const text = `# created: 2026-11-28T00:00:00Z\r\n# public key: ${key.recipient.text}\r\n${key.secret}\r\n\n  # näxt\n${other.secret}  `;
    expect(await recipientsOf(text)).toEqual([key.recipient.text, other.recipient.text]);
  });

  test('may have identities that withstand quantum computers', async () => {
    expect(await recipientsOf(`${await generateHybridIdentity()}\n`)).toEqual([expect.stringMatching(/^age1pq1/)]);
  });

  test.each([
    ['is empty', '', 'there is none in it'],
    ['has comments alone', '# public key: age1\n\n', 'there is none in it'],
    [
      'has a recipient in place of an identity',
      'age1qqq\n',
      'line 1 is a recipient, which is public: its identity is wanted',
    ],
    [
      'is a key of SSH',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n',
      'line 1 begins a key of SSH, which cannot be used',
    ],
    [
      'is for a plugin',
      '# x\nAGE-PLUGIN-YUBIKEY-1QQ\n',
      'line 2 is an identity of a plugin of age, which cannot be used',
    ],
    ['is another file', '[environments.orders]\nhome = "/srv"\n', 'line 1 is not an identity'],
    ['is binary', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]), 'it is not text'],
    [
      'is damaged text of age',
      '-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n',
      'it is damaged: not all of its text is as age writes it',
    ],
    ['ends in its header', 'age-encryption.org/v1\n-> scrypt', 'it is cut short or changed in its header'],
  ])('is refused where it %s', async (_, contents, problem) => {
    const { message, details } = await refusal(contents);
    expect(message).toBe(`no identity can be read from backup.key: ${problem}`);
    expect(details.hint).toBe(hint);
  });

  test('is refused where one of its lines is none, and nothing of it is shown', async () => {
    const secret = await newIdentity();
    const { message } = await refusal(`${key.secret}\n${secret.slice(0, -2)}\n`);
    expect(message).toBe(
      'no identity can be read from backup.key: line 2 is an identity with a character that is wrong or missing',
    );
  });

  test('that is larger than one can be is not looked at', async () => {
    const comment = `#${'x'.repeat(longestIdentityFile)}\n`;
    const { message } = await refusal(`${comment.slice(-(longestIdentityFile + 1 - key.secret.length))}${key.secret}`);
    expect(message).toBe(
      'no identity can be read from backup.key: it is larger than the 64 KiB that an identity file may have',
    );
    const most = `${key.secret}\n#${'x'.repeat(longestIdentityFile - key.secret.length - 2)}`;
    expect(most.length).toBe(longestIdentityFile);
    expect(await recipientsOf(most)).toEqual([key.recipient.text]);
  });
});

describe('an identity file with a passphrase', () => {
  test('opens with it, as bytes and as text, and it is asked for once', async () => {
    const file = await encrypted(`# mine\n${key.secret}\n`);
    for (const contents of [file, armor.encode(file), `\r\n${armor.encode(file).replaceAll('\n', '\r\n')}\n`]) {
      const { ask, times } = asking(passphrase);
      expect(await recipientsOf(contents, ask)).toEqual([key.recipient.text]);
      expect(times()).toBe(1);
    }
  });

  test('does not open with another, which is shown nowhere', async () => {
    const { ask, times } = asking('hunter2');
    const { message, details } = await refusal(await encrypted(key.secret), ask);
    expect(message).toBe('no identity can be read from backup.key: the passphrase is wrong');
    expect(JSON.stringify(details)).not.toContain('hunter2');
    expect(times()).toBe(1);
  });

  test('is refused before the question where its work would not end, or is no number', async () => {
    const file = await encrypted(key.secret);
    for (const factor of ['23', '30', '64', '1024', '99999999999999999999', '9'.repeat(500)]) {
      const { message, details } = await refusal(withWorkFactor(file, factor));
      expect(message).toMatch(/^backup\.key has a work factor of \S+, above the 22 of age$/);
      expect(details.hint).toBe('opening it would take too long. Encrypt it again with `age -p`.');
    }
    for (const factor of ['0', '-1', '1e9', '0x10', '018']) {
      const { message } = await refusal(withWorkFactor(file, factor));
      expect(message).toBe('no identity can be read from backup.key: its header is not what was sealed');
    }
  });

  test('that is for recipients in place of a passphrase is told from one, and nothing is asked', async () => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(key.recipient.text);
    const { message } = await refusal(await encrypter.encrypt(key.secret));
    expect(message).toBe('no identity can be read from backup.key: it is encrypted, and not with a passphrase');
  });

  test('that is damaged behind its header, or has no identity in it, is refused', async () => {
    const { ask } = asking(passphrase);
    const file = Buffer.from(await encrypted(key.secret));
    file[file.length - 1]! ^= 1;
    expect((await refusal(file, ask)).message).toBe(
      'no identity can be read from backup.key: chunk 1 is not what was sealed, or it is cut short',
    );
    expect((await refusal(await encrypted(Buffer.alloc(100)), ask)).message).toMatch(/it is not text$/);
    // An encrypted file in an encrypted file.
    expect((await refusal(await encrypted(await encrypted(key.secret)), ask)).message).toMatch(
      /line 1 is not an identity|not text/,
    );
  });

  test('for which nobody gives the passphrase fails as the question does', async () => {
    const file = await encrypted(key.secret);
    const cancelled = new FigaroError('interrupted', 'interrupted');
    const askPassphrase = (): never => {
      throw cancelled;
    };
    await expect(readIdentities(file, { name: 'backup.key', askPassphrase })).rejects.toBe(cancelled);
  });
});
