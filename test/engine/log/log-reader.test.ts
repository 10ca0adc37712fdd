import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { openLog, type Log } from '../../../src/engine/log/log-files.ts';
import { wholeLogFile } from '../../../src/engine/log/log-parts.ts';
import { LogReader, reaches } from '../../../src/engine/log/log-reader.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { type ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { hexOf, type ByteRange } from '../../../src/format/byte-range.ts';
import { logFileName } from '../../../src/format/names.ts';
import { type Lsn } from '../../../src/format/lsn.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { failureOf } from '../../support/trees.ts';

let home: string;
let log: Log;
/** Every record of the log. */
let records: { readonly lsn: Lsn; readonly content: string }[];

function contentOf({ code, txnId, prevLsn, length, body }: ScannedRecord): string {
  const isRange = (value: unknown): value is ByteRange =>
    typeof value === 'object' && value !== null && 'buffer' in value;
  const fields = { code, txnId, prevLsn, length, body };
  return JSON.stringify(fields, (_name, value: unknown) => (isRange(value) ? hexOf(value) : value));
}

beforeEach(() => {
  home = path.join(temporaryDirectory(), 'env');
  demoApplication(home).commitUpTo([6, 5737]);
  const names = fs.readdirSync(home).filter((name) => name.startsWith('log.'));
  log = openLog(nodeFiles, new Map(names.map((name) => [Number(name.slice(4)), wholeLogFile(path.join(home, name))])));
  records = Array.from(scanLog(nodeFiles, log), (record) => ({ lsn: record.lsn, content: contentOf(record) }));
  expect(records.length).toBeGreaterThan(1000);
});

describe('single records of a log', () => {
  test.each(Object.entries({ ...reaches, 'a few bytes': { before: 0, behind: 100 } }))(
    'are those that are found in order, with a reach of %s',
    (_name, reach) => {
      const reader = new LogReader(nodeFiles, log, reach);
      for (const order of [records, records.toReversed(), records.filter((_record, i) => i % 7 === 3)]) {
        for (const { lsn, content } of order) expect(contentOf(reader.read(lsn))).toBe(content);
      }
      reader.close();
    },
  );

  test('are refused where another record points, and none is', async () => {
    const reader = new LogReader(nodeFiles, log);
    const { lsn } = records[500]!;
    const size = log.files.find(({ number }) => number === lsn.file)!.size;
    const nowhere = [
      { ...lsn, offset: lsn.offset + 4 },
      { ...lsn, offset: 0 },
      { ...lsn, offset: size - 4 },
    ];
    for (const place of [...nowhere, { ...lsn, file: 99 }]) {
      expect(await failureOf(() => reader.read(place))).toMatchObject({ code: 'log-corrupt' });
    }
    reader.close();
  });

  test('are refused with any byte changed since the log was opened', async () => {
    const { lsn } = records[500]!;
    const file = path.join(home, logFileName(lsn.file));
    const whole = fs.readFileSync(file);
    const end = records[501]!.lsn.offset;
    for (let at = lsn.offset; at < end; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      fs.writeFileSync(file, damaged);
      const reader = new LogReader(nodeFiles, log);
      expect(await failureOf(() => reader.read(lsn))).toMatchObject({ code: 'log-corrupt' });
      reader.close();
    }
  });

  test('are those of their own reader when another one that was closed is closed again', () => {
    const closed = new LogReader(nodeFiles, log);
    closed.read(records[3]!.lsn);
    closed.close();
    const reader = new LogReader(nodeFiles, log);
    const record = reader.read(records[500]!.lsn);
    closed.close();
    const other = new LogReader(nodeFiles, log);
    other.read(records[900]!.lsn);
    expect(contentOf(record)).toBe(records[500]!.content);
    for (const open of [reader, other]) open.close();
  });
});
