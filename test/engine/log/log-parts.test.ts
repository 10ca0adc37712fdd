import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { copyLogFile, openLogFile, wholeLogFile, type LogParts } from '../../../src/engine/log/log-parts.ts';
import { LogReader } from '../../../src/engine/log/log-reader.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { logFileName, logTailName, parseLogTailName } from '../../../src/format/names.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { failureOf } from '../../support/trees.ts';

/** A log file of an application, whole. */
const number = 4;
let directory: string;
let file: string;
let whole: Buffer;

beforeEach(() => {
  directory = temporaryDirectory();
  const home = path.join(directory, 'env');
  demoApplication(home).commitUpTo([6, 5737]);
  file = path.join(home, logFileName(number));
  whole = fs.readFileSync(file);
});

/** Lays the log file down in parts, each up to a place, and returns where they are. */
function cutAt(...places: readonly number[]): LogParts {
  return [0, ...places].map((from, i) => {
    const part = path.join(directory, from === 0 ? logFileName(number) : logTailName(number, from));
    fs.writeFileSync(part, whole.subarray(from, places[i] ?? whole.length));
    return { path: part, from };
  });
}

/** Where the records of the log file begin. */
function recordsIn(parts: LogParts): { readonly starts: number[]; readonly end: number } {
  const scan = scanLog(nodeFiles, openLog(nodeFiles, new Map([[number, parts]])));
  const starts: number[] = [];
  let step = scan.next();
  for (; !step.done; step = scan.next()) starts.push(step.value.lsn.offset);
  return { starts, end: step.value.lsn.offset };
}

async function refusal(parts: LogParts): Promise<string> {
  const { code, message } = await failureOf(() => openLogFile(nodeFiles, parts).close());
  return `${code}: ${message}`;
}

describe('a log file in parts', () => {
  test('reads as one file, wherever a read begins and ends', () => {
    const parts = cutAt(28, 1000, 1001, 70_000, 131_072);
    const opened = openLogFile(nodeFiles, parts);
    expect(opened.stat().size).toBe(whole.length);
    for (const [from, length] of [
      [0, whole.length],
      [0, whole.length + 100],
      [27, 2],
      [999, 3],
      [1000, 1],
      [69_000, 80_000],
      [whole.length - 1, 10],
      [whole.length, 10],
    ] as const) {
      const bytes = new Uint8Array(length);
      const read = opened.readAt(bytes, from);
      expect(Buffer.compare(bytes.subarray(0, read), whole.subarray(from, from + length))).toBe(0);
    }
    opened.close();
  });

  test('has the records of the whole file, forwards and by their LSNs', () => {
    const all = recordsIn(wholeLogFile(file));
    expect(all.starts.length).toBeGreaterThan(100);
    const cuts = all.starts.filter((_start, i) => i % 9 === 5);
    const parts = cutAt(...cuts);
    expect(recordsIn(parts)).toEqual(all);
    const reader = new LogReader(nodeFiles, openLog(nodeFiles, new Map([[number, parts]])));
    for (const offset of all.starts.toReversed()) {
      expect(reader.read({ file: number, offset }).lsn).toEqual({ file: number, offset });
    }
    reader.close();
  });

  test('is copied into one file', async () => {
    const parts = cutAt(5000, 5100, 90_000);
    const copy = path.join(directory, 'copy');
    await copyLogFile(nodeFiles, parts, copy);
    expect(Buffer.compare(fs.readFileSync(copy), whole)).toBe(0);
    expect(fs.statSync(copy).mtimeMs).toBeCloseTo(fs.statSync(parts.at(-1)!.path).mtimeMs, 0);
  });

  test('may have tails that were appended already, whole or in part, and still lie there', () => {
    const parts = cutAt(5000, 5100, 90_000);
    for (const size of [5050, 5100, 60_000, whole.length]) {
      fs.writeFileSync(parts[0]!.path, whole.subarray(0, size));
      const opened = openLogFile(nodeFiles, parts);
      const bytes = Buffer.alloc(whole.length);
      expect(opened.readAt(bytes, 0)).toBe(whole.length);
      expect(Buffer.compare(bytes, whole)).toBe(0);
      opened.close();
    }
  });

  test('whose beginning is missing is an error by name', async () => {
    const [, ...parts] = cutAt(5000, 6000);
    const name = path.join(directory, logTailName(number, 5000));
    expect(await refusal(parts)).toBe(
      `log-missing: ${name} begins at byte 5000 of its log file, and what is before that is missing`,
    );
  });

  test('with a part missing in between is an error by name', async () => {
    const [first, , last] = cutAt(5000, 6000);
    expect(await refusal([first!, last!])).toBe(
      `log-missing: ${first!.path} ends at byte 5000 of its log file, but log.0000000004.from-0000006000 begins at 6000`,
    );
  });

  test('of which one is too short is an error by name', async () => {
    const parts = cutAt(5000, 6000);
    fs.truncateSync(parts[1]!.path, 999);
    expect(await refusal(parts)).toBe(
      `log-missing: ${parts[1]!.path} ends at byte 5999 of its log file, but log.0000000004.from-0000006000 begins at 6000`,
    );
  });

  test('that went on without its tail is an error by name', async () => {
    const parts = cutAt(5000, 6000);
    const other = Buffer.from(whole.subarray(0, 5500));
    other[5300]! ^= 1;
    fs.writeFileSync(parts[0]!.path, other);
    expect(await refusal(parts)).toBe(
      `log-corrupt: ${parts[1]!.path} differs from the log file that it is part of, which has 5500 bytes, at byte 5300 of it`,
    );
  });

  test('tells damage by the part that it is in', async () => {
    const parts = cutAt(5000, 60_000);
    const { starts } = recordsIn(parts);
    const hit = starts.find((start) => start > 20_000)!;
    const bytes = fs.readFileSync(parts[1]!.path);
    bytes[hit - 5000 + 20]! ^= 1;
    fs.writeFileSync(parts[1]!.path, bytes);
    const { code, message } = await failureOf(() => recordsIn(parts));
    expect(code).toBe('log-corrupt');
    expect(message).toContain(`${parts[1]!.path} is damaged at [4][${hit}]`);
  });
});

test('the name of a tail says of which log file it is, and from which byte on', () => {
  expect(logTailName(7, 1_048_576)).toBe('log.0000000007.from-0001048576');
  expect(parseLogTailName('log.0000000007.from-0001048576')).toEqual({ number: 7, from: 1_048_576 });
  for (const other of ['log.0000000007', 'log.7.from-1', 'log.0000000007.from-0000000000', 'log.0000000007.from-1']) {
    expect(parseLogTailName(other)).toBeUndefined();
  }
});
