import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { listSets } from '../../../src/engine/repository/catalog.ts';
import { openRepository } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { verifyRepository, verifySets } from '../../../src/engine/verify/verify-sets.ts';
import { type VerifyOptions, type VerifyResult } from '../../../src/engine/verify/verification.ts';
import { corpusCase } from '../../support/corpus.ts';
import { flipBit } from '../../support/damage.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { asOfFormat2 } from '../../support/earlier-sets.ts';
import { namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { prepared } from '../../support/prepared.ts';

const pageSize = 4096;

let repository: string;
let full: BackupSet;
let incremental: BackupSet;

const laid = prepared(async (place) => {
  const application = demoApplication(place.home);
  application.commitUpTo([4, 72_115]);
  full = await takeBackup(nodeFiles, 'hot', place);
  application.commitUpTo([6, 5737]);
  incremental = await takeBackup(nodeFiles, 'incremental', place);
});
beforeEach(() => {
  ({ repository } = laid());
});

function verify(options: VerifyOptions = {}): Promise<VerifyResult> {
  return verifySets(nodeFiles, openRepository(nodeFiles, repository), options);
}

/** A file of a set. */
function inside({ directory }: BackupSet, name: string): string {
  return path.join(directory, 'environment', name);
}

/** The codes and messages found, without the names of the sets. */
function told({ findings }: VerifyResult): string[] {
  return findings.map(({ set, code, message }) => `${set === full.id ? 'full' : 'incremental'} [${code}] ${message}`);
}

describe('sets that are as they were made', () => {
  test('have no findings', async () => {
    const result = await verify();
    expect(told(result)).toEqual([]);
    expect(result.sets.map(({ id, files }) => [id, files])).toEqual([
      [full.id, 5],
      [incremental.id, 3],
    ]);
    expect(result.sets[0]!.pages).toBe(66);
    expect(result.records).toBeGreaterThan(9000);
    expect(result.rehearsed).toEqual([]);
  });

  test('can be recovered', async () => {
    expect((await verify({ rehearse: true })).rehearsed).toEqual([full.id]);
  });

  test('remember that they were checked, and the check is no finding of the next', async () => {
    await verify();
    await verify({ rehearse: true });
    expect(namesIn(full.directory)).toContain('checks.jsonl');
    expect(told(await verify({ record: false }))).toEqual([]);
    const { sets } = listSets(nodeFiles, openRepository(nodeFiles, repository)).chains[0]!;
    expect(sets[0]!.lastCheck).toMatchObject({ findings: 0, rehearsed: true });
  });

  test('can be checked where nothing can be written', async () => {
    const files = watchedFiles(nodeFiles, {
      before(operation, file) {
        if (operation === 'create') throw new FigaroError('not-permitted', `${file}: cannot create`);
      },
    });
    const result = await verifySets(files, openRepository(files, repository));
    expect(told(result)).toEqual([]);
    expect(result.warnings[0]).toContain('could not be noted');
  });

  test('of an environment without logs have no findings', async () => {
    const directory = temporaryDirectory();
    const options = { home: corpusCase('cds-48').backup, repository: path.join(directory, 'repo') };
    await takeBackup(nodeFiles, 'offline', options);
    ({ repository } = options);
    const result = await verify({ rehearse: true });
    expect(result.findings).toEqual([]);
    expect(result.rehearsed).toEqual(result.sets.map(({ id }) => id));
  });
});

describe('everything that is wrong is told:', () => {
  test('a bit in a container', async () => {
    flipBit(inside(full, 'd.dbxml'), 3 * pageSize + 25);
    expect(told(await verify())).toEqual([
      'full [file-checksum] d.dbxml does not match its SHA-256 in the manifest',
      expect.stringMatching(/^full \[page-type\] d\.dbxml: page 3 is damaged: /),
    ]);
  });

  test('several things at once', async () => {
    flipBit(inside(full, 'd.dbxml'), 3 * pageSize + 25);
    flipBit(inside(full, 'd.dbxml'), 9 * pageSize + 25);
    unlinkSync(inside(full, 'e.dbxml'));
    writeFileSync(inside(full, 'new.txt'), '');
    appendFileSync(path.join(full.directory, 'SHA256SUMS'), ' ');
    flipBit(inside(incremental, 'log.0000000005'), 1000);
    const findings = told(await verify());
    expect(findings.map((line) => line.split(': ')[0])).toEqual([
      'full [file-checksum] d.dbxml does not match its SHA-256 in the manifest',
      'full [page-type] d.dbxml',
      'full [page-type] d.dbxml',
      'full [set-incomplete] e.dbxml is missing',
      'full [file-checksum] new.txt is not in the manifest',
      'full [file-checksum] SHA256SUMS differs from the manifest',
      'incremental [file-checksum] log.0000000005 does not match its SHA-256 in the manifest',
      expect.stringMatching(/^incremental \[log-corrupt\] .*log\.0000000005 is damaged at \[5\]\[/),
    ]);
  });

  test('a log file cut off', async () => {
    truncateSync(inside(incremental, 'log.0000000006'), 3000);
    const findings = told(await verify());
    expect(findings).toContainEqual(expect.stringContaining('log.0000000006 has 2.9 KiB, not 5.6 KiB'));
    expect(findings).toContainEqual(
      expect.stringMatching(/the log ends at \[6\]\[\d+\], but the manifest says \[6\]\[5739\]/),
    );
    expect(findings).toContainEqual(expect.stringContaining('the log has no record at [6][5699]'));
  });

  test('a log file missing in the middle', async () => {
    unlinkSync(inside(incremental, 'log.0000000005'));
    const findings = told(await verify());
    expect(findings).toContainEqual(expect.stringContaining('[set-incomplete] log.0000000005 is missing'));
    expect(findings).toContainEqual(expect.stringContaining('[log-missing] log.0000000005 is missing between'));
  });

  test('a log file that does not begin as the parent’s', async () => {
    asOfFormat2([full, incremental]);
    flipBit(inside(full, 'log.0000000004'), 5000);
    expect(told(await verify())).toContainEqual(
      expect.stringContaining('incremental [chain-mismatch] log.0000000004 differs at byte 5000'),
    );
  });

  test('a page from behind the end of the log', async () => {
    const file = inside(full, 'd.dbxml');
    const contents = readFileSync(file);
    contents.writeUInt32LE(5, 3 * pageSize);
    writeFileSync(file, contents);
    expect(told(await verify())).toContainEqual(
      expect.stringMatching(/^full \[not-recoverable\] d\.dbxml: page 3 was last changed at \[5\]/),
    );
  });

  test('a set whose parent is gone', async () => {
    rmSync(full.directory, { recursive: true });
    expect(told(await verify())).toEqual([expect.stringContaining('[chain-gap]')]);
  });

  test('a manifest that was changed', async () => {
    flipBit(path.join(incremental.directory, 'manifest.json'), 100);
    expect(told(await verify())).toEqual([expect.stringContaining('incremental [manifest-corrupt]')]);
  });

  test('that recovery would fail', async () => {
    unlinkSync(inside(full, 'e.dbxml'));
    const result = await verify({ rehearse: true });
    expect(result.rehearsed).toEqual([]);
    expect(told(result)).toContainEqual(expect.stringContaining('incremental [container-missing] e.dbxml'));
  });
});

test('an unfinished set is no finding, and is not touched', async () => {
  const manifest = path.join(incremental.directory, 'manifest.json');
  unlinkSync(manifest);
  chmodSync(incremental.directory, 0o755);
  const result = await verify();
  expect(told(result)).toEqual([]);
  expect(result.warnings).toEqual([`${incremental.id} was not finished and is not a set; the next backup removes it`]);
  expect(existsSync(incremental.directory)).toBe(true);
});

test('a repository with an unfinished set alone has nothing to verify, and says so', async () => {
  for (const { directory } of [incremental, full]) rmSync(path.join(directory, 'manifest.json'));
  const opened = openRepository(nodeFiles, repository);
  const error = await verifyRepository(nodeFiles, opened).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'set-missing' });
  expect((error as FigaroError).message).toContain(`nothing to verify; ${full.id} was not finished`);
});

