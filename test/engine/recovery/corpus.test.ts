import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { FigaroError } from '../../../src/errors.ts';
import { corpusCases, familyOf, refused } from '../../support/all-corpus.ts';
import { compareDatabases, removeUnpacked } from '../../support/corpus.ts';
import { oneOfEach } from '../../support/effort.ts';

/** Recovered, refused and wrong, by family and version. */
const table = new Map<string, Map<string, number>>();

function count({ family, bdbVersion }: { family: string; bdbVersion: string }): void {
  const row = table.get(family) ?? new Map<string, number>();
  table.set(family, row.set(bdbVersion, (row.get(bdbVersion) ?? 0) + 1));
}

function printTable(): void {
  const versions = ['4.8.26', '5.3.28', '6.0.30', '6.2.38', '18.1.40'];
  const line = (cells: readonly (string | number)[]): string => cells.map((cell) => String(cell).padEnd(11)).join('');
  console.log(
    [
      line(['family', ...versions]),
      ...[...table]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([family, row]) => line([family, ...versions.map((version) => row.get(version) ?? '')])),
    ].join('\n'),
  );
}

describe('every environment of the corpus recovers to the databases that a right recovery gives', () => {
  let directory = '';
  beforeAll(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-recovered-'));
  });
  afterAll(() => {
    fs.rmSync(directory, { recursive: true, force: true });
    removeUnpacked();
    printTable();
  });

  // Those of all versions and ways to copy in the long run.
  test.each(oneOfEach(corpusCases(), familyOf).map((corpusCase) => [corpusCase.id, corpusCase] as const))(
    '%s',
    async (id, corpusCase) => {
      const target = path.join(directory, id);
      try {
        const error = refused[id];
        const recovery = recoverEnvironment(corpusCase.files, { environment: corpusCase.environment, target });
        if (error !== undefined) {
          await expect(recovery).rejects.toSatisfy((thrown) => thrown instanceof FigaroError && thrown.code === error);
          expect(fs.existsSync(target)).toBe(false);
        } else {
          await recovery;
          const { expected } = corpusCase;
          expect(compareDatabases(target, expected, corpusCase.files)).toEqual([]);
        }
        count(corpusCase.description);
      } finally {
        fs.rmSync(target, { recursive: true, force: true });
        corpusCase.forget();
      }
    },
    60_000,
  );

  test.each(
    corpusCases()
      .filter(({ id }) => id.includes('pitr'))
      .map((corpusCase) => [corpusCase.id, corpusCase] as const),
  )('%s, to each of its times', async (id, corpusCase) => {
    const { pitr = [], pitrTooEarly } = corpusCase.description;
    for (const { time, databases, filesByLog, nativeMissingFiles = [], nativeExtraFiles = [] } of pitr) {
      const target = path.join(directory, `${id}-${time}`);
      const restorePoint = { kind: 'time', time: new Date(time) } as const;
      await recoverEnvironment(nodeFiles, { environment: corpusCase.environment, target, restorePoint });
      const nativeIsWrong = new Set([...nativeMissingFiles, ...nativeExtraFiles]);
      const right = databases.filter(
        ({ file, type }) =>
          typeof type === 'string' && !nativeIsWrong.has(file) && (!filesByLog || filesByLog.includes(file)),
      );
      expect(right.length).toBeGreaterThan(0);
      expect(compareDatabases(target, right)).toEqual([]);
    }
    if (pitrTooEarly) {
      const restorePoint = { kind: 'time', time: new Date(pitrTooEarly.time) } as const;
      await expect(
        recoverEnvironment(nodeFiles, {
          environment: corpusCase.environment,
          target: path.join(directory, `${id}-early`),
          restorePoint,
        }),
      ).rejects.toMatchObject({ code: 'restore-point-unreachable' });
    }
  });
});
