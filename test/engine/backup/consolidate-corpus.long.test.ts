/** Environments of every release and kind: what is consolidated is brought to the end of its log, and recovers to the same. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { consolidate } from '../../../src/engine/backup/consolidate.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { filesOfKind, type Environment } from '../../../src/engine/environment/environment.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { chainEnvironment } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { manifestFormat, type Manifest, type SetKind } from '../../../src/engine/repository/manifest.ts';
import { createRepository, NewSet, readSets, type Repository } from '../../../src/engine/repository/repository.ts';
import { describeFiles, settingsOf } from '../../../src/engine/repository/set-environment.ts';
import { corpusCases } from '../../support/all-corpus.ts';
import { compareDatabases, removeUnpacked } from '../../support/corpus.ts';
import { newPlace } from '../../support/place.ts';

/** Makes a chain of copies as they are: a full set, and an incremental that brings nothing. */
function makeChain(files: Files, repository: Repository, environment: Environment): void {
  const sets: Manifest[] = [];
  for (const kind of ['hot', 'incremental'] as const satisfies readonly SetKind[]) {
    const set = new NewSet(files, repository, kind, new Date());
    const copied = kind === 'hot' ? environment.files : [];
    for (const directory of environment.directories) {
      fs.mkdirSync(path.join(set.environment, directory), { recursive: true });
    }
    const entries = copied.map(({ name, path: from, kind: what, stat, uid, format }) => {
      const to = path.join(set.environment, name);
      fs.copyFileSync(from, to);
      const sha256 = createHash('sha256').update(fs.readFileSync(to)).digest('hex');
      const { size, mode, mtimeMs: modifiedMs } = stat;
      const database = what === 'database' ? { databaseId: uid!, pageSize: format!.pageSize } : {};
      return { path: name, kind: what, size, sha256, mode, uid: stat.uid, gid: stat.gid, modifiedMs, ...database };
    });
    const [first] = sets;
    const logs = filesOfKind(environment, 'log').map(({ logNumber }) => logNumber);
    const lastFile = Math.max(...logs);
    const time = new Date().toISOString();
    sets.push({
      format: manifestFormat,
      program: 'a test',
      id: set.id,
      kind,
      parent: first?.id,
      chain: first?.id ?? set.id,
      source: '/srv/corpus',
      host: 'here',
      started: time,
      finished: time,
      dataDirectories: environment.config.dataDirectories,
      logDirectory: environment.config.logDirectory,
      ...(kind === 'hot' ? { settings: settingsOf(files, set.environment) } : {}),
      files: describeFiles(entries, environment),
      leftOut: [],
      log: {
        version: undefined,
        firstFile: Math.min(...logs),
        lastFile,
        end: { file: lastFile, offset: 28 },
        lastRecord: undefined,
        checkpoint: undefined,
        redoFrom: undefined,
        firstCommit: undefined,
        lastCommit: undefined,
        recoveryRequired: true,
      },
      proof: undefined,
      warnings: [],
    });
    set.publish(sets.at(-1)!);
  }
}

/** Cases that are not to be recovered are in another test. */
const cases = corpusCases().filter(({ id }) => !id.startsWith('damaged-'));

afterAll(removeUnpacked);

test.each(cases.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
  const { directory, repository: at } = newPlace();
  const { files } = one;
  const environment = one.environment;
  if (filesOfKind(environment, 'log').length === 0) return one.forget();
  const { repository } = createRepository(files, at);
  makeChain(files, repository, environment);
  const { set } = await consolidate(files, repository);
  const { sets } = readSets(files, repository);
  const chain = findChain(sets);
  expect(chain.id).toBe(set!.id);
  const copied = chainEnvironment(files, chain);
  const target = path.join(directory, 'recovered');
  await recoverEnvironment(files, { environment: copied, target });
  expect(compareDatabases(target, one.expected, files)).toEqual([]);
  // It is as new as its log already.
  expect(compareDatabases(set!.directory, one.expected, files)).toEqual([]);
  one.forget();
});
