import { type ObjectSource } from '../store/store.ts';

/** The bytes of a source in pieces that are whole units, but for the last one of all. Each may be used again when the next one is asked for. */
export async function* inUnits(source: ObjectSource, unit: number): AsyncIterable<Uint8Array> {
  let left = new Uint8Array(0);
  for await (const piece of source.open(0, source.size)) {
    const bytes = left.length === 0 ? piece : Buffer.concat([left, piece]);
    const whole = bytes.length - (bytes.length % unit);
    if (whole > 0) yield bytes.subarray(0, whole);
    left = bytes.slice(whole);
  }
  if (left.length > 0) yield left;
}
