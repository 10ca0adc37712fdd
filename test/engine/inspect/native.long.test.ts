import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { takeInventory, type DatabaseInventory } from '../../../src/engine/database/inventory.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { inspectPage, type InspectedPage } from '../../../src/engine/inspect/page.ts';
import { type PageItem } from '../../../src/format/page/describe-items.ts';
import { formatLsn } from '../../../src/format/lsn.ts';
import { corpusCase } from '../../support/corpus.ts';
import { nativePages, type NativePage } from '../../support/native-pages.ts';
import { databaseFiles, describeNative, nativeProgram, runTool } from '../../support/native.ts';

const kinds = [
  { title: 'little-endian', options: ['--seed', '1'] },
  { title: 'with checksums and small pages', options: ['--seed', '2', '--page-size', '512', '--checksum'] },
  { title: 'big-endian', options: ['--seed', '3', '--big-endian', '--page-size', '4096'] },
  { title: 'big-endian with checksums', options: ['--seed', '4', '--big-endian', '--checksum', '--records', '900'] },
] as const;

/** The lines of `db5.3_stat -d`: numbers by what they count. */
function statistics(directory: string, file: string, name: string | undefined): (label: string) => number | undefined {
  const text = runTool(directory, 'db5.3_stat', '-d', file, ...(name === undefined ? [] : ['-s', name]));
  const numbers = new Map(text.split('\n').map((line) => line.split('\t').toReversed() as [string, string]));
  return (label) => {
    const line = [...numbers].find(([key]) => key.replace(/ \(\d+% ff\)$/, '') === label);
    return line && Number(line[1]);
  };
}

const labels = {
  internal: ['Number of tree internal pages', 'Number of bytes free in tree internal pages'],
  leaf: ['Number of tree leaf pages', 'Number of bytes free in tree leaf pages'],
  duplicates: ['Number of tree duplicate pages', 'Number of bytes free in tree duplicate pages'],
  overflow: ['Number of tree overflow pages', 'Number of bytes free in tree overflow pages'],
} as const;

const hashLabels = {
  bucket: ['Number of hash buckets', 'Number of bytes free on bucket pages'],
  overflow: ['Number of overflow pages', 'Number of bytes free in overflow pages'],
  bucketOverflow: ['Number of bucket overflow pages', 'Number of bytes free in bucket overflow pages'],
  duplicates: ['Number of duplicate pages', 'Number of bytes free in duplicate pages'],
} as const;

type Numbers = Record<string, number | undefined>;

/** What both sides tell of a database; db_stat counts internal pages of duplicates with those of the tree. */
function compared({ pages, ...database }: DatabaseInventory, free: number): Numbers {
  const of = (use: keyof typeof pages): readonly [number, number] => [
    pages[use]?.pages ?? 0,
    pages[use]?.freeBytes ?? 0,
  ];
  const { method, records, depth } = database;
  const keys = database.keys ?? records;
  const sum = (...uses: readonly (keyof typeof pages)[]): Numbers =>
    Object.fromEntries(uses.flatMap((use) => of(use).map((n, i) => [`${use} ${i}`, n] as const)));
  switch (method) {
    case 'btree':
    case 'recno': {
      const [internal, internalFree] = of('internal');
      const [duplicates, duplicatesFree] = of('duplicates');
      return {
        records,
        keys,
        depth,
        free,
        ...sum('leaf', 'overflow'),
        inner: internal + duplicates,
        innerFree: internalFree + duplicatesFree,
      };
    }
    case 'hash':
      return { records, keys, free, ...sum('bucket', 'overflow', 'bucketOverflow', 'duplicates') };
    case 'queue':
      return { records, ...sum('data') };
    case 'heap':
      return { pages: of('data')[0] + of('region')[0] + 1, regions: of('region')[0] };
  }
}

