/** Logs that tell nothing true of the file beside them, or nothing at all: a warning is only advice, and stops nobody. */

import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { isBehindLog } from '../../../src/engine/recovery/behind-log.ts';
import { encodeRegister } from '../../../src/format/log/encode.ts';
import { encodeFileHeader } from '../../../src/format/log/file-header.ts';
import { recordAt, sealRecord } from '../../../src/format/log/frame.ts';
import { plainFraming } from '../../../src/format/log/framing.ts';
import { addrem, debug, noop } from '../../../src/format/log/records/db.ts';
import { databaseType, registration } from '../../../src/format/log/records/dbreg.ts';
import { checkpoint, commit } from '../../../src/format/log/records/txn.ts';
import { logFileName, logFileNumber } from '../../../src/format/names.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { figaro } from '../../support/run-cli.ts';
import { MadeUpApplication, madeUpName } from '../../support/made-up-application.ts';

const version = 16;
const fileId = 3;
const header = encodeFileHeader({ version, maxSize: 10 << 20, prev: 0, framing: plainFraming });

/** A record of which these are the type, the transaction, the LSN before and the fields; zeros follow up to its length. */
function record(words: readonly number[], length = recordAt.type + 4 * words.length): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(recordAt.type + 4 * i, word >>> 0, true);
  return bytes;
}

/** An environment whose log has these records behind the registration of its database. */
function homeWith(records: readonly Uint8Array[]): string {
  const home = temporaryDirectory();
  const application = new MadeUpApplication(1);
  application.run(1);
  application.writeTo(home);
  const file = new DatabaseFile(nodeFiles, path.join(home, madeUpName));
  const { uid } = file.format;
  file.close();
  const parts = [header];
  let [before, end] = [0, header.length];
  for (const each of [registered(uid), ...records].map((bytes) => bytes.slice())) {
    sealRecord(each, before);
    before = end;
    end += each.length;
    parts.push(each);
  }
  application.writeTo(home, Buffer.concat(parts));
  return home;
}

async function isBehind(records: readonly Uint8Array[]): Promise<boolean> {
  const home = homeWith(records);
  return await isBehindLog(nodeFiles, discoverEnvironment(nodeFiles, home), path.join(home, madeUpName), {});
}

function registered(uid: string): Uint8Array {
  const what = { name: madeUpName, uid, fileId, databaseType: databaseType.btree, metaPgno: 0 };
  return encodeRegister({ ...what, externalFileIdLow: 0, externalFileIdHigh: 0, opcode: registration.open }, version);
}

/** What the application has done itself is before this place. */
const filler = record([debug.code, 0], 1 << 16);
const first = header.length + registered('00'.repeat(20)).length + filler.length;
const txnId = 0x8000_0001;
const change = record([noop.code, txnId, 0, 0, fileId, 0, 0, 1]);

/** By its record, the transaction has written another one there before; none where that is zero. */
function committed(before: number): Uint8Array {
  return record([commit.code, txnId, before === 0 ? 0 : 1, before, 1, 0, 0, 0]);
}

test('a change that its transaction has committed is lacking', async () => {
  expect(await isBehind([filler, change, committed(first)])).toBe(true);
});

test('a transaction that was lost in a crash is not the one that has its id later', async () => {
  expect(await isBehind([filler, change, committed(0)])).toBe(false);
  expect(await isBehind([filler, change, change, committed(first + change.length)])).toBe(true);
});

test.each([
  { what: 'a file that is not there', redoFrom: [9, 28] },
  { what: 'a place behind the end', redoFrom: [1, 0x7000_0000] },
  { what: 'a place behind it', redoFrom: [1, first + 200] },
])('a checkpoint that has redo begin at $what says nothing', async ({ redoFrom }) => {
  const impossible = record([checkpoint.code, 0, 0, 0, ...redoFrom, 0, 0, 0, 0, 0]);
  expect(await isBehind([filler, change, impossible, committed(first)])).toBe(true);
});

describe('a record that ends before its fields do, and what is read of the log with it', () => {
  const windowSize = 4 << 20;
  const short = record([addrem.code, txnId, 0, 0]);
  const rest = record([debug.code, 0], windowSize - first - short.length);

  test('says nothing', async () => {
    expect(await isBehind([filler, rest, short])).toBe(false);
  });

  test('is told by a recovery', async () => {
    const home = homeWith([filler, rest, short, committed(windowSize - short.length)]);
    const { exitCode, stderr } = await figaro([
      'recover',
      '--from',
      home,
      '--to',
      path.join(temporaryDirectory(), 'out'),
    ]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(`error [log-corrupt]: log record [1][${windowSize - short.length}]: the fields of a`);
  });
});

test('who has had enough is not kept waiting until all of a log without checkpoints is read', async () => {
  const home = homeWith([filler]);
  const logFiles = 5;
  for (let number = 2; number <= logFiles; number++) fs.writeFileSync(path.join(home, logFileName(number)), header);
  let opened = 0;
  const slow = filesWith(nodeFiles, {
    openIfThere: (file) => {
      if (logFileNumber(path.basename(file)) === undefined) return nodeFiles.openIfThere(file);
      opened += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      return nodeFiles.openIfThere(file);
    },
  });
  const environment = discoverEnvironment(nodeFiles, home);
  const looking = isBehindLog(slow, environment, path.join(home, madeUpName), { signal: AbortSignal.abort() });
  await expect(looking).rejects.toMatchObject({ code: 'interrupted' });
  // The header of each, and all of the last one.
  expect(opened).toBe(logFiles + 1);
});
