/**
 * What the object of a manifest holds: the manifest as it is everywhere, and which of the contents that lie beside it are those of the set. Whoever makes a set
 * again that another run has begun writes contents of its own, and none but those that a manifest names are believed.
 */

/** Contents that a manifest names. */
export interface ContentsNamed {
  /** Of the packs that were written for the set: what the name of the object ends in, 8 hex digits. */
  readonly origin: string;
  /** Of the text, hex. */
  readonly sha256: string;
}

/** The most that is around a manifest, in bytes. */
export const aroundManifest = 256;

const firstLine = /^\{"contents":"([0-9a-f]{8})","sha256":"([0-9a-f]{64})","manifest":$/;
const lastLine = '}\n';

/** JSON, with the manifest in it byte for byte: what follows the first line, but for the last two bytes. */
export function encodeManifestObject(manifest: Uint8Array, { origin, sha256 }: ContentsNamed): Uint8Array {
  const first = `{"contents":"${origin}","sha256":"${sha256}","manifest":\n`;
  return Buffer.concat([Buffer.from(first), manifest, Buffer.from(lastLine)]);
}

/** Undefined for what is no such object. */
export function decodeManifestObject(
  bytes: Uint8Array,
): { readonly named: ContentsNamed; readonly manifest: Uint8Array } | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = text.indexOf(0x0a);
  const [, origin, sha256] =
    firstLine.exec(text.toString('latin1', 0, Math.min(Math.max(end, 0), aroundManifest))) ?? [];
  const last = text.length - lastLine.length;
  if (origin === undefined || sha256 === undefined || text.toString('latin1', Math.max(last, end)) !== lastLine) {
    return undefined;
  }
  return { named: { origin, sha256 }, manifest: text.subarray(end + 1, last) };
}
