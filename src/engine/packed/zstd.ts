/** Zstandard, as `zstd -d` reads it: a frame at a time, by Node.js where it has it, otherwise by a library. */

import zlib from 'node:zlib';
import { promisify } from 'node:util';

/** Level 3: what zstd itself takes. */
const level = 3;

/** What compresses and what gives back at most so many bytes; `expand` throws for what is no frame, or more. */
interface Codec {
  compress(bytes: Uint8Array): Promise<Uint8Array>;
  expand(frame: Uint8Array, size: number): Promise<Uint8Array>;
}

/** What Node.js has since 22.15, and its types here do not know. */
interface ZlibWithZstd {
  readonly constants: { readonly ZSTD_c_compressionLevel: number; readonly ZSTD_c_contentSizeFlag: number };
  readonly zstdCompress: Transform;
  readonly zstdDecompress: Transform;
}

type Transform = (bytes: Uint8Array, options: object, done: (error: Error | null, result: Buffer) => void) => void;

let codec: Promise<Codec> | undefined;

/** Makes a frame of some bytes, which says how many there were. */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  return await (await theCodec()).compress(bytes);
}

/**
 * The bytes that a frame was made of; undefined for what is no whole frame, or one of more than `limit` bytes: frames say how much they hold, and one
 * that does not, or lies, is none of ours.
 */
export async function expand(frame: Uint8Array, limit: number): Promise<Uint8Array | undefined> {
  const size = contentSizeOf(frame);
  if (size === undefined || size > limit) return undefined;
  if (size === 0) return new Uint8Array(0);
  try {
    const bytes = await (await theCodec()).expand(frame, size);
    return bytes.length === size ? bytes : undefined;
  } catch {
    return undefined;
  }
}

function theCodec(): Promise<Codec> {
  codec ??= 'zstdCompress' in zlib ? Promise.resolve(ofNode(zlib as unknown as ZlibWithZstd)) : ofLibrary();
  return codec;
}

function ofNode({ constants, zstdCompress, zstdDecompress }: ZlibWithZstd): Codec {
  const [toFrame, fromFrame] = [promisify(zstdCompress), promisify(zstdDecompress)];
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_contentSizeFlag]: 1 };
  return {
    compress: async (bytes) => await toFrame(bytes, { params, pledgedSrcSize: bytes.length }),
    expand: async (frame, size) => await fromFrame(frame, { maxOutputLength: size }),
  };
}

async function ofLibrary(): Promise<Codec> {
  type Library = typeof import('@bokuweb/zstd-wasm');
  // A CommonJS module, all of which is its default where it is imported.
  const { default: library } = (await import('@bokuweb/zstd-wasm')) as unknown as { readonly default: Library };
  const { init, compress: toFrame, decompress: fromFrame } = library;
  await init();
  return {
    compress: (bytes) => Promise.resolve(toFrame(bytes, level)),
    expand: (frame, size) => Promise.resolve(fromFrame(frame, { defaultHeapSize: size })),
  };
}

const magic = 0xfd2fb528;

/** How many bytes a frame says it holds (RFC 8878, 3.1.1.1); undefined where it says nothing. */
export function contentSizeOf(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== magic) return undefined;
  const descriptor = frame[4]!;
  const isSingle = (descriptor & 0x20) !== 0;
  const width = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (width === 0 || at + width > frame.length) return undefined;
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true) + 256;
  return width === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}
