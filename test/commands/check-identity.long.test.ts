/** `check --identity`: that an identity does not open a repository any more is known before there is anything to recover. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { newKey } from '../support/age-keys.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { PackedPlace } from '../support/packed-place.ts';
import { namesIn } from '../support/trees.ts';

let packed: PackedPlace;

beforeEach(async () => {
  packed = await PackedPlace.make(temporaryDirectory(), 'encrypted');
  packed.application.commitUpTo([4, 72_115]);
  await packed.init();
  await packed.succeed('hot --home @env --repo @repo', 'machine');
});

/** What `check` with the identity of the owner finds. */
async function check(more = ''): Promise<{
  readonly exitCode: number;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly hint?: string }[];
  readonly identities?: readonly { readonly file: string; readonly opens: boolean }[];
}> {
  const { exitCode, stdout } = await packed.run(`check --repo @repo --json${more}`, 'both');
  return { exitCode, ...(JSON.parse(stdout) as { problems: [] }) };
}

/** Another recipient, whose identity is in a file. */
async function addSomebody(): Promise<void> {
  const { secret, recipient } = await newKey();
  fs.writeFileSync(packed.inside('other.txt'), `${secret}\n`);
  await packed.succeed(`recipients --repo @repo --add ${recipient.text}`, 'machine');
}

const inRepository = (name: string): string => path.join(packed.inside('repo'), name);

test('an identity that opens it is told, and nothing is wrong', async () => {
  expect(await check()).toMatchObject({ exitCode: 0, problems: [], identities: [{ opens: true }] });
  expect(await packed.run('check --repo @repo', 'both')).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  const { stdout } = await packed.succeed('check --repo @repo --verbose', 'both');
  expect(stdout).toMatch(/^identity +<dir>\/identity\.txt opens key\.age and the newest chain$/m);
});

test('without --identity nothing is tried, and nothing is told', async () => {
  await packed.succeed(
    `recipients --repo @repo --add ${(await newKey()).recipient.text} --remove ${packed.recipient}`,
    'machine',
  );
  await packed.succeed('hot --home @env --repo @repo', 'machine');
  const { exitCode, stdout } = await packed.run('check --repo @repo --json', 'machine');
  expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { problems: [] }]);
  expect(stdout).not.toContain('identities');
});

test('an identity whose recipient was removed is a finding as soon as a set is taken without it', async () => {
  await addSomebody();
  await packed.succeed(`recipients --repo @repo --remove ${packed.recipient}`, 'machine');
  const early = await check();
  expect(early).toMatchObject({ exitCode: 10, problems: [{ code: 'password' }], identities: [{ opens: false }] });
  expect(early.problems[0]!.message).toMatch(/identity\.txt does not open key\.age in .*: if the key file is lost/);
  await packed.succeed('hot --home @env --repo @repo', 'machine');
  const { exitCode, problems } = await check();
  expect([exitCode, problems[0]]).toMatchObject([10, { code: 'password' }]);
  expect(problems[0]!.message).toMatch(
    /identity\.txt does not open \d+T\d+Z-hot-\S+ in .*: packs\/\S+ is sealed for others$/,
  );
  expect(problems[0]!.hint).toContain('`figaro-backup hot`');
});

test('an identity that was added is a finding until a full set was taken for it', async () => {
  await addSomebody();
  const line = 'check --repo @repo --identity @other.txt';
  expect(await packed.run(line, 'machine')).toMatchObject({ exitCode: 10 });
  packed.application.commitUpTo([5, 60_000]);
  await packed.succeed('incremental --home @env --repo @repo', 'machine');
  // Its own pack is for both; that of the set it continues is not.
  expect(await packed.run(line, 'machine')).toMatchObject({ exitCode: 10 });
  await packed.succeed('hot --home @env --repo @repo', 'machine');
  expect(await packed.run(line, 'machine')).toMatchObject({ exitCode: 0, stdout: '' });
});

test('of several identities each is tried', async () => {
  await addSomebody();
  const { identities, exitCode } = await check(' --identity @other.txt');
  expect([exitCode, identities?.map(({ opens }) => opens)]).toEqual([10, [false, true]]);
});

test('Nagios is told in its one line', async () => {
  await addSomebody();
  const { exitCode, stdout } = await packed.run('check --repo @repo --nagios --identity @other.txt', 'machine');
  expect([exitCode, stdout]).toEqual([2, expect.stringMatching(/^FIGARO CRITICAL: .*other\.txt does not open /)]);
});

describe('what it opens may be gone or damaged', () => {
  test('a key.age that is missing, until the next full set', async () => {
    fs.rmSync(inRepository('key.age'));
    expect(await check()).toMatchObject({
      exitCode: 4,
      problems: [{ code: 'file-checksum', message: expect.stringMatching(/^key\.age is missing in /) as string }],
    });
    await packed.succeed('hot --home @env --repo @repo', 'machine');
    expect(await check()).toMatchObject({ exitCode: 0, problems: [] });
  });

  test('a pack that is missing, or is none any more', async () => {
    const [directory] = namesIn(inRepository('packs'));
    const [name] = namesIn(inRepository(`packs/${directory}`));
    const pack = inRepository(`packs/${directory}/${name}`);
    const bytes = fs.readFileSync(pack);
    fs.writeFileSync(pack, bytes.subarray(0, 50));
    expect(await check()).toMatchObject({ exitCode: 4, problems: [{ code: 'file-checksum' }] });
    fs.rmSync(pack);
    expect(await check()).toMatchObject({
      exitCode: 4,
      problems: [{ code: 'file-checksum', message: expect.stringMatching(/^packs\/\S+ is missing in /) as string }],
    });
  });
});

test('of a repository without sets, key.age is tried, and of one that is not encrypted nothing', async () => {
  await packed.init('empty');
  const { stdout } = await packed.run('check --repo @empty --json', 'both');
  expect(JSON.parse(stdout)).toMatchObject({ identities: [{ opens: true }], problems: [{ code: 'stale' }] });
  await packed.run('init --repo @plain', 'nobody');
  const plain = await packed.run('check --repo @plain --json', 'owner');
  expect(plain.stdout).not.toContain('identities');
});
