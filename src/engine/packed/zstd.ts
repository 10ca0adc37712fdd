/** Zstandard, as `zstd -d` reads it: a frame at a time, by Node.js where it has it, otherwise by a library. */

import zlib from 'node:zlib';
import { promisify } from 'node:util';

/** Level 3: what zstd itself takes. */
const level = 3;

/** What makes frames and opens them. */
export interface Codec {
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  /** What a frame of at most so many bytes holds. Throws for what is none, or more. */
  expand(frame: Uint8Array, size: number): Promise<Uint8Array>;
}

/** What Node.js has since 22.15, and its types here do not know. */
interface ZlibWithZstd {
  readonly constants: Readonly<
    Record<'ZSTD_c_compressionLevel' | 'ZSTD_c_contentSizeFlag' | 'ZSTD_c_checksumFlag', number>
  >;
  readonly zstdCompress: Transform;
  readonly zstdDecompress: Transform;
}

type Transform = (bytes: Uint8Array, options: object, done: (error: Error | null, result: Buffer) => void) => void;

let codec: Promise<Codec> | undefined;

/** Makes a frame of some bytes, which says how many there were. */
export async function compress(bytes: Uint8Array, by?: Codec): Promise<Uint8Array> {
  return await (by ?? (await theCodec())).compress(bytes);
}

/**
 * The bytes that a frame was made of; undefined for what is not one whole frame and nothing else, or one of more than `limit` bytes: frames say how much
 * they hold, and one that does not, or lies, is none of ours.
 */
export async function expand(frame: Uint8Array, limit: number, by?: Codec): Promise<Uint8Array | undefined> {
  const size = contentSizeOf(frame);
  if (size === undefined || size > limit || lengthOf(frame) !== frame.length) return undefined;
  try {
    const bytes = await (by ?? (await theCodec())).expand(frame, size);
    return bytes.length === size ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function theCodec(): Promise<Codec> {
  const ofNode = codecOfNode();
  codec ??= ofNode ? Promise.resolve(ofNode) : codecOfLibrary();
  return codec;
}

/** That of Node.js; undefined where it has none. It puts a checksum behind what it makes. */
export function codecOfNode(): Codec | undefined {
  if (!('zstdCompress' in zlib)) return undefined;
  const { constants, zstdCompress, zstdDecompress } = zlib as unknown as ZlibWithZstd;
  const [toFrame, fromFrame] = [promisify(zstdCompress), promisify(zstdDecompress)];
  const { ZSTD_c_compressionLevel, ZSTD_c_contentSizeFlag, ZSTD_c_checksumFlag } = constants;
  const params = { [ZSTD_c_compressionLevel]: level, [ZSTD_c_contentSizeFlag]: 1, [ZSTD_c_checksumFlag]: 1 };
  return {
    compress: async (bytes) => await toFrame(bytes, { params, pledgedSrcSize: bytes.length }),
    expand: async (frame, size) => await fromFrame(frame, { maxOutputLength: Math.max(size, 1) }),
  };
}

/** That of a library, for all other Node.js. */
export function codecOfLibrary(): Promise<Codec> {
  // It can be begun once in a process.
  ofLibrary ??= beginLibrary();
  return ofLibrary;
}

let ofLibrary: Promise<Codec> | undefined;

async function beginLibrary(): Promise<Codec> {
  type Library = typeof import('@bokuweb/zstd-wasm');
  // A CommonJS module: all of it is its default, or not, as whoever imports it has it.
  const imported = (await import('@bokuweb/zstd-wasm')) as Library & { readonly default?: Library };
  const { init, compress: toFrame, decompress: fromFrame } = imported.default ?? imported;
  await init();
  return {
    compress: (bytes) => Promise.resolve(toFrame(bytes, level)),
    expand: (frame, size) => Promise.resolve(fromFrame(frame, { defaultHeapSize: size })),
  };
}

const magic = 0xfd2fb528;

interface FrameHeader {
  /** Where what says how much it holds is, and how long that is, in bytes. */
  readonly at: number;
  readonly width: number;
  readonly hasChecksum: boolean;
}

/** Undefined for what begins no frame (RFC 8878, 3.1.1.1). */
function headerOf(frame: Uint8Array): FrameHeader | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== magic) return undefined;
  const descriptor = frame[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  return {
    at: 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!,
    width: [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!,
    hasChecksum: (descriptor & 4) !== 0,
  };
}

/** Where a frame ends, by its blocks (RFC 8878, 3.1.1.2): what decompresses may not see that something is missing at its end, or follows. Undefined where it does not end. */
function lengthOf(frame: Uint8Array): number | undefined {
  const header = headerOf(frame);
  if (!header) return undefined;
  for (let at = header.at + header.width; at + 3 <= frame.length;) {
    const block = frame[at]! | (frame[at + 1]! << 8) | (frame[at + 2]! << 16);
    // Of one that is a byte again and again, there is but that.
    const isRepeated = ((block >> 1) & 3) === 1;
    at += 3 + (isRepeated ? 1 : block >> 3);
    if ((block & 1) !== 0) return at + (header.hasChecksum ? 4 : 0);
  }
  return undefined;
}

/** How many bytes a frame says it holds; undefined where it says nothing. */
export function contentSizeOf(frame: Uint8Array): number | undefined {
  const header = headerOf(frame);
  if (!header) return undefined;
  const { at, width } = header;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (width === 0 || at + width > frame.length) return undefined;
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true) + 256;
  return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}
