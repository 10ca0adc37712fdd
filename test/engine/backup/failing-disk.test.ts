import path from 'node:path';
import { expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup, type BackupOptions } from '../../../src/engine/backup/backup.ts';
import { nodeFiles, type Files } from '../../../src/engine/files.ts';
import { type SetKind } from '../../../src/engine/repository/manifest.ts';
import { openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { verifySets } from '../../../src/engine/verify/set.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { fingerprint, namesIn } from '../../support/trees.ts';
import { watchedFiles, type Operation } from '../../support/watched-files.ts';

const writes: ReadonlySet<Operation> = new Set<Operation>([
  'create',
  'openToWrite',
  'writeAt',
  'truncate',
  'sync',
  'makeDirectory',
  'rename',
  'remove',
  'removeEmptyDirectory',
  'syncDirectory',
]);

/** Files whose n-th writing operation fails, and how many there were. */
function failingAt(n: number): { readonly files: Files; count(): number } {
  let count = 0;
  const files = watchedFiles(nodeFiles, {
    before(operation, file) {
      if (writes.has(operation) && count++ === n) throw new FigaroError('io', `${file}: ${operation} failed`);
    },
  });
  return { files, count: () => count };
}

async function sets(repository: string): Promise<{ ids: string[]; findings: number }> {
  if (!namesIn(repository).includes('repository.json')) return { ids: [], findings: 0 };
  const opened = openRepository(nodeFiles, repository);
  const { findings } = await verifySets(nodeFiles, opened, { record: false });
  return { ids: readSets(nodeFiles, opened).sets.map(({ id }) => id), findings: findings.length };
}

test.each<SetKind>(['hot', 'offline', 'incremental'])(
  'whatever operation of a backup fails once: %s',
  async (kind) => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    const prepare = async (repository: string): Promise<BackupOptions> => {
      const options = { home, repository };
      if (kind === 'incremental') await takeBackup(nodeFiles, 'offline', options);
      return options;
    };
    const before = fingerprint(home);
    const whole = failingAt(Infinity);
    await takeBackup(whole.files, kind, await prepare(path.join(directory, 'whole')));
    const total = whole.count();
    expect(total).toBeGreaterThan(20);
    for (let n = 0; n <= total; n++) {
      const repository = path.join(directory, `repo${n}`);
      const options = await prepare(repository);
      const earlier = await sets(repository);
      const outcome = await takeBackup(failingAt(n).files, kind, options).then(
        (set) => set.id,
        (error: unknown) => error,
      );
      const { ids, findings } = await sets(repository);
      // What is listed is complete, and nothing that was there is gone.
      expect(findings, `operation ${n}`).toBe(0);
      if (typeof outcome === 'string') expect(ids).toEqual([...earlier.ids, outcome]);
      else expect(outcome, `operation ${n}`).toBeInstanceOf(FigaroError);
      for (const id of earlier.ids) expect(ids).toContain(id);
      // What is left behind is no set, and the next run sweeps it. A lock that could not be removed is of this process.
      const left = namesIn(repository).filter((name) => name !== 'repository.json' && !ids.includes(name));
      if (left.length === 0) continue;
      nodeFiles.remove(path.join(repository, 'lock'));
      await takeBackup(nodeFiles, kind, options);
      expect(namesIn(repository)).toEqual([...(await sets(repository)).ids, 'repository.json'].sort());
    }
    expect(fingerprint(home)).toEqual(before);
  },
  300_000,
);