function natively(method: DatabaseInventory['method'], stat: (label: string) => number | undefined): Numbers {
  const read = (from: Readonly<Record<string, readonly string[]>>, ...uses: readonly string[]): Numbers =>
    Object.fromEntries(uses.flatMap((use) => from[use]!.map((label, i) => [`${use} ${i}`, stat(label)] as const)));
  switch (method) {
    case 'btree':
    case 'recno':
      return {
        records: stat('Number of data items in the tree'),
        keys: stat(method === 'recno' ? 'Number of records in the tree' : 'Number of unique keys in the tree'),
        depth: stat('Number of levels in the tree'),
        free: stat('Number of pages on the free list'),
        ...read(labels, 'leaf', 'overflow'),
        inner: stat(labels.internal[0])! + stat(labels.duplicates[0])!,
        innerFree: stat(labels.internal[1])! + stat(labels.duplicates[1])!,
      };
    case 'hash':
      return {
        records: stat('Number of data items in the database'),
        keys: stat('Number of keys in the database'),
        free: stat('Number of pages on the free list'),
        ...read(hashLabels, 'bucket', 'overflow', 'bucketOverflow', 'duplicates'),
      };
    case 'queue':
      return {
        records: stat('Number of records in the database'),
        'data 0': stat('Number of database pages'),
        'data 1': stat('Number of bytes free in database pages'),
      };
    case 'heap':
      return { pages: stat('Number of database pages'), regions: stat('Number of database regions') };
  }
}

function ourItems(page: InspectedPage): string[] {
  return page.items.flatMap((item) => {
    const lines = [`${item.deleted ? 'D' : ''}${item.index} at ${item.offset}: ${ourItem(item)}`];
    for (const { length } of item.duplicates ?? []) lines.push(`duplicate of ${length} bytes`);
    return lines;
  });
}

function ourItem({ leadsTo, pgno, slot, totalLength, records, duplicates, data, role }: PageItem): string {
  if (duplicates) return 'duplicates';
  if (leadsTo === 'overflow') return `overflow ${pgno} of ${totalLength}`;
  if (leadsTo === 'duplicates') return `duplicates on ${pgno}`;
  if (leadsTo === 'child') {
    const key = totalLength ?? data?.length;
    return `child ${pgno} with ${records}${key === undefined ? '' : `, ${key} bytes`}`;
  }
  if (role === 'piece') {
    const to = leadsTo === 'piece' ? ` to ${pgno}.${slot}` : '';
    return `piece of ${data!.length}${totalLength === undefined ? '' : ` of ${totalLength}`}${to}`;
  }
  return `${data!.length} bytes ${Buffer.from(data!).toString('hex').slice(0, 16)}`;
}

/** The fields that both name, in words of db_dump. */
function ourFields({ header, metadata = {}, pgno }: InspectedPage): Record<string, unknown> {
  const { level, records, prevPgno, nextPgno, entries, itemsStart, references, highPgno, highIndx, freeIndx } = header;
  const meta = metadata as Record<string, unknown>;
  return {
    level,
    records: records ?? meta['recordCount'],
    prev: prevPgno,
    next: pgno === 0 ? undefined : nextPgno,
    entries,
    offset: itemsStart,
    'ref cnt': references,
    high: highPgno,
    'high indx': highIndx,
    'free indx': freeIndx,
    magic: typeof meta['magic'] === 'string' ? Number(meta['magic']) : undefined,
    version: meta['version'],
    pagesize: meta['pageSize'],
    last_pgno: meta['lastPgno'],
    keys: meta['keyCount'],
    minkey: meta['minKey'],
    root: meta['root'],
    max_bucket: meta['maxBucket'],
    ffactor: meta['fillFactor'],
    first_recno: meta['first'],
    cur_recno: meta['current'],
    rec_page: meta['recordsPerPage'],
    page_ext: meta['extentPages'],
    nregions: meta['regions'],
    region_size: meta['regionSize'],
  };
}

