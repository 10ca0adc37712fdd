/** Which chain and set are meant by a shortened name, or by `latest`. */

import { beforeEach, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { madeEarlier } from '../support/earlier-sets.ts';
import { prepared } from '../support/prepared.ts';
import { figaro } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';

/** Two full sets, and a chain of two sets an hour later. */
const laid = prepared(async ({ home, repository }) => {
  const application = demoApplication(home);
  const take = async (kind: string): Promise<void> => {
    expect(await figaro([kind, '--home', home, '--repo', repository])).toMatchObject({ exitCode: 0 });
  };
  application.commitUpTo([4, 72_115]);
  for (let i = 0; i < 2; i++) {
    await take('hot');
    madeEarlier(
      repository,
      namesIn(repository).findLast((name) => name.includes('-hot-'))!,
    );
  }
  application.commitUpTo([5, 60_000]);
  await take('hot');
  application.commitUpTo([5, 110_402]);
  await take('incremental');
});

let home: string;
let repository: string;
let target: string;
/** The sets of the newest chain, and the name of another one. */
let full: string;
let last: string;
let other: string;

beforeEach(async () => {
  ({ home, repository, target } = laid());
  const { stdout } = await figaro(['list', '--repo', repository, '--json']);
  const { chains } = JSON.parse(stdout) as { chains: { id: string; sets: { id: string }[] }[] };
  expect(chains.map(({ sets }) => sets.length)).toEqual([1, 1, 2]);
  other = chains[0]!.id;
  [full, last] = chains[2]!.sets.map(({ id }) => id) as [string, string];
});

/** What a recovery would use, or the error in place of it. */
async function chosen(...more: string[]): Promise<unknown> {
  const args = ['recover', '--repo', repository, '--to', target, '--dry-run', '--json', ...more];
  const { exitCode, stdout, stderr } = await figaro(args);
  return exitCode === 0 ? JSON.parse(stdout) : `${exitCode} ${stderr}${stdout}`;
}

test('names of sets are shortened to what is unique, and latest is the newest', async () => {
  const chance = last.slice(-6);
  for (const name of [last, last.slice(0, -2), chance, 'latest']) {
    expect(await chosen('--to-set', name), name).toMatchObject({ chain: full, sets: [full, last] });
    expect(await chosen('--chain', name), name).toMatchObject({ chain: full, sets: [full, last] });
  }
  expect(await chosen('--to-set', full.slice(0, -1))).toMatchObject({ sets: [full] });
  expect(await chosen('--to-set', 'latest', '--chain', other)).toMatchObject({ chain: other });
  for (const [command, ...more] of [
    ['verify', '--set', 'latest'],
    ['verify', '--set', chance],
    ['verify', '--chain', 'latest'],
    ['show', '--chain', 'latest'],
    ['show', '--chain', chance],
    ['pin', 'latest'],
    ['unpin', chance],
    ['logs', 'list', '--chain', 'latest'],
    ['incremental', '--home', home, '--chain', 'latest'],
  ] as const) {
    const { exitCode, stderr } = await figaro([command, ...more, '--repo', repository]);
    expect({ command, more, exitCode, stderr }).toMatchObject({ exitCode: 0, stderr: '' });
  }
});

test('a name that may mean several sets is refused with them, unless they are of one chain', async () => {
  const decade = full.slice(0, 3);
  expect(await chosen('--to-set', decade)).toMatch(/^2 .*may mean \S+, \S+, \S+, and \d more/s);
  expect(await chosen('--chain', decade)).toMatch(/^2 .*may mean/s);
  // The hour and the minute tell the sets of a chain from those of another.
  expect(await chosen('--chain', full.slice(0, 'YYYYMMDDTHHMM'.length))).toMatchObject({ chain: full });
  expect(await chosen('--chain', 'nope')).toMatch(/^5 .*there is no set nope/s);
  expect(await chosen('--to-set', 'late')).toMatch(/^5 .*there is no set late/s);
});
