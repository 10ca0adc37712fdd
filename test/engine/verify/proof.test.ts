import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { isTreeLeaf } from '../../../src/format/page/btree.ts';
import { decodeManifest, encodeManifest } from '../../../src/engine/repository/manifest.ts';
import { corpusCase } from '../../support/corpus.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { pagesOf } from '../../support/structural-damage.ts';
import { namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
});

function run(...args: readonly string[]): Promise<CliResult> {
  return figaro(args, { directory });
}

const backup = (kind: string, ...more: readonly string[]): Promise<CliResult> =>
  run(kind, '--home', home, '--repo', repo, ...more);

const setsOf = (): string[] => readdirSync(repo).filter((name) => /^\d+T/.test(name));

function checksOf(): readonly { readonly rehearsed: boolean; readonly findings: number }[] {
  const text = readFileSync(path.join(repo, setsOf()[0]!, 'checks.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { rehearsed: boolean; findings: number });
}

/** Takes the links between leaves away: every page is sound by itself, and the log does not say otherwise. */
function unlinkLeaves(from: string): void {
  for (const name of namesIn(from).filter((file) => file.endsWith('.dbxml'))) {
    const file = path.join(from, name);
    const bytes = readFileSync(file);
    for (const page of pagesOf(bytes)) if (isTreeLeaf(page.type)) page.nextPgno = page.prevPgno = 0;
    writeFileSync(file, bytes);
  }
}

describe('a database without a log that was cut off', () => {
  beforeEach(() => {
    mkdirSync(home);
    copyFileSync(path.join(import.meta.dirname, '../../fixtures/truncated-btree.db'), path.join(home, 'x.db'));
  });

  test('is refused by offline', async () => {
    const result = await backup('offline', '--json');
    expect(result.exitCode).toBe(4);
    const { error } = JSON.parse(result.stdout || result.stderr) as { error: { code: string; findings: unknown[] } };
    expect(error.code).toBe('not-recoverable');
    expect(error.findings.length).toBeGreaterThan(10);
    expect(setsOf()).toEqual([]);
  });

  test('is found by a rehearsal, which is not noted as one that went well', async () => {
    expect((await backup('offline', '--keep-damaged')).exitCode).toBe(4);
    asOfBefore();
    const checked = await run('check', '--repo', repo);
    expect(checked.exitCode).toBe(11);
    expect(checked.stdout).toContain('run `figaro-backup verify --rehearse`');
    const verified = await run('verify', '--repo', repo, '--rehearse', '--json');
    expect(verified.exitCode).toBe(4);
    expect(verified.stdout).toContain('it says that the file has 33 pages, but it has 16');
    expect(checksOf()).toMatchObject([{ rehearsed: false }]);
    expect(checksOf()[0]!.findings).toBeGreaterThan(10);
    const recovered = await run('recover', '--repo', repo, '--to', path.join(directory, 'out'), '--dry-run');
    expect(recovered.exitCode).toBe(4);
  });
});

test('a sound set without a log is rehearsed, and noted as rehearsed', async () => {
  cpSync(corpusCase('ds-53').backup, home, { recursive: true });
  expect((await backup('offline')).exitCode).toBe(0);
  expect((await run('verify', '--repo', repo, '--rehearse')).exitCode).toBe(0);
  expect(checksOf()).toMatchObject([{ rehearsed: true, findings: 0 }]);
});

/** Makes a set one of an earlier version, which did not look at structure and kept nothing that was damaged. */
function asOfBefore(): void {
  const file = path.join(repo, setsOf()[0]!, 'manifest.json');
  const { unsound: _unsound, ...manifest } = decodeManifest(readFileSync(file, 'utf8'), file);
  writeFileSync(file, encodeManifest({ ...manifest, proof: undefined }));
}

describe('a chain whose trees are unsound', () => {
  let application: ReturnType<typeof demoApplication>;

  beforeEach(async () => {
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    unlinkLeaves(home);
    expect((await backup('hot', '--keep-damaged')).exitCode).toBe(4);
    asOfBefore();
    application.commitUpTo([6, 5737]);
  });

  test('is not continued by incremental, where the log changes them', async () => {
    const refused = await backup('incremental', '--json');
    expect(refused.exitCode).toBe(4);
    expect(refused.stdout).toContain('"not-recoverable"');
    expect(setsOf()).toHaveLength(1);
  });

  test('is not noted as rehearsed in any of its sets', async () => {
    expect((await run('verify', '--repo', repo, '--rehearse')).exitCode).toBe(4);
    expect(checksOf().map(({ rehearsed }) => rehearsed)).toEqual([false]);
    const aged = await run('check', '--repo', repo, '--max-rehearsal-age', '1d', '--json');
    expect(aged.exitCode).toBe(4);
    expect(aged.stdout).not.toContain('"lastRehearsed"');
  });
});
