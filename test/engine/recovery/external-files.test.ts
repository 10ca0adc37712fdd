import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { compareDatabases, corpusCase } from '../../support/corpus.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';

describe('external files', () => {
  test('are part of a hot set, and recovered from it', async () => {
    const directory = temporaryDirectory();
    const extfile = corpusCase('extfile-62-hot');
    const set = await takeBackup(nodeFiles, 'hot', { home: extfile.backup, repository: path.join(directory, 'repo') });
    expect(set.manifest.files.filter(({ kind }) => kind === 'external-file').length).toBeGreaterThan(5);
    const target = path.join(directory, 'recovered');
    const environment = chainEnvironment(nodeFiles, findChain([set]));
    await recoverEnvironment(nodeFiles, { environment, target });
    expect(compareDatabases(target, extfile.expected)).toEqual([]);
  });

  test('come from the log alone, when it holds their contents', async () => {
    const directory = temporaryDirectory();
    const extfile = corpusCase('extfile-62-hot');
    const home = path.join(directory, 'logs');
    fs.mkdirSync(home);
    for (const name of fs.readdirSync(extfile.backup).filter((entry) => entry.startsWith('log.'))) {
      fs.copyFileSync(path.join(extfile.backup, name), path.join(home, name));
    }
    const target = path.join(directory, 'recovered');
    await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });
    expect(compareDatabases(target, extfile.expected)).toEqual([]);
  });

  test('that nobody has the contents of are missed by name', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    fs.cpSync(corpusCase('extfile-181-crash').backup, home, { recursive: true });
    fs.rmSync(path.join(home, '__db_bl', '__db2', '__db.bl003'));
    const environment = discoverEnvironment(nodeFiles, home);
    const target = path.join(directory, 'recovered');
    const error = await expectFailure('container-missing', () =>
      recoverEnvironment(nodeFiles, { environment, target }),
    );
    expect(error.message).toMatch(/^__db_bl\/__db2\/__db\.bl003 is missing: log record \[\d+\]\[\d+\] says/);
    expect(fs.readdirSync(directory)).toEqual(['env']);
  });

  test('whose removal is after the restore point are taken back, and missed by name when they are gone', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    fs.cpSync(corpusCase('extfile-181-crash').backup, home, { recursive: true });
    // The log no longer has how it was made.
    fs.rmSync(path.join(home, 'log.0000000001'));
    const removed = '__db_bl/__db2/__db.bl003';
    const contents = fs.readFileSync(path.join(home, removed));
    const restorePoint = { kind: 'lsn', lsn: { file: 2, offset: 75753 } } as const;
    const recover = async (target: string): Promise<unknown> =>
      await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target, restorePoint });
    const before = path.join(directory, 'before');
    await recover(before);
    expect(fs.readFileSync(path.join(before, removed))).toEqual(contents);
    fs.rmSync(path.join(home, removed));
    const error = await expectFailure('container-missing', () => recover(path.join(directory, 'after')));
    expect(error.message).toMatch(
      /^__db_bl\/__db2\/__db\.bl003 is missing: log record \[2\]\[55054\] removes it, after the restore point/,
    );
    expect(fs.readdirSync(directory).sort()).toEqual(['before', 'env']);
  });
});
