import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { findLastCheckpoint } from '../../../src/engine/log/find-checkpoint.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { wholeLogFile } from '../../../src/engine/log/log-parts.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { checkpoint } from '../../../src/format/log/records/txn.ts';
import { layDemoEnvironment, temporaryDirectory } from '../../support/demo-environment.ts';

let file: string;
/** Where the checkpoints of the file are, and where a record between the last two. */
let checkpoints: number[];
let between: number;

beforeEach(() => {
  const home = path.join(temporaryDirectory(), 'env');
  layDemoEnvironment(home);
  for (let number = 6; number > 0; number--) {
    file = path.join(home, `log.000000000${number}`);
    const offsets = [...scanLog(nodeFiles, log(number))].map(({ lsn, code }) => ({ at: lsn.offset, code }));
    const found = offsets.filter(({ code }) => code === checkpoint.code);
    if (found.length < 2) continue;
    checkpoints = found.map(({ at }) => at);
    between = offsets.findLast(({ at }) => at < checkpoints.at(-1)!)!.at;
    return;
  }
  throw new Error('no log file of the demo has two checkpoints');
});

function log(number = Number(file.slice(-1))): ReturnType<typeof openLog> {
  return openLog(nodeFiles, new Map([[number, wholeLogFile(file)]]));
}

/** Flips a bit of a record, behind its frame. */
function damage(offset: number): void {
  const bytes = fs.readFileSync(file);
  bytes[offset + 30] = bytes[offset + 30]! ^ 1;
  fs.writeFileSync(file, bytes);
}

function offsetFound(isVerifiedLater: boolean): number | undefined {
  return findLastCheckpoint(nodeFiles, log(), isVerifiedLater)?.lsn.offset;
}

test('the last checkpoint is found', () => {
  expect([offsetFound(false), offsetFound(true)]).toEqual([checkpoints.at(-1), checkpoints.at(-1)]);
});

test('damage before it ends the search, unless all records are verified later', () => {
  damage(between);
  expect([offsetFound(false), offsetFound(true)]).toEqual([checkpoints.at(-2), checkpoints.at(-1)]);
});

test('one that is damaged itself is never found', () => {
  damage(checkpoints.at(-1)!);
  expect([offsetFound(false), offsetFound(true)]).toEqual([checkpoints.at(-2), checkpoints.at(-2)]);
});
