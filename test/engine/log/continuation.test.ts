import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { Continuation, type ChainEnd } from '../../../src/engine/log/continuation.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { wholeLogFile, type LogParts } from '../../../src/engine/log/log-parts.ts';
import { scanLog, type LogEnd } from '../../../src/engine/log/scan.ts';
import { type ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { logFileName, logFileNumber } from '../../../src/format/names.ts';
import { flipBit } from '../../support/damage.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { newPlace } from '../../support/place.ts';
import { failureOf, namesIn } from '../../support/trees.ts';

/** Where the log of the chain is, and the one that may continue it. */
let chain: string;
let source: string;

/** An application whose log goes on from where the chain has it. */
beforeEach(() => {
  const { home, repository } = newPlace();
  source = home;
  chain = repository;
  const application = demoApplication(source);
  application.commitUpTo([4, 72_115]);
  fs.cpSync(source, chain, { recursive: true });
  application.commitUpTo([6, 5737]);
});

const inSource = (number: number): string => path.join(source, logFileName(number));

function logIn(directory: string, from = 0): Map<number, LogParts> {
  const numbers = namesIn(directory)
    .map(logFileNumber)
    .filter((number) => number !== undefined && number >= from);
  return new Map(
    (numbers as number[]).map((number) => [number, wholeLogFile(path.join(directory, logFileName(number)))]),
  );
}

function scan(paths: ReadonlyMap<number, LogParts>, see: (record: ScannedRecord) => void = () => {}): LogEnd {
  const steps = scanLog(nodeFiles, openLog(nodeFiles, paths));
  let step = steps.next();
  for (; !step.done; step = steps.next()) see(step.value);
  return step.value;
}

/** @param changes to what is known of the chain */
function begin(changes: Partial<ChainEnd> = {}): Continuation {
  const chainLog = logIn(chain);
  const { lsn: end, lastRecord } = scan(chainLog);
  const parent = { firstFile: Math.min(...chainLog.keys()), end, lastRecord, ...changes };
  const hints = { gap: 'take a full backup', mismatch: 'look for the right one' };
  return new Continuation(nodeFiles, { subject: 'the log', from: source, chainLog, parent, hints });
}

/** Reads the log of the source, and has it judged. */
function prove(continuation = begin(), sees = true): void {
  const paths = logIn(source, continuation.firstFile());
  const [first] = openLog(nodeFiles, paths).files;
  const { lsn } = scan(paths, (record) => {
    if (sees) continuation.see(record);
  });
  continuation.requireProof(first!, lsn);
}

/** Code, message and hint. */
async function refusal(work: () => void): Promise<string> {
  const { code, message, details } = await failureOf(work);
  return `${code}: ${message}; ${details.hint}`;
}

describe('a log that continues a chain', () => {
  test('goes on from the last file of the chain, as far as that has it', () => {
    expect(begin().firstFile()).toBe(4);
    prove();
  });

  test('goes on from the next file where the last one is gone, and points back at what the chain has', () => {
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    fs.rmSync(inSource(4));
    expect(begin().firstFile()).toBe(5);
    prove();
  });

  test('may point back at what is from before the chain', () => {
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    for (const number of [1, 2, 3]) fs.rmSync(path.join(chain, logFileName(number)));
    fs.rmSync(inSource(4));
    prove();
  });
});

describe('a log does not continue a chain', () => {
  test('when there is none', async () => {
    for (const number of logIn(source).keys()) fs.rmSync(inSource(number));
    expect(await refusal(() => begin().firstFile())).toMatch(/^log-missing: .*[\\/]env holds no log files; /);
  });

  test('when it ends in an earlier file', async () => {
    for (const number of [4, 5, 6]) fs.rmSync(inSource(number));
    expect(await refusal(() => begin().firstFile())).toBe(
      'chain-mismatch: the log does not continue the chain, which ends at [4][72115]: its last log file is log.0000000003; look for the right one',
    );
  });

  test('when it ends earlier in the same file', async () => {
    fs.rmSync(inSource(5));
    fs.rmSync(inSource(6));
    fs.copyFileSync(path.join(chain, logFileName(4)), inSource(4));
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    const { lsn } = scan(logIn(source));
    const continuation = begin({ end: { file: 4, offset: lsn.offset + 100 } });
    expect(await refusal(() => prove(continuation))).toMatch(/^chain-mismatch: .*: its log ends at \[4\]\[72115\]; /);
  });

  test('when files between them are gone', async () => {
    fs.rmSync(inSource(4));
    fs.rmSync(inSource(5));
    expect(await refusal(() => begin().firstFile())).toBe(
      'chain-gap: the log does not continue the chain: it goes on at log.0000000006, but the newest set ends in log.0000000004 at [4][72115]; take a full backup',
    );
  });

  test('when the last file had grown before it was removed', async () => {
    fs.rmSync(inSource(4));
    expect(await refusal(() => prove())).toMatch(
      /^chain-gap: .*: log\.0000000004 was removed after it had grown to a record at \d+, but the newest set ends in it at \[4\]\[72115\]; /,
    );
  });

  test('when a byte before the end of the chain is another', async () => {
    flipBit(inSource(4), 5000);
    expect(await refusal(() => begin().firstFile())).toMatch(
      /^chain-mismatch: .*: log\.0000000004 differs from the chain’s at byte 5000, before 72115; /,
    );
  });

  test('when its first file does not follow the record that the chain ends with', async () => {
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    fs.rmSync(inSource(4));
    const continuation = begin({ lastRecord: { file: 3, offset: 28 } });
    expect(await refusal(() => prove(continuation))).toMatch(
      /^chain-mismatch: .*: log\.0000000005 follows a record at \d+, but the chain’s last one is \[3\]\[28\]; /,
    );
  });

  test('when nothing in it points back into the chain', async () => {
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    fs.rmSync(inSource(4));
    expect(await refusal(() => prove(begin(), false))).toMatch(
      /^chain-mismatch: .*: no record in its log points back into the chain; /,
    );
  });

  test('when it points back at what the chain has otherwise', async () => {
    fs.copyFileSync(inSource(4), path.join(chain, logFileName(4)));
    fs.rmSync(inSource(4));
    const continuation = begin();
    const paths = logIn(source, 5);
    const pointedAt: number[] = [];
    const { lsn } = scan(paths, (record) => {
      continuation.see(record);
      if (record.txnId !== 0 && record.prevLsn.file === 4) pointedAt.push(record.prevLsn.offset);
    });
    flipBit(path.join(chain, logFileName(4)), pointedAt[0]! + 20);
    const [first] = openLog(nodeFiles, paths).files;
    expect(await refusal(() => continuation.requireProof(first!, lsn))).toMatch(
      /^chain-mismatch: .*: its log points back to \[4\]\[\d+\], where the chain has something else; /,
    );
  });
});
