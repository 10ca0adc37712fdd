import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { createRepository } from '../../src/engine/repository/repository.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';

let directory: string;
let home: string;
let repo: string;

const show = (...args: string[]): Promise<CliResult> => figaro(['show', '--repo', repo, ...args], { directory });
const take = async (kind: string): Promise<void> => {
  const { exitCode, stderr } = await figaro([kind, '--home', home, '--repo', repo, '--quiet']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
};
const setNamed = (kind: string): string => namesIn(repo).find((name) => name.includes(`-${kind}-`))!;

/** What changes with the day. */
function settled(text: string): string {
  return text
    .replaceAll(/\d{8}T\d{6}Z-(\w+)-[0-9a-f]{6}/g, '<$1>')
    .replaceAll(/20(?!26-11-22T09:23)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+Z)?Z?/g, '<time>')
    .replaceAll(/ on \S+$/gm, ' on <host>')
    .replaceAll(/ +$/gm, '');
}

const laid = prepared(async (place) => {
  ({ home, repository: repo } = place);
  const application = demoApplication(home);
  application.commitUpTo([4, 72_115]);
  createRepository(nodeFiles, repo);
  await take('hot');
  application.commitUpTo([6, 5737]);
  await take('incremental');
});
beforeEach(() => {
  ({ directory, home, repository: repo } = laid());
});

test('shows a chain: its sets, its containers, and how far it reaches', async () => {
  const { exitCode, stdout, stderr } = await show();
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(settled(stdout)).toMatchSnapshot();
});

test('draws commits and backups over time', async () => {
  const { stdout } = await show('--timeline', '--chain', setNamed('incremental'));
  expect(stdout).toMatch(
    /68 commits over time:\n.*68 commits +879\.8 KiB +█{32}\n +◆ earliest restore point \[2\]\[201770\]\n/,
  );
  for (const mark of ['latest restore point [5][254138]', setNamed('hot'), setNamed('incremental')]) {
    expect(stdout).toContain(`◆ ${mark}\n`);
  }
});

test('the command it ends with recovers the chain', async () => {
  const { stdout } = await figaro(['show', '--repo', repo]);
  const line = stdout.split('\n').find((text) => text.includes('figaro-backup recover '))!;
  const words = line.trim().replace('DIR', path.join(directory, 'restored')).split(' ').slice(1);
  expect((await figaro(words)).exitCode).toBe(0);
});

test('tells when it was verified, rehearsed and pinned', async () => {
  await figaro(['verify', '--repo', repo, '--rehearse']);
  await figaro(['pin', setNamed('hot'), '--repo', repo, '--note', 'before the move']);
  const { stdout } = await show();
  expect(stdout).toMatch(/verified +20\S+Z: no problems\n/);
  expect(stdout).toMatch(/rehearsed +20\S+Z\n/);
  expect(stdout).toContain('pinned                  before the move\n');
  const container = path.join(repo, setNamed('hot'), 'environment/d.dbxml');
  writeFileSync(container, readFileSync(container).fill(1, 100, 110));
  await figaro(['verify', '--repo', repo]);
  expect((await show()).stdout).toMatch(/verified +20\S+Z: \d+ findings?/);
});

test('as JSON it is one document', async () => {
  const { stdout } = await show('--json', '--timeline');
  const document = JSON.parse(stdout) as Record<string, unknown>;
  expect(document.timeline).toHaveLength(3);
  expect(document).toMatchObject({
    id: setNamed('hot'),
    window: { first: { lsn: '[2][201770]' }, last: { lsn: '[5][254138]' } },
    sets: [{ kind: 'hot' }, { kind: 'incremental', parent: setNamed('hot') }],
    containers: [
      { name: 'd.dbxml', method: 'btree', xml: { storage: 'node' } },
      { name: 'e.dbxml', xml: { storage: 'document' } },
    ],
  });
});

test('without an inventory it reads no container', async () => {
  const container = path.join(repo, setNamed('hot'), 'environment/d.dbxml');
  writeFileSync(container, readFileSync(container).fill(1, 8192));
  expect((await show()).stdout).toMatch(/d\.dbxml [^]* counted in part: .*page \d+/);
  const { exitCode, stdout } = await show('--no-inventory');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^ {2}d\.dbxml +120\.0 KiB +pages of 4096 +btree$/m);
});

describe('says what is wrong', () => {
  test('of a set there is not', async () => {
    const { exitCode, stderr } = await show('--chain', 'nonesuch');
    expect(exitCode).toBe(5);
    expect(stderr).toContain('error [set-missing]: there is no set nonesuch');
  });

  test('of a set that is damaged', async () => {
    writeFileSync(path.join(repo, setNamed('hot'), 'manifest.json'), '{}');
    const { exitCode, stderr } = await show('--chain', setNamed('hot'));
    expect(exitCode).toBe(4);
    expect(stderr).toContain('error [manifest-corrupt]');
  });

  test('of a file that is missing', async () => {
    rmSync(path.join(repo, setNamed('hot'), 'environment/log.0000000003'));
    expect((await show('--timeline')).exitCode).toBe(3);
  });
});
