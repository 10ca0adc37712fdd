import { Worker } from 'node:worker_threads';

/** Starts the module of the thread. It lies beside the program, of which this one is a part somewhere below. */
export function startReader(workerData: object): Worker {
  const here = import.meta.url;
  return new Worker(new URL(placeFrom(here), here), { workerData });
}

function placeFrom(here: string): string {
  if (here.includes('/chunks/')) return '../store-reader.js';
  // Run from the source, it is that of the last bundle.
  return here.endsWith('.ts') ? '../../../dist/store-reader.js' : '../../store-reader.js';
}
