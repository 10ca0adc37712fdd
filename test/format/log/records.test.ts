import { expect, test } from 'vitest';
import { hexOf, type ByteRange } from '../../../src/format/byte-range.ts';
import { encodeCheckpoint, encodeRecycle, encodeRegister } from '../../../src/format/log/encode.ts';
import { encodeFileHeader, readFileHeader } from '../../../src/format/log/file-header.ts';
import { frameAt, frameSize, prefixSize, sealRecord } from '../../../src/format/log/frame.ts';
import { plainFraming } from '../../../src/format/log/framing.ts';
import { RecordCursor } from '../../../src/format/log/cursor.ts';
import { allLayouts, layoutsFor } from '../../../src/format/log/layouts.ts';

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/[\s|]/g, ''), 'hex'));
}

/** Checks the frame of a whole record and reads its body, byte ranges as hex. */
function decode(record: Uint8Array, version: number): { name: string; body: unknown } {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const prev = view.getUint32(0, true);
  expect(frameAt(record, view, 0, record.length, prev, true)).toBe(record.length);
  const layout = layoutsFor(version)[view.getUint32(frameSize, true)]!;
  const cursor = new RecordCursor();
  cursor.aim(record, view, frameSize + prefixSize, record.length, version);
  const body = layout.decode(cursor);
  expect(cursor.fits(0)).toBe(true);
  return {
    name: layout.name,
    body: JSON.parse(
      JSON.stringify(body, (_key, value: unknown) => {
        const { buffer } = (value ?? {}) as Partial<ByteRange>;
        return buffer instanceof Uint8Array ? hexOf(value as ByteRange) : value;
      }),
    ),
  };
}

test('the examples of the format document are read as it says', () => {
  expect(
    decode(
      fromHex(`b6090000 2c000000 d996c63a | 0a000000 01000080 01000000 b6090000 |
        01000000 c1ac026b bc941b52 00000000`),
      16,
    ),
  ).toEqual({
    name: 'txn_regop',
    body: { opcode: 1, timestamp: 1795337409, environmentId: 1377539260, locks: '' },
  });
  expect(
    decode(
      fromHex(`8e090000 56000000 de8873d1 | 02000000 01000080 01000000 8e090000 | 03000000 0a000000 6f72646572732e646200
        14000000 5f80250000fe0000a7ae35c6781a000000000000 00000000 01000000 00000000 02000080`),
      19,
    ),
  ).toMatchObject({
    name: 'dbreg_register',
    body: { opcode: 3, name: 'orders.db', boundId: 0, databaseType: 1, metaPgno: 0, createdBy: 0x80000002 },
  });
  expect(
    decode(
      fromHex(`90090000 60000000 42f87fb4 | 02000000 01000080 01000000 90090000 |
        03100000 0c000000 62652d62747265652e646200
        14000000 8361260000fe0000e8fa74330e26000000000000 00000000 01000000 00000000 02000080 00000000 00000000`),
      23,
    ),
  ).toMatchObject({ name: 'dbreg_register', body: { opcode: 0x1003, name: 'be-btree.db' } });
  expect(
    decode(
      fromHex(`ea3b0000 58000000 27d78b31 | 29000000 09000080 00000000 00000000 | 01000000 01000000 01000000 00000000
        1c000000 00000000 18000000 333536346436303748494a4b4c4d4e4f5051525354555657 00000000 01000000`),
      16,
    ),
  ).toMatchObject({
    name: 'db_addrem',
    body: { opcode: 1, fileId: 1, pgno: 1, indx: 0, nbytes: 28, hdr: '', pageLsn: { file: 0, offset: 1 } },
  });
  expect(
    decode(
      fromHex(`e24f0000 6a000000 7048c7e3 | 15000000 11000080 01000000 37440000 |
        20000000 03000000 02000000 00000000 00000000 01000000
        0d010000 0b000000 6b65793030303030333235 0d010000 1b000000 686f74656c2d636f6e7461696e65722d3920686f74656c2d636f6e`),
      23,
    ),
  ).toMatchObject({ name: 'ham_insdel', body: { opcode: 0x20, fileId: 3, pgno: 2, keyType: 269, dataType: 269 } });
  expect(
    decode(
      fromHex(`98a30000 38000000 b678f521 | 0b000000 00000000 00000000 00000000 |
        01000000 163c0000 00000000 00000000 c2ac026b bc941b52 00000000`),
      16,
    ),
  ).toMatchObject({
    name: 'txn_ckp',
    body: { redoFrom: { file: 1, offset: 15382 }, lastCheckpoint: { file: 0, offset: 0 } },
  });
});

test('file headers of the format document are read, and written as they were', () => {
  const header = fromHex('9aff0300 1c000000 efa5493f 88090400 10000000 00000400 00000000');
  const reading = readFileHeader(header);
  const fields = { version: 16, maxSize: 262144, prev: 0x3ff9a, framing: plainFraming };
  expect(reading).toEqual({ kind: 'header', header: fields });
  expect(encodeFileHeader(fields)).toEqual(header);
  expect(readFileHeader(new Uint8Array(28))).toEqual({ kind: 'incomplete' });
  expect(readFileHeader(header.subarray(0, 20))).toEqual({ kind: 'incomplete' });
  const flipped = header.slice();
  flipped[17]! ^= 1;
  expect(readFileHeader(flipped)).toMatchObject({ kind: 'damaged' });
});

test('records that recovery writes are read again as they were meant', () => {
  const register = {
    opcode: 5,
    name: 'docs.dbxml',
    uid: '5f80250000fe0000a7ae35c6781a000000000000',
    fileId: 7,
    databaseType: 3,
    metaPgno: 9,
    externalFileIdLow: 0,
    externalFileIdHigh: 0,
  };
  for (const version of [16, 17, 19, 21, 23]) {
    const record = encodeRegister(register, version);
    sealRecord(record, 4711);
    const { fileId, ...fields } = register;
    expect(decode(record, version).body).toEqual({ ...fields, boundId: fileId, createdBy: 0 });
  }
  const checkpoint = {
    redoFrom: { file: 3, offset: 28 },
    lastCheckpoint: { file: 2, offset: 99 },
    timestamp: 1795337409,
    environmentId: 5,
  };
  const record = encodeCheckpoint(checkpoint);
  sealRecord(record, 28);
  expect(decode(record, 19).body).toEqual({ ...checkpoint, spare: 0 });
  const recycle = encodeRecycle(0x80000000, 0xffffffff);
  sealRecord(recycle, 28);
  expect(decode(recycle, 19).body).toEqual({ min: 0x80000000, max: 0xffffffff });
});

test('every log version has at most one layout for a record type', () => {
  for (let version = 16; version <= 23; version++) {
    const codes = allLayouts
      .filter(({ since, until }) => since <= version && version <= until)
      .filter((layout, _i, all) => !all.some((other) => other.code === layout.code && other.since > layout.since))
      .map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  }
});
