import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type RecordedApplication } from '../../../demo/application.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { type BackupResult } from '../../../src/engine/backup/backup-options.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { compareDatabases, corpusCase } from '../../support/corpus.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { newPlace } from '../../support/place.ts';
import { prepared } from '../../support/prepared.ts';

let directory: string;
let home: string;
let repository: string;

beforeEach(() => {
  ({ directory, home, repository } = newPlace());
});

function hot(): Promise<BackupSet> {
  return takeBackup(nodeFiles, 'hot', { home, repository });
}

function incremental(chain?: string): Promise<BackupResult> {
  return takeBackup(nodeFiles, 'incremental', { home, repository, ...(chain === undefined ? {} : { chain }) });
}

function logsOf({ manifest }: BackupSet): string[] {
  return manifest.files.filter(({ kind }) => kind === 'log').map(({ path: file }) => file);
}

async function recoverChain(): Promise<string> {
  const { sets } = readSets(nodeFiles, openRepository(nodeFiles, repository));
  const target = path.join(directory, 'recovered');
  await recoverEnvironment(nodeFiles, { environment: chainEnvironment(nodeFiles, findChain(sets)), target });
  return target;
}

test.each(['dbxml-inc', 'prefix-181-inc'])('the series %s recovers to what native recovery makes of it', async (id) => {
  const { backup, expected } = corpusCase(id);
  cpSync(path.join(backup, 'full'), home, { recursive: true });
  let last = await hot();
  for (const step of readdirSync(backup)
    .filter((name) => name.startsWith('inc'))
    .sort()) {
    cpSync(path.join(backup, step), home, { recursive: true });
    const before = fingerprint(home);
    const set = await incremental();
    expect(fingerprint(home)).toEqual(before);
    expect(set.manifest).toMatchObject({ kind: 'incremental', parent: last.id, chain: last.manifest.chain });
    last = set;
  }
  expect(compareDatabases(await recoverChain(), expected)).toEqual([]);
});

