import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { isTreeLeaf } from '../../src/format/page/btree.ts';
import { pageType } from '../../src/format/page/types.ts';
import { decodeManifest, encodeManifest } from '../../src/engine/repository/manifest.ts';
import { shellWord } from '../../src/output/text.ts';
import { pagesOf } from '../support/structural-damage.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { figaro, type CliResult } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';

let directory: string;
let home: string;
let target: string;
let containers: readonly string[];

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  target = path.join(directory, 'restored');
  layDemoEnvironment(home);
  containers = namesIn(home).filter((name) => name.endsWith('.dbxml'));
});

function run(args: readonly string[]): Promise<CliResult> {
  return figaro(args, { directory });
}

/** Takes the links between leaves away: every page is sound by itself, and the log does not say otherwise. */
function unlinkLeaves(): void {
  for (const name of containers) {
    const file = path.join(home, name);
    const bytes = readFileSync(file);
    for (const page of pagesOf(bytes)) if (isTreeLeaf(page.type)) page.nextPgno = page.prevPgno = 0;
    writeFileSync(file, bytes);
  }
}

/** Swaps the first two keys of a leaf, and returns the number of its page. */
function swapKeys(): number {
  const file = path.join(home, containers[0]!);
  const bytes = readFileSync(file);
  const leaf = pagesOf(bytes).findLast(({ type, entries }) => type === pageType.btreeLeaf && entries > 4)!;
  const first = leaf.itemAt(0);
  leaf.setItemAt(0, leaf.itemAt(2));
  leaf.setItemAt(2, first);
  writeFileSync(file, bytes);
  return leaf.pgno;
}

interface Document {
  readonly error: {
    readonly code: string;
    readonly path: string;
    readonly pgno: number;
    readonly findings: readonly { readonly path: string; readonly pgno: number; readonly message: string }[];
  };
}

