/** Objects and identity files of ours in Debian's `age`, and the other way round. */

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { newIdentity, parseIdentity, recipientOf } from '../../../src/engine/age/identities.ts';
import { readIdentities } from '../../../src/engine/age/identity-file.ts';
import { openWith } from '../../../src/engine/age/open.ts';
import { parseRecipient } from '../../../src/engine/age/recipients.ts';
import { sealFor } from '../../../src/engine/age/seal.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { newKey } from '../../support/age-keys.ts';
import { describeWith } from '../../support/tools.ts';

const sizes = [0, 1, 65_535, 65_536, 65_537, 1 << 20];

function run(program: string, args: readonly string[], input: Uint8Array | string = ''): Buffer {
  const { status, stdout, stderr } = spawnSync(program, args, { input, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
}

/** A file that is gone when the test ends. */
function fileWith(contents: Uint8Array | string): string {
  const file = path.join(temporaryDirectory(), 'file');
  fs.writeFileSync(file, contents);
  return file;
}

const unasked = (): never => {
  throw new Error('asked for a passphrase');
};

describeWith('age', 'age', 'with the program age', () => {
  test.each(sizes)('objects of %i bytes go both ways', async (size) => {
    const bytes = randomBytes(size);
    const [mine, others] = [await newKey(), await newKey()];
    const sealed = await sealFor([others.recipient, mine.recipient])(bytes);
    for (const { secret } of [mine, others]) {
      expect(bytes.equals(run('age', ['--decrypt', '--identity', fileWith(`${secret}\n`)], sealed))).toBe(true);
    }
    const theirs = run('age', ['-r', others.recipient.text, '-r', mine.recipient.text], bytes);
    expect(bytes.equals(await openWith([mine.identity])(theirs, 'object'))).toBe(true);
  });

  test('an object that is damaged is refused by both', async () => {
    const { secret, identity, recipient } = await newKey();
    const sealed = Buffer.from(await sealFor([recipient])(randomBytes(70_000)));
    sealed[sealed.length - 1]! ^= 1;
    expect(() => run('age', ['--decrypt', '--identity', fileWith(secret)], sealed)).toThrow('failed to decrypt');
    await expect(openWith([identity])(sealed, 'object')).rejects.toMatchObject({ code: 'file-checksum' });
  });

  test('identity files of age-keygen are read, and recipients are the same', async () => {
    const contents = run('age-keygen', []);
    const [identity] = await readIdentities(contents, { name: 'keys.txt', askPassphrase: unasked });
    const recipient = await recipientOf(identity!);
    expect(contents.toString()).toContain(`# public key: ${recipient}\n`);
    const bytes = randomBytes(100);
    const opened = await openWith([identity!])(await sealFor([parseRecipient(recipient)])(bytes), 'object');
    expect(bytes.equals(opened)).toBe(true);
  });

  test('identities of ours have the recipient that age-keygen gives them', async () => {
    const secret = await newIdentity();
    const identity = parseIdentity(secret);
    if (typeof identity === 'string') throw new Error(identity);
    expect(run('age-keygen', ['-y'], `${secret}\n`).toString()).toBe(`${await recipientOf(identity)}\n`);
  });

  test.each([['--armor'], []])('identity files with a passphrase of age -p are read %s', async (...options) => {
    const { secret, recipient } = await newKey();
    const directory = path.dirname(fileWith(`${secret}\n`));
    const passphrase = 'four words of mine';
    // It reads passphrases from a terminal alone.
    const command = ['age', '--passphrase', ...options, '--output', 'encrypted', 'file'].join(' ');
    const typed = `${passphrase}\n${passphrase}\n`;
    spawnSync('script', ['-qec', command, '/dev/null'], { cwd: directory, input: typed });
    const contents = fs.readFileSync(path.join(directory, 'encrypted'));
    expect(contents.toString('latin1').startsWith('-----BEGIN AGE')).toBe(options.length > 0);
    const identities = await readIdentities(contents, { name: 'keys.age', askPassphrase: () => passphrase });
    expect(await Promise.all(identities.map(recipientOf))).toEqual([recipient.text]);
  });
});