describe('an incremental', () => {
  let application: RecordedApplication;
  let full: BackupSet;

  const laid = prepared(async (place) => {
    ({ home, repository } = place);
    demoApplication(home).commitUpTo([4, 72_115]);
    full = await hot();
  });
  beforeEach(() => {
    ({ directory, home, repository } = laid());
    application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
  });

  test('holds the log files that are new, whole, and of the one that grew what it grew by', async () => {
    application.commitUpTo([6, 5737]);
    const set = await incremental();
    expect(logsOf(set)).toEqual(['log.0000000004.from-0000072115', 'log.0000000005', 'log.0000000006']);
    expect(set.manifest.log).toMatchObject({
      firstFile: full.manifest.log!.firstFile,
      lastFile: 6,
      end: { file: 6, offset: 5739 },
    });
    expect(readFileSync(path.join(set.directory, 'environment/log.0000000006'))).toHaveLength(5739);
  });

  test('of a log that did not grow is no set: the newest stands for what the source has', async () => {
    const before = namesIn(repository);
    const { id, nothingNew } = await incremental();
    expect({ id, warnings: nothingNew?.warnings }).toEqual({ id: full.id, warnings: [] });
    expect(namesIn(repository)).toEqual(before);
    application.commitUpTo([5, 110_402]);
    const next = await incremental();
    expect({ parent: next.manifest.parent, nothingNew: next.nothingNew }).toEqual({ parent: full.id });
  });

  test('goes on where the last log file was complete and is gone, if its records point back', async () => {
    application.commitUpTo([5, 28]);
    const complete = await incremental();
    expect(complete.manifest.log!.end.file).toBe(5);
    application.commitUpTo([6, 5737]);
    unlinkSync(path.join(home, 'log.0000000004'));
    const set = await incremental();
    expect(logsOf(set)).toEqual(['log.0000000005.from-0000000028', 'log.0000000006']);
  });

  test.each(['nothing', 'a link to nowhere'])(
    'is refused where %s is in the place of the chain’s last log file',
    async (what) => {
      application.commitUpTo([6, 5737]);
      const last = path
        .join(full.directory, 'environment/log.0000000004')
        .replace(path.dirname(full.directory), repository);
      unlinkSync(last);
      if (what !== 'nothing') symlinkSync('nowhere', last);
      const error = await expectFailure('chain-gap', incremental);
      expect(error.message).toMatch(/the chain has lost log\.0000000004, its last log file$/);
    },
  );

  test('is refused when log files in between are gone', async () => {
    application.commitUpTo([6, 5737]);
    for (const number of [1, 2, 3, 4, 5]) unlinkSync(path.join(home, `log.000000000${number}`));
    const error = await expectFailure('chain-gap', () => incremental());
    const { file, offset } = full.manifest.log!.end;
    expect(error.message).toBe(
      `${home} does not continue the chain: it goes on at log.0000000006, but the newest set ends in log.000000000${file} at [${file}][${offset}]`,
    );
    expect(namesIn(repository)).toEqual([full.id, 'repository.json']);
  });

  test('is refused when the last log file grew before it was removed', async () => {
    application.commitUpTo([6, 5737]);
    for (const number of [1, 2, 3, 4]) unlinkSync(path.join(home, `log.000000000${number}`));
    const error = await expectFailure('chain-gap', () => incremental());
    expect(error.message).toContain('log.0000000004 was removed after it had grown');
  });

  test('is refused when the source was brought back to an earlier point', async () => {
    application.commitUpTo([6, 5737]);
    await incremental();
    // An older set, restored, and used again: the log goes on differently under the same numbers.
    truncateSync(path.join(home, 'log.0000000005'), 50_000);
    unlinkSync(path.join(home, 'log.0000000006'));
    const error = await expectFailure('chain-mismatch', () => incremental());
    expect(error.message).toContain('which ends at [6][5739]: its last log file is log.0000000005');
    expect(error.details.hint).toContain('Begin a new chain');
  });

  test('is refused when the source has another history under the same numbers', async () => {
    application.commitUpTo([6, 5737]);
    const log = path.join(home, 'log.0000000004');
    const contents = readFileSync(log);
    contents[60_000] = contents[60_000]! ^ 1;
    writeFileSync(log, contents);
    const error = await expectFailure('chain-mismatch', () => incremental());
    expect(error.message).toContain('log.0000000004 differs from the chain’s at byte 60000');
  });

  test('is refused when the log of the source is shorter', async () => {
    truncateSync(path.join(home, 'log.0000000004'), 60_000);
    await expectFailure('chain-mismatch', () => incremental());
  });

  test('is refused for another environment', async () => {
    cpSync(corpusCase('dbxml-clean').backup, (home = path.join(directory, 'other')), { recursive: true });
    await expectFailure('chain-mismatch', () => incremental());
  });

  test('is refused when a container was upgraded: that is not in the log', async () => {
    const container = path.join(home, 'd.dbxml');
    const contents = readFileSync(container);
    contents.writeUInt32LE(10, 16);
    writeFileSync(container, contents);
    const error = await expectFailure('chain-mismatch', () => incremental());
    expect(error.message).toContain('was upgraded from btree version 9 to 10');
  });

  test('warns of a container that came without the log', async () => {
    cpSync(path.join(corpusCase('cds-48').backup, 'plain.db'), path.join(home, 'x.db'));
    const { manifest } = await incremental();
    expect(manifest.warnings).toMatchObject([expect.stringContaining('x.db is not part of the chain')]);
  });

  test('continues the chain that it is told to', async () => {
    const second = await hot();
    application.commitUpTo([6, 5737]);
    const set = await incremental(full.id);
    expect(set.manifest).toMatchObject({ parent: full.id, chain: full.id });
    expect((await incremental()).manifest.parent).toBe(second.id);
  });

  test('is refused when a newer set is damaged, which may be the end of the chain', async () => {
    application.commitUpTo([5, 110_402]);
    const damaged = await incremental();
    writeFileSync(path.join(damaged.directory, 'manifest.json'), '{}');
    // Sets of one second sort by chance.
    const later = damaged.id.replace(/^\d{8}/, '29991231');
    renameSync(damaged.directory, path.join(repository, later));
    const error = await expectFailure('chain-gap', () => incremental());
    expect(error.message).toContain(`${later} is newer than ${full.id}, and is damaged`);
  });

  test('notes that DB_CONFIG has changed', async () => {
    writeFileSync(path.join(home, 'DB_CONFIG'), 'set_lg_max 1000000\n');
    const { manifest } = await incremental();
    expect(manifest.files.map(({ path: file }) => file)).toEqual(['DB_CONFIG']);
    expect(manifest.warnings).toEqual(['DB_CONFIG has changed since the newest set of the chain']);
    expect((await incremental()).nothingNew?.warnings).toEqual([]);
  });
});

test('an incremental needs a repository, and a chain in it', async () => {
  demoApplication(home).commitUpTo([4, 72_115]);
  await expectFailure('repository-missing', () => incremental());
  expect(namesIn(repository)).toEqual([]);
});
