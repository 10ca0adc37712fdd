import fs from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cipher } from '../../../src/format/crypto.ts';
import { frameAt, frameSize, sealRecord } from '../../../src/format/log/frame.ts';
import { LogWindow } from '../../../src/format/log/frames.ts';
import { encryptedFraming, isSound, plainFraming } from '../../../src/format/log/framing.ts';
import { compiledFrames, compileFrames } from '../../support/build-wasm.ts';

/** Records of these body sizes, one behind the other, as they stand in a file from `offset` on. */
function records(bodies: readonly Uint8Array[], offset: number, prev: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = offset;
  let before = prev;
  for (const body of bodies) {
    const record = new Uint8Array(frameSize + body.length);
    record.set(body, frameSize);
    sealRecord(record, before);
    parts.push(record);
    before = at;
    at += record.length;
  }
  return Buffer.concat(parts);
}

/** What `frameAt`, which looks at one record at a time, says. */
function followSlowly(bytes: Uint8Array, offset: number, prev: number, verify: boolean): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts: number[] = [];
  let expected = prev;
  for (let at = 0; ;) {
    const length = frameAt(bytes, view, at, bytes.length - at, expected, verify);
    if (length < 0) return starts;
    starts.push(at);
    expected = offset + at;
    at += length;
  }
}

function follow(bytes: Uint8Array, offset: number, prev: number, verify: boolean): number[] {
  const window = LogWindow.take(bytes.length);
  window.bytes.set(bytes);
  const count = window.follow(0, bytes.length, offset, prev, verify);
  const starts = [...window.starts.subarray(0, count)];
  window.giveBack();
  return starts;
}

const body = fc.uint8Array({ minLength: 16, maxLength: 200 });

describe('records of a log followed in WebAssembly', () => {
  test('are those that are found one by one, whatever is damaged', () => {
    fc.assert(
      fc.property(
        fc.array(body, { maxLength: 12 }),
        fc.nat(0x7fff_ffff),
        fc.nat(),
        fc.boolean(),
        fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { nil: undefined }),
        fc.nat(30),
        (bodies, offset, prev, verify, damage, cut) => {
          const bytes = new Uint8Array(records(bodies, offset, prev));
          if (damage && bytes.length > 0) bytes[damage[0] % bytes.length]! ^= damage[1];
          const there = bytes.subarray(0, Math.max(0, bytes.length - cut));
          expect(follow(there, offset, prev, verify)).toEqual(followSlowly(there, offset, prev, verify));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('that are whole are all found', () => {
    const bodies = [16, 17, 31, 32, 33, 4000, 65536].map((length) => new Uint8Array(length).fill(255));
    const starts = follow(records(bodies, 28, 0), 28, 0, true);
    expect(starts).toHaveLength(bodies.length);
  });

  test('are sound one by one as they are when all of their bytes are looked at, whatever is damaged', () => {
    for (const framing of [plainFraming, encryptedFraming(new Cipher(Buffer.from('s3cret pass')))]) {
      const sealed = framing.seal(new Uint8Array(framing.frameSize + 40).fill(7), 28);
      const window = LogWindow.take(100 + sealed.length);
      window.bytes.set(sealed, 100);
      expect(window.isSound(100, sealed.length, framing)).toBe(true);
      for (let at = 0; at < sealed.length; at++) {
        const damaged = sealed.slice();
        damaged[at]! ^= 0x40;
        window.bytes.set(damaged, 100);
        expect(window.isSound(100, sealed.length, framing)).toBe(isSound(damaged, 0, damaged.length, framing));
      }
      window.giveBack();
    }
  });

  test('that name lengths beyond everything end the search', () => {
    for (const length of [0, 27, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      const bytes = new Uint8Array(64);
      new DataView(bytes.buffer).setUint32(4, length, true);
      expect(follow(bytes, 0, 0, false)).toEqual([]);
    }
  });

  test('the module in the source is the one that frames.wat makes', async () => {
    const strings = (text: string): readonly string[] => text.match(/'[^']*'/g) ?? [];
    const inSource = strings(fs.readFileSync(compiledFrames, 'utf8'));
    expect(inSource.join('').replaceAll("''", '')).toBe(
      strings(await compileFrames())
        .join('')
        .replaceAll("''", ''),
    );
  });
});
