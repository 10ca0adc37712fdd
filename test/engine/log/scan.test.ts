import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logPaths } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { logFileName } from '../../../src/format/names.ts';
import { wholeLogFile } from '../../../src/engine/log/log-parts.ts';
import { joinLogs, openLog, type Log } from '../../../src/engine/log/log-files.ts';
import { readToEnd } from '../../../src/engine/log/each-batch.ts';
import { scanLog, type LogEnd } from '../../../src/engine/log/scan.ts';
import { corpusCases, familyOf } from '../../support/all-corpus.ts';
import { corpusCase } from '../../support/corpus.ts';
import { oneOfEach } from '../../support/effort.ts';

describe('reading logs', () => {
  const all = corpusCases().filter(({ id }) => !/^(damaged|ds-|cds-|dbxml-ds)/.test(id));
  // Other versions and ways to copy than the recovery of the corpus takes; all of them in the long run.
  const readable = oneOfEach(all.toReversed(), familyOf);

  test.each(readable.map((corpusCase) => [corpusCase.id, corpusCase] as const))(
    '%s: every record is decoded, and there are as many of each type as db_printlog prints',
    (_id, corpusCase) => {
      const { log } = corpusCase.description as unknown as { log: { records: number; types: Record<string, number> } };
      const types: Record<string, number> = {};
      let records = 0;
      const { files } = corpusCase;
      for (const record of scanLog(files, openLog(files, logPaths(corpusCase.environment)))) {
        expect(record.body).toBeTypeOf('object');
        const name = `__${record.layout!.name}`;
        types[name] = (types[name] ?? 0) + 1;
        records += 1;
      }
      expect(types).toEqual(log.types);
      expect(records).toBe(log.records);
      corpusCase.forget();
    },
  );
});

describe('the end of a log', () => {
  let directory = '';
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-scan-'));
    const { backup } = corpusCase('btree-dups-60-logs');
    for (const name of fs.readdirSync(backup)) fs.copyFileSync(path.join(backup, name), path.join(directory, name));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  const numbers = (): number[] => fs.readdirSync(directory).map((name) => Number(name.slice(4)));
  const file = (number: number): string => path.join(directory, logFileName(number));
  const scan = (): { end: LogEnd; records: number } => {
    const scanning = scanLog(
      nodeFiles,
      openLog(nodeFiles, new Map(numbers().map((number) => [number, wholeLogFile(file(number))]))),
    );
    let records = 0;
    let step = scanning.next();
    for (; !step.done; step = scanning.next()) records += 1;
    return { end: step.value, records };
  };
  const change = (number: number, edit: (bytes: Buffer) => Buffer | void): void => {
    const bytes = fs.readFileSync(file(number));
    fs.writeFileSync(file(number), edit(bytes) ?? bytes);
  };

  test('a last file cut inside its last record ends with the record before', () => {
    const { end, records } = scan();
    const last = Math.max(...numbers());
    change(last, (bytes) => bytes.subarray(0, end.lsn.offset - 1));
    expect(scan()).toMatchObject({ records: records - 1, end: { torn: true, lsn: end.lastRecord } });
  });

  test('a last file cut at its last record ends there', () => {
    const before = scan();
    change(Math.max(...numbers()), (bytes) => bytes.subarray(0, before.end.lsn.offset));
    expect(scan()).toEqual(before);
  });

  test('a bit flipped in the middle of the last file is damage, not the end', () => {
    const { end } = scan();
    const last = Math.max(...numbers());
    change(last, (bytes) => void (bytes[end.lsn.offset >> 1]! ^= 4));
    expect(scan).toThrow(expect.objectContaining({ code: 'log-corrupt' }) as Error);
  });

  test('the middle of the last file zeroed is damage, not the end', () => {
    const { end } = scan();
    const last = Math.max(...numbers());
    change(last, (bytes) => void bytes.fill(0, end.lsn.offset >> 1, (end.lsn.offset >> 1) + 512));
    expect(scan).toThrow(expect.objectContaining({ code: 'log-corrupt' }) as Error);
  });

  test('a file in the middle that is cut short is damage', () => {
    change(2, (bytes) => bytes.subarray(0, 5000));
    expect(scan).toThrow(expect.objectContaining({ code: 'log-corrupt' }) as Error);
  });

  test('a file missing in the middle is named', () => {
    fs.rmSync(file(2));
    expect(scan).toThrow(/log\.0000000002 is missing between/);
  });

  const part = (isIn: (number: number) => boolean): Log => {
    const wanted = numbers().filter(isIn);
    return openLog(nodeFiles, new Map(wanted.map((number) => [number, wholeLogFile(file(number))])));
  };

  test('two parts are one log, of which the first can be read alone: it ends where the header of the next file says', () => {
    const { end } = scan();
    const last = Math.max(...numbers());
    const log = joinLogs(
      part((number) => number < last),
      part((number) => number === last),
    );
    expect(log).toEqual(part(() => true));
    const first = readToEnd(nodeFiles, log, { until: last });
    expect(first).toMatchObject({ lsn: { file: last }, lastRecord: { file: last - 1 }, torn: false });
    expect(readToEnd(nodeFiles, log, { from: first.lsn })).toEqual(end);
    change(last - 1, (bytes) => bytes.subarray(0, first.lastRecord!.offset));
    expect(() => readToEnd(nodeFiles, log, { until: last })).toThrow(/log\.\d+ is damaged|became shorter/);
  });

  test('parts of a log between which files are missing, or nothing is written, are none', () => {
    const [first, second, third] = [1, 2, 3].map((wanted) => part((number) => number === wanted)) as [Log, Log, Log];
    expect(() => joinLogs(first, third)).toThrow(/log\.0000000002 is missing between/);
    const withEmpty = { ...first, incomplete: [file(2)] };
    expect(() => joinLogs(withEmpty, second)).toThrow(/log\.0000000002: its header is empty/);
  });

  test('an empty or zeroed file behind the last one holds nothing', () => {
    const before = scan();
    const next = Math.max(...numbers()) + 1;
    fs.writeFileSync(file(next), '');
    expect(scan()).toEqual(before);
    fs.writeFileSync(file(next), Buffer.alloc(4096));
    expect(scan()).toEqual(before);
  });
});
