import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn, namesInRepository } from '../support/trees.ts';
import { prepared } from '../support/prepared.ts';

let repo: string;
let ids: string[];

/** Three chains; the second has an incremental. */
const laid = prepared(async (place) => {
  const application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  ids = [];
  for (const kind of ['hot', 'offline', 'incremental', 'hot'] as const) {
    // One that finds nothing new makes no set.
    if (kind === 'incremental') application.commitUpTo([6, 5737]);
    ids.push((await takeBackup(nodeFiles, kind, place)).id);
  }
});
beforeEach(() => {
  ({ repository: repo } = laid());
});

async function run(...args: readonly string[]): Promise<CliResult> {
  const result = await figaro([...args, '--repo', repo]);
  const plain = (text: string): string => ids.reduce((before, id, i) => before.replaceAll(id, `<set ${i + 1}>`), text);
  return { ...result, stdout: plain(result.stdout), stderr: plain(result.stderr) };
}

function sets(): string[] {
  return namesInRepository(repo).filter((name) => name !== 'repository.json');
}

describe('expire', () => {
  test('shows with --dry-run what would go and why the rest stays', async () => {
    await run('pin', ids[0]!, '--note', 'before the move');
    expect(await run('expire', '--keep-full', '1', '--dry-run')).toMatchInlineSnapshot(`
      {
        "exitCode": 0,
        "stderr": "",
        "stdout": "stays     <set 1>      1 set   846.3 KiB  pinned: before the move
      would go  <set 2>  2 sets  1.3 MiB
      stays     <set 4>      1 set   1.3 MiB    the newest; one of the newest 1
      1 chain would go, 1.3 MiB
      ",
      }
    `);
    expect(sets().sort()).toEqual([...ids].sort());
  });

  test('removes whole chains, and says which; nothing when none goes', async () => {
    const { exitCode, stdout, stderr } = await run('expire', '--keep-full', '1');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^removed  <set 1> .*\nremoved  <set 2> .*\n2 chains removed, [\d.]+ [KM]iB\n$/);
    expect(sets()).toEqual([ids[3]]);
    expect(await run('expire', '--keep-full', '1')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  });

  test('says nothing of what it removed with --quiet', async () => {
    expect(await run('expire', '--keep-full', '1', '--quiet')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(sets()).toEqual([ids[3]]);
  });

  test('keeps the chain that was rehearsed last', async () => {
    expect((await run('verify', '--chain', ids[1]!, '--rehearse')).exitCode).toBe(0);
    const { stdout } = await run('expire', '--keep-full', '1', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: false,
      chains: [
        { id: '<set 1>', kept: false, reasons: [] },
        { id: '<set 2>', sets: ['<set 2>', '<set 3>'], kept: true, reasons: ['the last one rehearsed'] },
        { id: '<set 4>', kept: true, reasons: ['the newest', 'one of the newest 1'] },
      ],
    });
    expect(sets().sort()).toEqual(ids.slice(1).sort());
  });

  test('leaves alone what is no set', async () => {
    mkdirSync(path.join(repo, 'notes'));
    await run('expire', '--keep-full', '1');
    expect(namesIn(repo)).toContain('notes');
  });

  test.each([
    [[], 'no rule says what to keep'],
    [['--keep-full', '0'], 'Write a number from 1 on'],
    [['--keep-within', 'a while'], 'Write a duration as'],
  ])('without a sensible rule is refused: %j', async (args, message) => {
    const { exitCode, stderr } = await run('expire', ...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining(message) as string });
    expect(sets()).toHaveLength(4);
  });
});

describe('a pin', () => {
  test('keeps its chain until it is taken away, whichever set is named', async () => {
    expect((await run('pin', ids[2]!, '--note', 'audit', '-v')).stdout).toBe('<set 2> is pinned\n');
    expect((await run('list')).stdout).toContain('pinned: audit');
    expect((await run('verify')).exitCode).toBe(0);
    await run('expire', '--keep-full', '1');
    expect(sets().sort()).toEqual(ids.slice(1).sort());
    expect((await run('unpin', ids[1]!, '-v')).stdout).toBe('<set 2> is no longer pinned\n');
    expect((await run('unpin', ids[1]!, '-v')).stdout).toBe('<set 2> was not pinned\n');
    await run('expire', '--keep-full', '1');
    expect(sets()).toEqual([ids[3]]);
  });

  test('that cannot be read keeps its chain, too', async () => {
    writeFileSync(path.join(repo, ids[0]!, 'pin.json'), '{');
    expect((await run('expire', '--keep-full', '1', '--dry-run')).stdout).toContain('pinned: pin.json cannot be read');
  });

  test('needs a set that is there', async () => {
    expect(await run('pin', 'nonsense')).toMatchObject({
      exitCode: 5,
      stderr: expect.stringContaining('there is no set nonsense') as string,
    });
  });
});
