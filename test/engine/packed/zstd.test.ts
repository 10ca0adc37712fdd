import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import {
  codecOfLibrary,
  codecOfNode,
  compress,
  contentSizeOf,
  expand,
  type Codec,
} from '../../../src/engine/packed/zstd.ts';
import { noise } from '../../support/packed-files.ts';

const limit = 2 << 20;

/** A frame of the program `zstd`, which says how much it holds, or claims to. */
function frameOf(bytes: Uint8Array, ...options: readonly string[]): Buffer {
  const { stdout, status, stderr } = spawnSync('zstd', ['-cq', ...options], { input: bytes, maxBuffer: 1 << 28 });
  expect([status, stderr.toString()]).toEqual([0, '']);
  return stdout;
}

const library = await codecOfLibrary();
const ofNode = codecOfNode();
const codecs: readonly (readonly [string, Codec])[] = [
  ['the library', library],
  ...(ofNode ? [['Node.js', ofNode] as const] : []),
];
const isInstalled = spawnSync('zstd', ['--version']).status === 0;

describe.each(codecs)('Zstandard by %s', (_, codec) => {
  const opened = async (frame: Uint8Array, most = limit): Promise<Uint8Array | undefined> =>
    await expand(frame, most, codec);

  test.each([0, 1, 2, 255, 256, 257, 65_791, 65_792, 100_000, 1 << 20, (1 << 20) + (64 << 10)])(
    'gives %i bytes back, and says how many there are',
    async (length) => {
      for (const bytes of [noise(length, length), Buffer.alloc(length, 7)]) {
        const frame = await compress(bytes, codec);
        expect(contentSizeOf(frame)).toBe(length);
        expect(Buffer.from((await opened(frame))!)).toEqual(bytes);
        expect(Buffer.from((await opened(frame, length))!)).toEqual(bytes);
        if (length > 0) expect(await opened(frame, length - 1)).toBeUndefined();
        // Either opens what the other one made.
        for (const [, other] of codecs) expect(Buffer.from((await expand(frame, limit, other))!)).toEqual(bytes);
      }
    },
  );

  test.runIf(isInstalled)('is what the program zstd opens', async () => {
    for (const bytes of [Buffer.alloc(0), noise(1, 5000), Buffer.alloc(300_000, 1)]) {
      const { stdout, status } = spawnSync('zstd', ['-dcq'], { input: await compress(bytes, codec) });
      expect([status, stdout]).toEqual([0, bytes]);
    }
  });

  test('opens one frame, and nothing that is less or more', async () => {
    const bytes = Buffer.from('of the same '.repeat(500));
    const frame = Buffer.from(await compress(bytes, codec));
    const empty = Buffer.from(await compress(Buffer.alloc(0), codec));
    // A frame that whoever decompresses passes over (RFC 8878, 3.1.2).
    const skippable = Buffer.from('502a4d180400000001020304', 'hex');
    const others = [
      Buffer.concat([frame, Buffer.from('x')]),
      Buffer.concat([frame, Buffer.alloc(100)]),
      Buffer.concat([frame, frame]),
      Buffer.concat([frame, empty]),
      Buffer.concat([empty, frame]),
      Buffer.concat([frame, skippable]),
      Buffer.concat([skippable, frame]),
      Buffer.concat([empty, Buffer.from('junk')]),
      Buffer.from('plain text'),
      Buffer.alloc(1000),
    ];
    for (const other of others) expect(await opened(other)).toBeUndefined();
    for (let length = 0; length < frame.length; length++)
      expect(await opened(frame.subarray(0, length))).toBeUndefined();
    expect(Buffer.from((await opened(frame))!)).toEqual(bytes);
  });

  test('opens no frame that says another size than it has', async () => {
    const frame = Buffer.from(await compress(Buffer.alloc(60_000, 1), codec));
    const size = contentSizeOf(frame)!;
    const at = frame.indexOf(Buffer.from([(size - 256) & 0xff, (size - 256) >> 8]));
    for (const other of [0, 1, size - 1, size + 1, 65_791]) {
      const lying = Buffer.from(frame);
      lying.writeUInt16LE(Math.max(other - 256, 0), at);
      expect(contentSizeOf(lying)).toBe(Math.max(other, 256));
      expect(await opened(lying)).toBeUndefined();
    }
  });

  test('gives back what was put there, or nothing, when a bit is another one, and never fails otherwise', async () => {
    const bytes = Buffer.from('of the same '.repeat(500));
    const frame = Buffer.from(await compress(bytes, codec));
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      const found = await opened(damaged);
      // Node.js makes checksums; otherwise the hash of whatever was packed tells.
      if (found && codec === ofNode) expect(Buffer.from(found)).toEqual(bytes);
      if (found) expect(found.length).toBe(bytes.length);
    }
  });
});

describe('a bomb', () => {
  test.runIf(isInstalled)('is opened no further than what fits', async () => {
    const bomb = frameOf(Buffer.alloc(64 << 20), '--stream-size=67108864');
    expect(bomb.length).toBeLessThan(10_000);
    for (const [, codec] of codecs) expect(await expand(bomb, limit, codec)).toBeUndefined();
    // One that says that it is small.
    const single = Buffer.concat([
      Buffer.from('28b52ffd', 'hex'),
      Buffer.from([0xa0]),
      Buffer.from([100, 0, 0, 0]),
      bomb.subarray(10),
    ]);
    for (const [, codec] of codecs) expect(await expand(single, limit, codec)).toBeUndefined();
    // What does not say how much it holds is none of ours.
    for (const [, codec] of codecs) expect(await expand(frameOf(Buffer.alloc(1000)), limit, codec)).toBeUndefined();
  });
});