describe('recover', () => {
  const recover = (...args: readonly string[]): Promise<CliResult> =>
    run(['recover', '--from', home, '--to', target, ...args]);

  test('gives no environment whose databases are damaged in structure, and names file and page', async () => {
    unlinkLeaves();
    const { exitCode, stdout, stderr } = await recover();
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toMatch(
      new RegExp(
        `^error \\[not-recoverable\\]: the result is damaged: (${containers.join('|')}): page \\d+: page \\d+ is the next leaf`,
      ),
    );
    expect(stderr).toContain('--no-check');
    expect(existsSync(target)).toBe(false);
    expect(namesIn(directory)).toEqual(['env']);
  });

  test('lists every finding with --json', async () => {
    unlinkLeaves();
    swapKeys();
    const { error } = JSON.parse((await recover('--json')).stdout) as Document;
    expect(error.code).toBe('not-recoverable');
    expect(error.findings.length).toBeGreaterThan(1);
    expect(error.findings.every((finding) => containers.includes(finding.path) && finding.pgno > 0)).toBe(true);
    expect(error).toMatchObject({ path: error.findings[0]!.path, pgno: error.findings[0]!.pgno });
  });

  test('finds the same in a dry run', async () => {
    unlinkLeaves();
    const wet = await recover('--json');
    const dry = await recover('--json', '--dry-run');
    expect(dry.exitCode).toBe(4);
    expect(dry.stdout).toBe(wet.stdout);
  });

  test('gives the damaged environment with --no-check', async () => {
    unlinkLeaves();
    expect((await recover('--no-check')).exitCode).toBe(0);
    expect(existsSync(path.join(target, containers[0]!))).toBe(true);
  });

  test('checks the order of keys unless told that it is the application’s own', async () => {
    const pgno = swapKeys();
    expect((await recover()).stderr).toContain(`page ${pgno}: the key in item 2 is before the one in item 0`);
    expect(await recover('--any-order')).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('a source whose databases are damaged in structure', () => {
  const repoOf = (): string => path.join(directory, 'repo');
  const backup = (kind: string, ...more: readonly string[]): Promise<CliResult> =>
    run([kind, '--home', home, '--repo', repoOf(), ...more]);

  test.each(['hot', 'offline'])('is refused by %s with every finding, as recover refuses it', async (kind) => {
    unlinkLeaves();
    swapKeys();
    const { error } = JSON.parse((await backup(kind, '--json')).stdout) as Document;
    const recovery = JSON.parse((await run(['recover', '--from', home, '--to', target, '--json'])).stdout) as Document;
    expect(error.code).toBe('not-recoverable');
    expect(error.findings).toEqual(recovery.error.findings);
    expect(error.findings.length).toBeGreaterThan(1);
    expect(namesIn(repoOf()).filter((name) => name !== 'repository.json')).toEqual([]);
  });

  test('is kept with --keep-damaged as a set that counts as proven nowhere, and displaces no other', async () => {
    expect((await backup('hot')).exitCode).toBe(0);
    const [sound] = namesIn(repoOf());
    unlinkLeaves();
    const kept = await backup('hot', '--keep-damaged');
    expect(kept.exitCode).toBe(4);
    expect(kept.stderr).toContain('is kept and marked unsound');
    const unsound = namesIn(repoOf()).find((name) => name.includes('-hot-') && name !== sound)!;

    // It is told wherever sets are.
    for (const args of [['list'], ['show', '--chain', unsound]]) {
      expect((await run([...args, '--repo', repoOf()])).stdout).toContain('a copy of a damaged source');
    }
    const check = await run(['check', '--repo', repoOf()]);
    expect(check.exitCode).toBe(4);
    expect(check.stdout).toContain('marked unsound');
    expect(check.stdout).toContain(`newest proven set  ${sound}`);
    // It is what it was made as.
    const verified = await run(['verify', '--repo', repoOf(), '--rehearse']);
    expect({ exitCode: verified.exitCode, told: verified.stderr }).toEqual({
      exitCode: 0,
      told: expect.stringContaining('only its SHA-256 sums are compared'),
    });
    // The sound chain is the one that is recovered and kept.
    expect((await run(['recover', '--repo', repoOf(), '--to', target])).exitCode).toBe(0);
    expect((await run(['recover', '--repo', repoOf(), '--chain', unsound, '--to', `${target}2`])).exitCode).toBe(4);
    await run(['expire', '--repo', repoOf(), '--keep-full', '1']);
    expect(namesIn(repoOf())).toEqual(expect.arrayContaining([sound, unsound]));
  });
});

test('a repository with damaged copies alone says how they are recovered, in words that a shell takes for its path', async () => {
  unlinkLeaves();
  const repo = path.join(directory, 'my repo');
  await run(['hot', '--home', home, '--repo', repo, '--keep-damaged']);
  const kept = namesIn(repo).find((name) => name.includes('-hot-'))!;
  const copy = path.join(repo, kept, 'environment');
  const { exitCode, stderr } = await figaro(['recover', '--repo', repo, '--to', target]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 4,
    stderr: expect.stringContaining(`--from ${shellWord(copy)} --no-check`),
  });
  expect((await run(['recover', '--from', copy, '--to', target, '--no-check'])).exitCode).toBe(0);
});

describe('verify --rehearse', () => {
  test('lists what is damaged in the structure of what the chain recovers to', async () => {
    unlinkLeaves();
    swapKeys();
    const repo = path.join(directory, 'repo');
    // As a set of an earlier version, which did not look.
    expect((await run(['hot', '--home', home, '--repo', repo, '--keep-damaged'])).exitCode).toBe(4);
    const [set] = namesIn(repo).filter((name) => name.includes('-hot-'));
    const file = path.join(repo, set!, 'manifest.json');
    const { unsound: _unsound, ...manifest } = decodeManifest(readFileSync(file, 'utf8'), file);
    writeFileSync(file, encodeManifest(manifest));
    expect((await run(['verify', '--repo', repo])).exitCode).toBe(0);
    const { exitCode, stdout } = await run(['verify', '--repo', repo, '--rehearse', '--json']);
    expect(exitCode).toBe(4);
    const { findings, rehearsed } = JSON.parse(stdout) as {
      findings: readonly { path: string; pgno: number; code: string }[];
      rehearsed: readonly string[];
    };
    expect(rehearsed).toEqual([]);
    expect(findings.length).toBeGreaterThan(1);
    expect(findings.every(({ code, path: name }) => code === 'page-type' && containers.includes(name))).toBe(true);
  });
});