describe('a part of a repository', () => {
  /** A chain of its own for each of some times, the full sets of another environment. */
  async function addChains(count: number): Promise<string[]> {
    const home = path.join(temporaryDirectory(), 'env');
    demoApplication(home).commitUpTo([4, 72_115]);
    const ids = [full.id];
    for (let i = 0; i < count; i++) ids.push((await takeBackup(nodeFiles, 'hot', { home, repository })).id);
    return ids;
  }

  test('is taken up where the last run left off', async () => {
    const ids = await addChains(2);
    const seen: string[] = [];
    for (let run = 0; run < 3; run++) {
      const { sets, left } = await verify({ share: 1 / 3 });
      const chains = [...new Set(sets.map(({ chain }) => chain))];
      expect(chains).toHaveLength(1);
      expect([...chains, ...left].sort()).toEqual([...ids].sort());
      seen.push(...chains);
    }
    expect(seen.sort()).toEqual([...ids].sort());
  });

  test('is one chain at least, however little time there is', async () => {
    await addChains(2);
    const { sets, left } = await verify({ budgetMs: 0 });
    expect(new Set(sets.map(({ chain }) => chain)).size).toBe(1);
    expect(left).toHaveLength(2);
  });

  test('can be one set', async () => {
    flipBit(inside(full, 'd.dbxml'), 5000);
    expect(told(await verify({ set: incremental.id }))).toEqual([]);
    expect((await verify({ set: full.id })).findings[0]).toMatchObject({ set: full.id, code: 'file-checksum' });
    await expect(verify({ set: 'nonsense' })).rejects.toThrow('there is no set nonsense');
  });
});

describe('a quick look', () => {
  test('finds what is missing, and sizes that are wrong, but not what only reading tells', async () => {
    flipBit(inside(full, 'd.dbxml'), 5000);
    expect(told(await verify({ quick: true }))).toEqual([]);
    truncateSync(inside(full, 'd.dbxml'), 4096);
    unlinkSync(inside(incremental, 'log.0000000006'));
    const findings = told(await verify({ quick: true }));
    expect(findings).toHaveLength(2);
    expect(findings.join()).toMatch(/d\.dbxml has 4\.0 KiB, not \S+ KiB .*log\.0000000006 is missing/);
  });

  test('reads no file but the first bytes, and is no check that counts', async () => {
    let bytes = 0;
    const files = watchedFiles(nodeFiles, {
      afterRead: (file, { length }) => (bytes += file.endsWith('.dbxml') ? length : 0),
    });
    await verifySets(files, openRepository(files, repository), { quick: true });
    expect(bytes).toBeLessThan(20_000);
    expect(existsSync(path.join(full.directory, 'checks.jsonl'))).toBe(false);
  });
});
