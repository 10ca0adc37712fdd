/** Memory that files are read into, which goes to the next file: thousands of small ones are mostly read one after the other. */

/** Larger memory is not kept, in bytes. */
const largestSpare = 64 << 10;

/** What nobody uses at the moment. */
let spare: Uint8Array | undefined;

/** Memory of so many bytes, whatever is in it. */
export function takeMemory(size: number): Uint8Array {
  if (size > largestSpare) return new Uint8Array(size);
  const memory = spare ?? new Uint8Array(largestSpare);
  spare = undefined;
  return memory.subarray(0, size);
}

/** To be called when nobody reads any more what is in memory that `takeMemory` gave. */
export function giveBack(memory: Uint8Array): void {
  if (memory.buffer.byteLength === largestSpare) spare = new Uint8Array(memory.buffer);
}
