import { expect, test } from 'vitest';
import { ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { FileBindings } from '../../../src/engine/recovery/bindings.ts';
import { encodeRegister } from '../../../src/format/log/encode.ts';
import { registration } from '../../../src/format/log/records/dbreg.ts';

/** Log version of 5.0 and 5.1, and the one of 5.3. */
const [versionOf50, versionOf53] = [17, 19];

interface Told {
  readonly opcode: number;
  readonly name: string;
}

const opened = (name: string): Told => ({ opcode: registration.open, name });
const closed = (name: string): Told => ({ opcode: registration.close, name });
const atCheckpoint = (name: string): Told => ({ opcode: registration.checkpoint, name });

/** What a log makes of file id 1, when it tells this of it at 100, 200, 300 … */
function bindingsOf(told: readonly Told[], version = versionOf50): FileBindings {
  const bindings = new FileBindings();
  for (const [index, { opcode, name }] of told.entries()) {
    const uid = Buffer.from(name.padEnd(20, '.')).toString('hex');
    const fields = {
      opcode,
      name,
      uid,
      fileId: 1,
      databaseType: 1,
      metaPgno: 0,
      externalFileIdLow: 0,
      externalFileIdHigh: 0,
    };
    const bytes = encodeRegister(fields, version);
    const lsn = { file: 1, offset: 100 * (index + 1) };
    bindings.see(
      new ScannedRecord(
        bytes,
        new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
        0,
        bytes.length,
        lsn,
        version,
      ),
    );
  }
  return bindings;
}

const nameAt = (bindings: FileBindings, offset: number): string | undefined =>
  bindings.at(1, { file: 1, offset })?.name;

test('a registration repeated after its file was closed takes no id from the file that has it now, and warns of nothing', () => {
  const aborted = [opened('aborted.db'), closed('aborted.db'), atCheckpoint('aborted.db')];
  const bindings = bindingsOf([...aborted, opened('now.db'), atCheckpoint('now.db'), atCheckpoint('aborted.db')]);
  expect(nameAt(bindings, 350)).toBeUndefined();
  expect(nameAt(bindings, 450)).toBe('now.db');
  expect(nameAt(bindings, 650)).toBe('now.db');
  expect(bindings.reopened).toEqual([]);
  expect(bindings.takenForStale).toEqual([]);
});

test('where the log begins after the file was closed, a repeated registration is passed over with a warning', () => {
  const bindings = bindingsOf([atCheckpoint('now.db'), atCheckpoint('aborted.db')]);
  expect(nameAt(bindings, 250)).toBe('now.db');
  expect(bindings.takenForStale).toEqual([{ lsn: { file: 1, offset: 200 }, name: 'aborted.db', inUseFor: 'now.db' }]);
});

test('two files under one id are damage in the log of any release that repeats no registrations', () => {
  for (const told of [
    [atCheckpoint('now.db'), atCheckpoint('aborted.db')],
    [opened('aborted.db'), closed('aborted.db'), opened('now.db'), atCheckpoint('aborted.db')],
  ]) {
    expect(() => bindingsOf(told, versionOf53)).toThrow(/file id 1 is aborted.db, but it was registered for now.db/);
  }
});
