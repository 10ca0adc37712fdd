import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { takeInventory, type ContainerInventory } from '../../../src/engine/database/inventory.ts';
import { corpusCase, type CorpusCase } from '../../support/corpus.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { expectFailure } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

/** Fixtures whose files are complete as they are, so that they hold what db_dump of their release found. */
const complete = ['cds-48', 'ds-53', 'dbxml-clean', 'dbxml-ds'];

async function inventories(recorded: CorpusCase): Promise<ContainerInventory[]> {
  const files = [...new Set(recorded.description.databases!.map(({ file }) => file))];
  return Promise.all(files.map((file) => takeInventory(recorded.files, path.join(recorded.backup, file))));
}

/** The records that db_dump of Berkeley DB 4.8 printed, as hex: keys and data in turn. */
function dumped(recorded: CorpusCase, container: string, database: string): string[] {
  const file = path.join(recorded.directory, 'dumps', `${container}.${database}.dump.xz`);
  return [...execFileSync('xz', ['-dc', file], { encoding: 'utf8' }).matchAll(/^ ([0-9a-f]*)$/gm)].map(
    ([, hex]) => hex!,
  );
}

describe('the inventory', () => {
  test.each(complete)('of %s has the databases and numbers of records that native tools found', async (id) => {
    const recorded = corpusCase(id);
    const found = (await inventories(recorded)).flatMap(({ path: file, databases, findings, lostPages }) => {
      expect({ file, findings, lostPages }).toEqual({ file, findings: [], lostPages: 0 });
      return databases.map(({ name = null, method, records }) => ({
        file: path.basename(file),
        name,
        method,
        records,
      }));
    });
    const expected = recorded.description.databases!.map(({ file, subdb, type, records }) => ({
      file,
      name: subdb,
      method: type,
      records,
    }));
    expect(found).toEqual(expected);
  });

  test.skipIf(lacks.shell).each(['dbxml-clean', 'dbxml-ds'])(
    'of the containers of %s counts documents and reads indexes',
    async (id) => {
      const recorded = corpusCase(id);
      let whole = 0;
      for (const { path: file, xml, databases } of await inventories(recorded)) {
        const container = path.basename(file);
        // Every document has a name, which is metadata with the id 1.
        const names = dumped(recorded, container, 'secondary_document').filter((hex) => /^[0-9a-f]+011d$/.test(hex));
        const settings = dumped(recorded, container, 'secondary_configuration');
        const setting = (name: string): string =>
          Buffer.from(settings[settings.indexOf(Buffer.from(`${name}\0`).toString('hex')) + 1]!, 'hex').toString();
        const isWhole = databases.some(({ name }) => name === 'content_document');
        whole += Number(isWhole);
        expect(xml).toMatchObject({
          storage: isWhole ? 'document' : 'node',
          documents: names.length,
          version: '6',
          autoIndex: setting('autoindex') === 'on\0',
          indexesNodes: setting('indexNodes') === '\u0001',
        });
        if (isWhole) expect(databases.find(({ name }) => name === 'content_document')!.records).toBe(names.length);
        const written = xml!.indexes.map(
          ({ name, uri, indexes }) => `${name}${uri === undefined ? '' : `:${uri}`}\0${indexes.join(' ')}\0`,
        );
        expect(`${xml!.defaultIndexes.join(' ')}\0${written.join('')}\0`).toBe(setting('index'));
      }
      expect(whole).toBeGreaterThan(0);
    },
  );

  test('of a container whose configuration is gone has no documents, and tells why', async () => {
    const recorded = corpusCase('dbxml-clean');
    const file = path.join(temporaryDirectory(), 'opera.dbxml');
    const bytes = fs.readFileSync(path.join(recorded.backup, 'opera.dbxml'));
    // The metadata page of secondary_configuration.
    bytes.fill(0xff, 2 * 4096, 3 * 4096);
    fs.writeFileSync(file, bytes);
    const { xml, findings } = await takeInventory(recorded.files, file);
    expect(xml).toBeUndefined();
    expect(findings.map(({ pgno, code }) => [pgno, code])).toContainEqual([2, 'page-type']);
  });

  test('of a file that is no database is refused', async () => {
    const { files, backup } = corpusCase('dbxml-clean');
    await expectFailure('container-missing', () => takeInventory(files, path.join(backup, 'log.0000000001')));
  });
});
