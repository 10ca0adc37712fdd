/** Documents that are stored whole (dbxml documents document, 3). */

import { RecordCursor } from './record-cursor.ts';

/** The plain length and what is left of the 5 bytes for it, then a header of zlib. */
const shortest = 7;

/**
 * What a value says to be the plain length of the document that is compressed in it, 0 for none; undefined where it is the document
 * itself.
 *
 * @param beginning of the value, 7 bytes where it has as many
 * @param length of the whole value, in bytes
 */
export function compressedLength(beginning: Uint8Array, length: number): number | undefined {
  if (length < shortest) return length === 0 || beginning[0] === 0 ? 0 : undefined;
  const [method = 0, flags = 0] = beginning.subarray(5);
  const isStream = (method & 0x0f) === 8 && (method * 256 + flags) % 31 === 0;
  if (isStream) return new RecordCursor(beginning).integer();
  return beginning[0] === 0 && length === shortest - 2 ? 0 : undefined;
}
