/** Documents that are looked up in a container of which only the pages are recovered that this needs, beside those that a walk through all of it finds. */

import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { XmlContainer } from '../../../src/engine/documents/container.ts';
import { canBeReadByName } from '../../../src/engine/documents/find-by-name.ts';
import { metadataJson, type DocumentEntry } from '../../../src/engine/documents/metadata.ts';
import { filesOfKind, type Environment } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { lookIntoContainer } from '../../../src/engine/recovery/look-into.ts';
import { type SeenContainer } from '../../../src/engine/recovery/seen-container.ts';
import { type RestorePoint } from '../../../src/engine/recovery/restore-point.ts';
import { corpusCases } from '../../support/all-corpus.ts';
import { removeUnpacked, type CorpusCase } from '../../support/corpus.ts';
import { commitsOf } from '../../support/on-demand.ts';

interface Found {
  readonly name: string;
  readonly metadata: readonly object[];
  /** Of the XML. */
  readonly sha256: string;
}

async function foundIn(container: XmlContainer, entry: DocumentEntry): Promise<Found> {
  const hash = createHash('sha256');
  for await (const piece of container.content(entry, () => {})) hash.update(piece);
  return { name: entry.name!, metadata: entry.metadata.map(metadataJson), sha256: hash.digest('hex') };
}

async function within<T>({ files, path }: SeenContainer, read: (container: XmlContainer) => Promise<T>): Promise<T> {
  const file = new DatabaseFile(files, path);
  try {
    return await read(new XmlContainer(file, {}));
  } finally {
    file.close();
  }
}

async function walk(files: Files, environment: Environment, name: string, point: RestorePoint): Promise<Found[]> {
  return await lookIntoContainer(files, environment, name, { restorePoint: point, watch: {} }, (seen) =>
    within(seen, async (container) => {
      const found: Found[] = [];
      for await (const entry of container.entries()) found.push(await foundIn(container, entry));
      return found;
    }),
  );
}

interface LookedUp {
  readonly found: readonly Found[];
  readonly isOnDemand: boolean;
}

async function lookUp(
  files: Files,
  environment: Environment,
  name: string,
  point: RestorePoint,
  names: readonly string[],
): Promise<LookedUp> {
  const isEnough = (seen: SeenContainer): Promise<boolean> => canBeReadByName(seen, names, [], {});
  return await lookIntoContainer(files, environment, name, { restorePoint: point, isEnough, watch: {} }, (seen) =>
    within(seen, async (container) => {
      const found: Found[] = [];
      for (const entry of container.entriesNamed(names)) found.push(await foundIn(container, entry));
      return { found, isOnDemand: seen.isOnDemand === true };
    }),
  );
}

function pointsOf({ files, environment }: CorpusCase): RestorePoint[] {
  const commits = commitsOf(files, environment);
  const some = [0.5, 0.9].map((part) => commits[Math.floor(commits.length * part)]!);
  return [{ kind: 'end' }, ...some.map((lsn) => ({ kind: 'lsn', lsn }) as const)];
}

describe('documents that are looked up are those that a walk finds', () => {
  afterAll(() => removeUnpacked());
  const counts = { documents: 0, whole: 0 };

  const cases = corpusCases().filter(({ id }) => id.includes('dbxml') && !/damaged|-ds|-logs/.test(id));
  test.each(cases.map((one) => [one.id, one] as const))('in %s', async (_id, corpusCase) => {
    const { files, environment } = corpusCase;
    for (const point of pointsOf(corpusCase)) {
      for (const { name } of filesOfKind(environment, 'database')) {
        let expected: readonly Found[];
        try {
          expected = await walk(files, environment, name, point);
        } catch {
          // It was not there yet, or cannot be had any more.
          continue;
        }
        if (expected.length === 0) continue;
        const names = expected.map((found) => found.name);
        const all = await lookUp(files, environment, name, point, names);
        expect(all).toEqual({ found: expected, isOnDemand: true });
        const one = await lookUp(files, environment, name, point, [names.at(-1)!]);
        expect(one).toEqual({ found: [expected.at(-1)], isOnDemand: true });
        counts.documents += expected.length;
        // A name that no document has is looked for in the whole container.
        const none = await lookUp(files, environment, name, point, ['no such document']);
        expect(none).toEqual({ found: [], isOnDemand: false });
        counts.whole += 1;
      }
    }
    corpusCase.forget();
  });

  test('of which there are many', () => {
    console.log(`${counts.documents} documents of ${counts.whole} states of containers`);
    expect(counts.documents).toBeGreaterThan(50);
  });
});
