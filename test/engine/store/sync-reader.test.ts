import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { answers, headSize, WorkerReader } from '../../../src/engine/store/sync-reader.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';

test('what wakes a reader after the answer to the question before is no answer to this one', async () => {
  const program = path.join(temporaryDirectory(), 'reader.mjs');
  fs.writeFileSync(
    program,
    `import { parentPort, workerData } from 'node:worker_threads';
     const head = new Int32Array(workerData.shared, 0, 2);
     const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     parentPort.on('message', async ({ name }) => {
       await wait(100);
       Atomics.notify(head, 0);
       await wait(100);
       new Uint8Array(workerData.shared, ${headSize})[0] = Number(name);
       head[1] = 1;
       Atomics.store(head, 0, ${answers.bytes});
       Atomics.notify(head, 0);
     });`,
  );
  const start = (workerData: object): Worker => new Worker(pathToFileURL(program), { workerData });
  const reader = new WorkerReader({ url: '/nowhere', place: 'a store', env: {} }, start);
  for (const n of [7, 8]) expect([...reader.read(`${n}`, { start: 0, length: 1 })!]).toEqual([n]);
  await reader.close();
});
