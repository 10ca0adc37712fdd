import { expect, test } from 'vitest';
import { type OpenFile } from '../../../src/engine/files/files.ts';
import { findRecordBeyond } from '../../../src/engine/log/find-beyond.ts';
import { recordAt, sealRecord } from '../../../src/format/log/frame.ts';
import { plainFraming } from '../../../src/format/log/framing.ts';
import { checkpoint } from '../../../src/format/log/records/txn.ts';

const end = 5000;
const size = (1 << 20) + 200_000;
const tail = new Uint8Array(size);
const reads = { bytes: 0 };
const opened = {
  readAt(target: Uint8Array, position: number): number {
    const part = tail.subarray(position, position + target.length);
    target.set(part);
    reads.bytes += part.length;
    return part.length;
  },
} as OpenFile;

function find(): number | undefined {
  return findRecordBeyond(opened, { size, framing: plainFraming }, end);
}

const record = new Uint8Array(60);
new DataView(record.buffer).setUint32(recordAt.type, checkpoint.code, true);

test('a record in a tail of zeros is found wherever it is, also where what is read or passed over at once ends', () => {
  expect(find()).toBeUndefined();
  const borders = [
    end + 100,
    end + 4096,
    end + 3 * 4096,
    end + (1 << 20),
    end + (1 << 20) + 4096,
    size - record.length,
  ];
  for (const border of borders) {
    for (let at = border - 40; at <= Math.min(border + 10, size - record.length); at++) {
      // Numbers with zeros in front, behind and between.
      for (const prev of [end, 0x2000]) {
        if (prev > at - plainFraming.frameSize) continue;
        sealRecord(record, prev);
        tail.set(record, at);
        expect(find(), `${at}, ${prev}`).toBe(at);
        tail.fill(0, at, at + record.length);
      }
    }
  }
});

test('and one in a tail of what was there before', () => {
  tail.fill(0xaa, 100_000, 300_000);
  sealRecord(record, end);
  for (const at of [99_999, 150_000, 299_990, 304_000]) {
    tail.set(record, at);
    expect(find()).toBe(at);
    tail.fill(0xaa, at, at + record.length);
  }
});
