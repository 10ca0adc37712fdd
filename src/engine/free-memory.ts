/** Memory of large buffers that goes back at once. Otherwise it waits for a garbage collection, which comes once some 64 MiB of it have gathered. */

import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Smaller buffers, in bytes, can lie in memory that others have, too. */
const smallest = 16 << 10;

/** A port whose other end is closed: what is moved there belongs to nobody. */
let nowhere: MessagePort | undefined;
let isClosed = false;

/**
 * Frees all of the memory that bytes lie in, as far as that is worth it. Whoever calls this is the only one who has it, and does not look
 * at the bytes any more: there may be none.
 */
export function freeMemory({ length, buffer }: Uint8Array): void {
  if (length < smallest) return;
  nowhere ??= closePort();
  // Until then, what is moved would be kept for the other end.
  if (isClosed) nowhere.postMessage(undefined, [buffer as ArrayBuffer]);
}

function closePort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.once('close', () => (isClosed = true));
  port2.close();
  return port1;
}
