import { getAsset } from 'node:sea';
import { Worker } from 'node:worker_threads';

/** In the place of `engine/store/reader-program.ts`: nothing lies beside the program, so it has the text of the thread in itself. */
export function startReader(workerData: object): Worker {
  return new Worker(getAsset('store-reader', 'utf8'), { eval: true, workerData });
}
