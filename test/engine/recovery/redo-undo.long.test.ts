import { describe, expect, test } from 'vitest';
import { logPaths, type Environment } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { analyse } from '../../../src/engine/recovery/analysis.ts';
import { FileOperations, isFileOperation } from '../../../src/engine/recovery/record-operations/fileops.ts';
import { Change } from '../../../src/engine/recovery/page-change.ts';
import { FileTable } from '../../../src/engine/recovery/file-table.ts';
import { operationsFor } from '../../../src/engine/recovery/record-operations/table.ts';
import { type CachedPage } from '../../../src/engine/recovery/page-cache.ts';
import { OverlayStorage } from '../../../src/engine/recovery/storage.ts';
import { type ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { RecordCursor, type FreePage } from '../../../src/format/log/cursor.ts';
import { type RecordLayout } from '../../../src/format/log/record.ts';
import { compareLsn, formatLsn } from '../../../src/format/lsn.ts';
import { Page } from '../../../src/format/page/page.ts';
import { pageType } from '../../../src/format/page/types.ts';
import { corpusCase } from '../../support/corpus.ts';
import { pageState } from '../../support/page-state.ts';

class PageCursor extends RecordCursor {
  readonly pgnos: number[] = [];

  override pgno(): number {
    const pgno = super.pgno();
    this.pgnos.push(pgno);
    return pgno;
  }

  override freeList(): readonly FreePage[] {
    const list = super.freeList();
    this.pgnos.push(...list.map(({ pgno }) => pgno));
    return list;
  }
}

/** The pages that a record changes. */
function pagesOf(record: ScannedRecord): readonly number[] {
  const cursor = new PageCursor();
  record.decodeWith(cursor);
  return cursor.pgnos;
}

/**
 * Undo of the first two only sets the LSN back: the page is freed with the database it is for (recovery document, C.3.1,
 * C.5.8). That of the third empties the page: undo of the split record before it brings back what was on it (C.6.4).
 */
const leavingContents: ReadonlySet<string> = new Set(['crdel_metasub', 'bam_root', 'ham_splitdata']);

const stateOf = (page: Page): string => JSON.stringify(pageState(page));

function sayTheSame(a: Page, b: Page): boolean {
  return Buffer.compare(a.bytes, b.bytes) === 0 || stateOf(a) === stateOf(b);
}

/**
 * Plays the log of a real environment record by record, and takes every change back before making it for good: the
 * property holds for every record type that occurs.
 */
async function play(
  environment: Environment,
): Promise<{ played: ReadonlySet<RecordLayout<object>>; differences: string[] }> {
  const log = openLog(nodeFiles, logPaths(environment));
  const analysis = await analyse(nodeFiles, log, { kind: 'end' }, {});
  const storage = new OverlayStorage(nodeFiles);
  const table = new FileTable(environment, storage, () => '', 1 << 30, log.files.at(-1)!.version);
  const fileOperations = new FileOperations(table, analysis.creations);
  const played = new Set<RecordLayout<object>>();
  /** Names of records by LSN: which one left a page as it is. */
  const names = new Map<string, string>();
  const differences: string[] = [];
  const change = new Change();
  for (const record of scanLog(nodeFiles, log)) {
    if (
      record.txnId === 0 ||
      analysis.transactions.fateOf(record.txnId, record.lsn.file, record.lsn.offset) !== 'committed'
    )
      continue;
    if (isFileOperation(record.code)) fileOperations.redo(record);
    const operation = operationsFor(record.version)[record.code];
    const { fileId } = record.body as { fileId?: number };
    if (!operation || fileId === undefined) continue;
    const binding = analysis.bindings.at(fileId, record.lsn)!;
    const file = binding.inMemory ? undefined : table.byUid(binding.uid);
    if (!file) continue;
    change.aim(record.lsn, record.version, file, binding);
    const pages = (): Map<number, Page> => {
      const copies = new Map<number, Page>();
      for (const pgno of new Set([0, ...pagesOf(record)])) {
        const page = file.page(pgno);
        if (page) copies.set(pgno, new Page(page.bytes.slice(), page.format));
      }
      return copies;
    };
    const touched = (page: CachedPage): boolean => compareLsn(page.lsn, record.lsn) === 0;
    const before = pages();
    operation.redo(record.body, change);
    const after = pages();
    const changed = [...after.keys()].filter((pgno) => touched(file.page(pgno)!));
    operation.undo(record.body, change);
    const name = record.layout!.name;
    for (const pgno of changed) {
      const page = file.page(pgno);
      // A page the change allocated need not be there again.
      if (!page || !before.has(pgno) || leavingContents.has(name)) continue;
      // A freed overflow page is logged without its data: undo of its removal, the record before, writes them.
      if (name === 'db_pg_free' && page.type === pageType.overflow) continue;
      // A page that another was copied to is only emptied (C.2.12). Undo of the record before does the rest: that of its
      // allocation frees it, that of the merge that had emptied it writes it whole.
      const was = before.get(pgno)!;
      if (name.endsWith('_merge') && /^db_pg_alloc$|_merge$/.test(names.get(formatLsn(was.lsn)) ?? '')) continue;
      if (!sayTheSame(page, was))
        differences.push(`${name} page ${pgno}\n  was ${stateOf(was)}\n  now ${stateOf(page)}`);
    }
    operation.redo(record.body, change);
    const again = pages();
    for (const [pgno, page] of after) {
      const now = again.get(pgno)!;
      if (!sayTheSame(now, page))
        differences.push(`${name} page ${pgno} redone\n  was ${stateOf(page)}\n  now ${stateOf(now)}`);
    }
    operation.redo(record.body, change);
    for (const [pgno, page] of pages()) {
      if (!sayTheSame(again.get(pgno)!, page)) differences.push(`${name} page ${pgno} redone twice`);
    }
    played.add(record.layout!);
    names.set(formatLsn(record.lsn), name);
  }
  storage.close();
  return { played, differences };
}

/** Operations that change no page. */
const withoutPages: ReadonlySet<string> = new Set(['db_noop', 'db_debug', 'db_cksum']);

/** Log versions from 4.8 to 18.1. */
const versions = [16, 17, 18, 19, 20, 22];

function logsOnly(environment: Environment): Environment {
  return { ...environment, files: environment.files.filter(({ kind }) => kind === 'log') };
}

describe('undo after redo restores what a page says, and redo twice equals once', () => {
  const everPlayed = new Set<RecordLayout<object>>();

  test.each([
    'dbxml-logs',
    'btree-recnum-53-logs',
    'btree-dups-60-logs',
    'recno-181-logs',
    'datadirs-181-logs',
    'byteorder-62-logs',
    'heaptrunc-181-logs',
    'hash-48-hot',
    'truncate-48-hot',
    'churn-48-crash',
    'nested-60-crash',
    'hash-62-crash',
    'truncate-62-crash',
  ])(
    'for every record of %s',
    async (id) => {
      const { played, differences } = await play(logsOnly(corpusCase(id).environment));
      expect(differences.slice(0, 5)).toEqual([]);
      for (const layout of played) everPlayed.add(layout);
    },
    120_000,
  );

  test('for records of every type, in the layouts of every release', () => {
    const missing = new Set<string>();
    for (const version of versions) {
      for (const operation of operationsFor(version)) {
        if (!operation || withoutPages.has(operation.layout.name) || everPlayed.has(operation.layout)) continue;
        missing.add(`${operation.layout.name} of log version ${version}`);
      }
    }
    expect([...missing]).toEqual([]);
  });
});
