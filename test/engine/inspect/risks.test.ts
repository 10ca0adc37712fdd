import { beforeAll, expect, test } from 'vitest';
import { inspectEnvironment } from '../../../src/engine/inspect/environment.ts';
import { type InspectedEnvironment } from '../../../src/engine/inspect/inspected.ts';
import { type LogContents } from '../../../src/engine/inspect/log.ts';
import { findRisks } from '../../../src/engine/inspect/risks.ts';
import { corpusCase } from '../../support/corpus.ts';

let inspected: InspectedEnvironment;

beforeAll(async () => {
  const { files, environment } = corpusCase('dbxml-clean');
  inspected = await inspectEnvironment(files, environment, {});
});

/** The risks of a log with other contents, apart from those of containers. */
function risksWith(contents: Partial<LogContents>): (readonly [string, string])[] {
  const log = inspected.log!;
  const other = { ...inspected, log: { ...log, contents: { ...log.contents!, ...contents } } };
  return findRisks(other)
    .filter(({ code }) => code !== 'no-checksums')
    .map(({ code, message }) => [code, message] as const);
}

const checkpoint = { lsn: { file: 1, offset: 100 }, redoFrom: { file: 1, offset: 28 }, time: 1_000_000 };

test('a checkpoint of the last hour is none', () => {
  expect(risksWith({ checkpoint, newestTime: checkpoint.time + 3600 })).toEqual([]);
});

test('a checkpoint that is older than the newest commit by more than an hour is one', () => {
  expect(risksWith({ checkpoint, newestTime: checkpoint.time + 3 * 3600 + 5 })).toEqual([
    ['old-checkpoint', 'the last checkpoint is 3h older than the newest commit'],
  ]);
});

test('much log to redo is one, and says more than the age of the checkpoint', () => {
  const bytesToRedo = 300 << 20;
  expect(risksWith({ checkpoint, newestTime: checkpoint.time + 9999, bytesToRedo })).toEqual([
    ['much-to-redo', 'recovery has to read 300.0 MiB of log before the containers are current'],
  ]);
});
