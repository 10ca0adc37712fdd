/** Links to what is not there, as when a disk is not mounted, in every place where a directory can be named. */

import { readdirSync, renameSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { madeEarlier } from '../support/earlier-sets.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';

let directory: string;

const laid = prepared(async (place) => {
  ({ directory } = place);
  demoApplication(place.home).commitUpTo([4, 72_115]);
  await run('hot --home @env --repo @repo');
  const repository = path.join(directory, 'repo');
  madeEarlier(repository, namesIn(repository)[0]!);
  await run('hot --home @env --repo @repo');
  symlinkSync('/nonexistent/disk', path.join(directory, 'away'));
});
beforeEach(() => {
  ({ directory } = laid());
});

const run = async (line: string): Promise<CliResult> =>
  await figaro(
    line.split(' ').map((word) => word.replace(/^@/, `${directory}/`)),
    { directory },
  );

test.each([
  ['hot --home @away --repo @other', 3],
  ['offline --home @away --repo @other', 3],
  ['incremental --home @away --repo @repo', 3],
  ['inspect environment --home @away', 3],
  ['logs list --home @away', 3],
  ['logs print --home @away', 3],
  ['logs timeline --home @away', 3],
  ['logs prune --home @away --repo @repo', 3],
  ['recover --from @away --to @new', 3],
  ['recover --repo @repo --to @new --surviving-logs @away', 3],
  ['failover follow --home @away --standby @standby --once', 3],
  ['init --repo @away', 6],
  ['init --repo @away/repo', 5],
  ['hot --home @env --repo @away', 6],
  ['hot --home @env --repo @away/repo', 5],
  ['recover --repo @repo --to @away', 6],
  ['recover --repo @repo --to @away/env', 6],
  ['failover follow --home @env --standby @away --once', 6],
])('%s ends with an error by name', async (line, status) => {
  const { exitCode, stderr } = await run(line);
  expect([exitCode, stderr]).toEqual([
    status,
    expect.stringMatching(/^error \[[a-z-]+\]: .*(leads nowhere|already, and|no directory).*\n(hint: .*\n)?$/),
  ]);
  expect(namesIn(path.join(directory, 'repo'))).toHaveLength(3);
});

test('verify names the set whose environment is a link that leads nowhere, and checks the others', async () => {
  const repo = path.join(directory, 'repo');
  const [first, second] = readdirSync(repo) as [string, string];
  const environment = path.join(repo, first, 'environment');
  renameSync(environment, path.join(directory, 'aside'));
  symlinkSync('/nonexistent/disk', environment);
  for (const how of ['', ' --quick', ' --rehearse']) {
    const { exitCode, stdout } = await run(`verify --repo @repo --json${how}`);
    const { findings, sets } = JSON.parse(stdout) as { findings: { set: string; message: string }[]; sets: object[] };
    expect(exitCode).toBe(4);
    expect(findings).toMatchObject([{ set: first }]);
    expect(findings[0]!.message).toContain('environment is a link, not a directory');
    expect(sets).toHaveLength(1);
  }
  expect((await run(`verify --repo @repo --set ${second}`)).exitCode).toBe(0);
  expect((await run(`recover --repo @repo --to @new`)).exitCode).toBe(0);
});
