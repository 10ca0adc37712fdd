/** The thread that reads from a store for a run that waits: `engine/store/sync-reader.ts` is its other end. */

import { parentPort, workerData } from 'node:worker_threads';
import { answers, headSize, type ReaderData, type ReadFailure, type ReadRequest } from './engine/store/sync-reader.ts';
import { nodeFiles } from './engine/files/node-files.ts';
import { openLocalStore } from './engine/store/local-store.ts';
import { openStore } from './engine/store/open-store.ts';
import { isStoreUrl } from './engine/store/stores.ts';
import { ReadAhead } from './engine/store/read-ahead.ts';
import { freeMemory } from './engine/free-memory.ts';
import { FigaroError } from './errors.ts';

const { url, env, packed, shared } = workerData as ReaderData;
const head = new Int32Array(shared, 0, 2);
const store = open();
// Told when something is asked of it.
store.catch(() => undefined);

async function open(): Promise<ReadAhead> {
  const plain = isStoreUrl(url) ? await openStore(url, { env }) : openLocalStore(nodeFiles, url);
  const opened = packed ? await (await import('./engine/packed/open-packed.ts')).openPacked(plain, packed) : plain;
  return new ReadAhead(opened);
}

parentPort!.on('message', (request: ReadRequest) => void answer(request));

async function answer({ next, ...part }: ReadRequest): Promise<void> {
  try {
    const opened = await store;
    const bytes = await opened.read(part);
    if (!bytes) return give(answers.absent);
    give(answers.bytes, bytes);
    freeMemory(bytes);
    if (next) opened.begin({ name: part.name, ...next });
  } catch (error) {
    give(answers.failure, Buffer.from(JSON.stringify(describe(error))));
  }
}

function give(answer: number, bytes: Uint8Array = new Uint8Array(0)): void {
  const length = Math.min(bytes.length, shared.byteLength - headSize);
  new Uint8Array(shared, headSize, length).set(bytes.subarray(0, length));
  head[1] = length;
  Atomics.store(head, 0, answer);
  Atomics.notify(head, 0);
}

function describe(error: unknown): ReadFailure {
  if (!(error instanceof FigaroError)) return { code: 'internal', message: String(error) };
  const { hint, path } = error.details;
  return {
    code: error.code,
    message: error.message,
    ...(hint === undefined ? {} : { hint }),
    ...(path === undefined ? {} : { path }),
  };
}
