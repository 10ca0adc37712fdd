import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cipher } from '../../../src/format/crypto.ts';
import { encodeFileHeader, readFileHeader } from '../../../src/format/log/file-header.ts';
import { frameSize } from '../../../src/format/log/frame.ts';
import { encryptedFraming, isSound } from '../../../src/format/log/framing.ts';

const cipher = new Cipher(Buffer.from('s3cret pass'));
const framing = encryptedFraming(cipher);

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The header of a log file of 5.3.28 (format document, 5.4). */
const header = Uint8Array.from(
  Buffer.from(
    '0000000040000000c5ce673cd4640e3b9dbe4f9f2287d781a56a4fac303a54045c167faa5c0721fe1713703d1000000052aba0d62752ed543ec5ddaa2ab7196b',
    'hex',
  ),
);

test('the header of an encrypted log file is read with the password, and only with it', () => {
  expect(readFileHeader(header, cipher)).toMatchObject({
    kind: 'header',
    header: { version: 19, maxSize: 1 << 20, prev: 0 },
  });
  expect(readFileHeader(header)).toEqual({ kind: 'encrypted', prev: 0 });
  expect(readFileHeader(header, new Cipher(Buffer.from('another')))).toEqual({ kind: 'locked' });
  expect(readFileHeader(header.subarray(0, 40), cipher)).toEqual({ kind: 'incomplete' });
});

test('a header that is written is read again', () => {
  const fields = { version: 16, maxSize: 262144, prev: 0x3ff9a };
  expect(readFileHeader(encodeFileHeader({ ...fields, framing }), cipher)).toMatchObject({
    kind: 'header',
    header: fields,
  });
});

/** A plain record with its body in place, behind the space for the frame. */
const plainRecord = fc.uint8Array({ minLength: 16, maxLength: 300 }).map((body) => {
  const record = new Uint8Array(frameSize + body.length);
  record.set(body, frameSize);
  return record;
});

test('a record that is sealed is the plain one again, with zeros up to whole blocks behind it', () => {
  fc.assert(
    fc.property(plainRecord, fc.nat(), (record, prev) => {
      const sealed = framing.seal(record, prev);
      const length = framing.frameAt(sealed, viewOf(sealed), 0, sealed.length, prev, true);
      expect(length).toBe(sealed.length);
      const { bytes, at, length: plainLength } = framing.toPlain(sealed, viewOf(sealed), 0, length);
      expect(bytes.subarray(at + frameSize, at + record.length)).toEqual(record.subarray(frameSize));
      expect(plainLength - record.length).toBeLessThan(16);
      expect(bytes.subarray(at + record.length, at + plainLength).every((byte) => byte === 0)).toBe(true);
    }),
  );
});

test('a record with a byte changed is found out, except in its vector, which its code does not cover', () => {
  const record = framing.seal(new Uint8Array(frameSize + 40).fill(7), 28);
  for (let at = 8; at < record.length; at++) {
    const damaged = record.slice();
    damaged[at]! ^= 0x40;
    expect(isSound(damaged, 0, damaged.length, framing)).toBe(at >= 28 && at < 48);
  }
});

test('without the password records can be followed, and nothing is said of what is in them', () => {
  const opaque = encryptedFraming(undefined);
  const record = framing.seal(new Uint8Array(frameSize + 40).fill(7), 28);
  record[100]! ^= 1;
  expect(opaque.frameAt(record, viewOf(record), 0, record.length, 28, true)).toBe(record.length);
  expect(opaque.frameAt(record, viewOf(record), 0, record.length, 29, true)).toBeLessThan(0);
  expect(opaque.frameAt(record, viewOf(record), 0, record.length - 1, 28, true)).toBeLessThan(0);
});

test('bytes that are no records are refused, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 400 }), (bytes) => {
      const view = viewOf(bytes);
      expect(framing.frameAt(bytes, view, 0, bytes.length, view.getUint32(0, true), true)).toBeLessThan(0);
    }),
  );
});
