/** Containers that somebody excludes from backups: everybody is told, every time, and the rest comes back. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type RecordedApplication } from '../../../demo/application.ts';
import { corpusCase } from '../../support/corpus.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';

let directory: string;
let home: string;
let application: RecordedApplication;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
});

const out = (): string => path.join(directory, 'out');
const cli = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const onRepo = (command: string, ...more: readonly string[]): Promise<CliResult> =>
  cli(command, '--repo', path.join(directory, 'repo'), ...more);
const take = (kind: string, ...more: readonly string[]): Promise<CliResult> => onRepo(kind, '--home', home, ...more);
const warning = 'd.dbxml is a database, and excluded: it is not in this set';

/** What recovery of the same log makes where nothing is excluded. */
async function expected(name: string): Promise<Buffer> {
  const to = path.join(directory, 'all');
  expect(await cli('recover', '--from', home, '--to', to)).toMatchObject({ exitCode: 0 });
  return fs.readFileSync(path.join(to, name));
}

test('a chain without a container that the log changes is taken, and every set says so', async () => {
  expect(await take('hot', '--exclude', 'd.dbxml')).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining(warning),
  });
  application.commitUpTo([6, 5737]);
  // The chain lacks it, whatever is said later.
  expect(await take('incremental')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(warning) });
  const again = await take('hot', '--exclude', 'd.dbxml', '--json');
  expect(JSON.parse(again.stdout).set).toMatchObject({
    excluded: { patterns: ['d.dbxml'], databases: ['d.dbxml'] },
    warnings: expect.arrayContaining([expect.stringContaining(warning)]),
  });
  expect(JSON.parse(again.stdout).set.gone).toBeUndefined();

  expect((await onRepo('list')).stdout).toContain('without d.dbxml, which was excluded');
  expect((await onRepo('show')).stdout).toContain('d.dbxml: no recovery brings back what is not in it');
  expect(await onRepo('check')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('d.dbxml is excluded') });
  expect((await onRepo('check', '--nagios')).stdout).toContain('excluded from backups: d.dbxml');
  expect(JSON.parse((await onRepo('check', '--json')).stdout).excluded).toEqual(['d.dbxml']);
  const verified = await onRepo('verify', '--rehearse');
  expect(verified).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('d.dbxml was excluded from') });
});

test('recovery makes the other containers as they have to be, and says which one is missing', async () => {
  await take('hot', '--exclude', '*/d.dbxml', '--exclude', 'd.*');
  application.commitUpTo([6, 5737]);
  await take('incremental', '--exclude', 'd.*');
  const missing = 'd.dbxml: excluded when the sets were made, and not in <dir>/out';
  for (const more of [['--dry-run'], []]) {
    const recovered = await onRepo('recover', '--to', out(), ...more);
    expect(recovered).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(missing) });
  }
  expect(fs.existsSync(path.join(out(), 'd.dbxml'))).toBe(false);
  expect(fs.readFileSync(path.join(out(), 'e.dbxml')).equals(await expected('e.dbxml'))).toBe(true);
  fs.rmSync(out(), { recursive: true });
  const accepted = await onRepo('recover', '--to', out(), '--accept-missing');
  expect(accepted).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(missing) });
  fs.rmSync(out(), { recursive: true });
  expect(await onRepo('recover', '--to', out(), '--only', 'e.dbxml')).toMatchObject({ exitCode: 0 });
  const followed = ['--repo', path.join(directory, 'repo'), '--standby', path.join(directory, 'standby')];
  const standby = await cli('failover', 'follow', '--once', ...followed);
  expect(standby).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('a standby has to have it') });
});

test('a container that the log does not change is told of, too, also in a directory that is excluded', async () => {
  await cli('recover', '--from', home, '--to', path.join(directory, 'quiet'));
  fs.mkdirSync(path.join(home, 'old'));
  fs.writeFileSync(path.join(home, 'old/letters.txt'), 'Dear reader');
  fs.copyFileSync(path.join(directory, 'quiet/d.dbxml'), path.join(home, 'old/d.dbxml'));
  // Not a copy of a database that is there.
  const bytes = fs.readFileSync(path.join(home, 'old/d.dbxml'));
  bytes.fill(7, 52, 72);
  fs.writeFileSync(path.join(home, 'old/d.dbxml'), bytes);
  const taken = await take('hot', '--exclude', 'old');
  expect(taken).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('old/d.dbxml is a database, and excluded'),
  });
  expect(await onRepo('recover', '--to', out())).toMatchObject({ exitCode: 3 });
});

test('a copy of a container, and an environment of its own, are excluded without a word', async () => {
  fs.copyFileSync(path.join(home, 'd.dbxml'), path.join(home, 'd.bak'));
  demoApplication(path.join(home, 'old/inner')).commitUpTo([4, 72_115]);
  const stderr = 'created repository <dir>/repo\n';
  expect(await take('hot', '--exclude', '*.bak', '--exclude', 'old')).toMatchObject({ exitCode: 0, stderr });
  expect(await onRepo('recover', '--to', out(), '-q')).toMatchObject({ exitCode: 0 });
});

test('a damaged container that is excluded stops no backup of the others', async () => {
  fs.writeFileSync(path.join(home, 'd.dbxml'), fs.readFileSync(path.join(home, 'd.dbxml')).fill(0, 0, 4096));
  expect((await take('hot')).exitCode).not.toBe(0);
  expect(await take('hot', '--exclude', 'd.dbxml')).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining(warning),
  });
  expect(await onRepo('recover', '--to', out())).toMatchObject({ exitCode: 3 });
});

test('a damaged container that only an earlier set has is told of, too', async () => {
  const extra = fs.readFileSync(path.join(corpusCase('ds-53').backup, 'plain.db'));
  fs.writeFileSync(path.join(home, 'extra.db'), extra);
  expect((await take('hot')).exitCode).toBe(0);
  fs.writeFileSync(path.join(home, 'extra.db'), extra.fill(0, 0, 512));
  const taken = await take('hot', '--exclude', 'extra.db');
  expect(taken).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('extra.db is a database, and excluded') });
});

test('a container that is missing, and not excluded, is refused as ever', async () => {
  fs.unlinkSync(path.join(home, 'e.dbxml'));
  const taken = await take('hot', '--exclude', 'd.dbxml');
  expect(taken).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('e.dbxml is missing') });
});