describeNative('inspection', () => {
  describe.each(kinds)('of databases that are $title', ({ options }) => {
    let directory = '';
    beforeAll(() => {
      directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-inspect-'));
      const { status, stderr } = spawnSync(nativeProgram('databases'), ['--home', directory, ...options], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`databases: ${stderr}`);
    });
    afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

    test('counts pages, free bytes, keys and records as db5.3_stat does', async () => {
      let count = 0;
      for (const file of databaseFiles(directory)) {
        // db5.3_stat takes names as UTF-8 only, and counts compressed chunks.
        if (file === 'names.db') continue;
        const inventory = await takeInventory(nodeFiles, path.join(directory, file));
        expect({ file, findings: inventory.findings, lost: inventory.lostPages }).toEqual({
          file,
          findings: [],
          lost: 0,
        });
        for (const database of inventory.databases) {
          const { name, method, records } = database;
          const stat = statistics(directory, file, name);
          if (records === undefined) continue;
          // Pages are freed for the whole file, and counted with page 0; those of partitions with their files.
          const isPart = name !== undefined || database.partitions !== undefined;
          const free = isPart ? stat('Number of pages on the free list')! : inventory.freePages;
          expect({ file, name, ...compared(database, free) }).toEqual({ file, name, ...natively(method, stat) });
          count += 1;
        }
      }
      expect(count).toBeGreaterThanOrEqual(25);
    });

    test('counts the records of heaps that db5.3_dump prints', async () => {
      for (const file of databaseFiles(directory).filter((name) => name.startsWith('heap'))) {
        const dumped = runTool(directory, 'db5.3_dump', file).match(/^ /gm)?.length;
        const { databases } = await takeInventory(nodeFiles, path.join(directory, file));
        expect({ file, records: databases[0]!.records }).toEqual({ file, records: dumped });
      }
    });

    test('shows every page as db5.3_dump -da does: header, metadata, items, references, deletions', () => {
      let pageCount = 0;
      let itemCount = 0;
      for (const file of databaseFiles(directory)) {
        for (const [pgno, native] of nativePages(runTool(directory, 'db5.3_dump', '-da', file))) {
          const page = inspectPage(nodeFiles, path.join(directory, file), pgno);
          expectSame(page, file, native);
          pageCount += 1;
          itemCount += native.items.length;
        }
      }
      expect({ manyPages: pageCount > 800, manyItems: itemCount > 8000 }).toEqual({ manyPages: true, manyItems: true });
    });
  });
});

/** Expects a page to be told as db5.3_dump tells it. */
function expectSame(page: InspectedPage, file: string, native: NativePage): void {
  const { pgno } = page;
  const { type, lsn, fields, items } = native;
  // A bucket that was never written is shown as an empty page of a hash.
  if (page.isBlank && type === 'hash' && items.length === 0) return;
  expect({ file, pgno, type: page.typeName, lsn: formatLsn(page.lsn), problem: page.problem }).toEqual({
    file,
    pgno,
    type,
    lsn,
    problem: undefined,
  });
  const ours = ourFields(page);
  for (const [name, value] of Object.entries(fields)) {
    if (ours[name] === undefined) return;
    expect({ file, pgno, [name]: ours[name] }).toEqual({ file, pgno, [name]: value });
  }
  const found = ourItems(page);
  // Of queues it shows the slots between the first and the last record only.
  const shown = type === 'queue data' ? found.filter((line) => isNamed(line, items)) : found;
  if (type !== 'overflow') {
    expect({ file, pgno, items: shown.map((line, i) => asTold(line, items[i] ?? '')) }).toEqual({
      file,
      pgno,
      items,
    });
  }
}

/** Our item without what db_dump does not tell of it: records below children, and data that it prints as text. */
function asTold(line: string, native: string): string {
  const told = native.includes(' with ') ? line : line.replace(/ with \d+/, '');
  return told.slice(0, native.length);
}

describeNative('inspection of encrypted databases', () => {
  test.each(['secret.db', 'secret-h.db', 'multi.db', 'q.db', 'heap.db'])('shows the pages of %s', (file) => {
    const { files, backup } = corpusCase('crypt-53-hot');
    const native = nativePages(runTool(backup, 'db5.3_dump', '-da', '-P', 'figaro-test', file));
    expect(native.size).toBeGreaterThan(0);
    for (const [pgno, page] of native) expectSame(inspectPage(files, path.join(backup, file), pgno), file, page);
  });
});

function isNamed(line: string, items: readonly string[]): boolean {
  const where = / at \d+:/.exec(line)![0];
  return items.some((item) => item.includes(where));
}
