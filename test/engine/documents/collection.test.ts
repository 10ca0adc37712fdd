/** Every document of the reference collection and of the corpus, compared with what the library itself printed. */

import { createHash } from 'node:crypto';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { XmlContainer } from '../../../src/engine/documents/container.ts';
import { metadataJson, type DocumentEntry } from '../../../src/engine/documents/metadata.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { type Environment } from '../../../src/engine/environment/environment.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { lookIntoContainer } from '../../../src/engine/recovery/look-into.ts';
import { FigaroError } from '../../../src/errors.ts';
import { corpusCases } from '../../support/all-corpus.ts';
import { type CorpusCase } from '../../support/corpus.ts';
import { collectionCase, collectionNames, type ExpectedDocument } from '../../support/document-collection.ts';

interface Printed {
  readonly entry: DocumentEntry;
  readonly size: number;
  /** Of the XML; undefined where it was refused. */
  readonly sha256: string | undefined;
  readonly error: FigaroError | undefined;
  readonly warnings: readonly string[];
}

/** Every document of a container, recovered in memory where there is a log. */
async function printAll(files: Files, environment: Environment, name: string): Promise<readonly Printed[]> {
  const options = { restorePoint: { kind: 'end' }, watch: {} } as const;
  return await lookIntoContainer(files, environment, name, options, async (seen) => {
    const file = new DatabaseFile(seen.files, seen.path);
    const container = new XmlContainer(file, {});
    const printed: Printed[] = [];
    for await (const entry of container.entries()) printed.push(await printOne(container, entry));
    file.close();
    expect(container.damage).toEqual([]);
    return printed;
  });
}

async function printOne(container: XmlContainer, entry: DocumentEntry): Promise<Printed> {
  const hash = createHash('sha256');
  const warnings: string[] = [];
  let size = 0;
  try {
    for await (const piece of container.content(entry, (warning) => warnings.push(warning))) {
      hash.update(piece);
      size += piece.length;
    }
    return { entry, size, sha256: hash.digest('hex'), error: undefined, warnings };
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    return { entry, size, sha256: undefined, error, warnings };
  }
}

const rows: string[] = [];
afterAll(() => console.log(['documents, of them equal to what the library printed:', ...rows].join('\n  ')));

/** Documents that the library prints wrongly, or not at all. */
const others: Readonly<Record<string, readonly string[]>> = {
  collide: ['node.dbxml c2', 'node.dbxml c4'],
  odd: ['node.dbxml s28-d4'],
  nozlib: ['zip.dbxml plain'],
};

describe('the documents of the collection', () => {
  test.each(collectionNames())('%s', { timeout: 60_000 }, async (name) => {
    const one = collectionCase(name);
    const environment = discoverEnvironment(one.files, one.home);
    for (const container of one.containers) {
      const printed = await printAll(one.files, environment, container);
      const expected = one.documents.filter((document) => document.container === container);
      expect(printed.map(({ entry }) => known(entry)).sort(byId)).toEqual(expected.map(asKnown).sort(byId));
      const equal = printed.filter(({ entry, sha256 }) => {
        const document = expected.find(({ id }) => id === entry.id)!;
        return document.sha256 !== undefined && sha256 === document.sha256;
      });
      rows.push(`${`${name} ${container}`.padEnd(24)} ${printed.length} ${equal.length}`);
      const unequal = printed.filter((document) => !equal.includes(document));
      if (name === 'custom') {
        expect(unequal.map(({ error }) => error?.code)).toEqual(printed.map(() => 'format-unsupported'));
      } else {
        const wanted = (others[name] ?? []).filter((each) => each.startsWith(container));
        expect(unequal.map(({ entry }) => `${container} ${entry.name}`)).toEqual(wanted);
      }
    }
  });
});

interface Known {
  readonly id: number;
  readonly name: string | undefined;
  readonly problem: string | undefined;
  readonly metadata: readonly string[];
}

const byId = (a: Known, b: Known): number => a.id - b.id;

/** What is known of a document besides its XML; items of metadata in any order. */
function known({ id, name, metadata, problem }: DocumentEntry): Known {
  return { id, name, problem, metadata: metadata.map((item) => JSON.stringify(metadataJson(item))).sort() };
}

function asKnown({ id, name, metadata }: ExpectedDocument): Known {
  const items = metadata.map(({ uri, name: called, type, value, hex }) =>
    JSON.stringify({ uri, name: called, type, ...(hex === undefined ? { value } : { hex }) }),
  );
  return { id, name, problem: undefined, metadata: items.sort() };
}

describe('the documents of the corpus, after its log', () => {
  interface ExpectedContainer {
    readonly file: string;
    readonly documents?: number;
    /** Over name, length and SHA-256 of each. */
    readonly docsSha256?: string;
  }
  const containersOf = (one: CorpusCase): readonly ExpectedContainer[] =>
    (one.description as { readonly documents?: readonly ExpectedContainer[] }).documents ?? [];
  const cases = corpusCases().filter(({ id }) => id.startsWith('dbxml-'));
  let unpacked: CorpusCase | undefined;
  afterEach(() => unpacked?.forget());

  test.each(cases)('$id', { timeout: 60_000 }, async (one) => {
    unpacked = one;
    for (const { file, documents, docsSha256 } of containersOf(one)) {
      if (docsSha256 === undefined) continue;
      const printed = await printAll(one.files, one.environment, file);
      const lines = printed
        .toSorted((a, b) => Buffer.compare(Buffer.from(a.entry.name!), Buffer.from(b.entry.name!)))
        .map(({ entry, size, sha256 }) => `${entry.name}\t${size}\t${sha256}\n`);
      const found = createHash('sha256').update(lines.join('')).digest('hex');
      rows.push(`${`${one.id} ${file}`.padEnd(24)} ${printed.length} ${found === docsSha256 ? printed.length : 0}`);
      expect({ file, documents: printed.length, docsSha256: found }).toEqual({ file, documents, docsSha256 });
    }
  });
});
