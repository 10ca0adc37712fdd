/**
 * A process that takes the lock of a store in a directory so many times: `lock-taker.ts DIRECTORY MARK TIMES`. While it has the lock
 * it makes the file MARK, which nobody else may have made then, and says so. It keeps the last one where TIMES is 0.
 */

import fs from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { lockStore } from '../../src/engine/remote/store-lock.ts';
import { openLocalStore } from '../../src/engine/store/local-store.ts';

const [directory = '', mark = '', times = ''] = process.argv.slice(2);
const store = openLocalStore(nodeFiles, directory);

for (let left = Number(times); ; left--) {
  const lock = await lockStore(store, { lockWaitMs: 600_000 });
  fs.writeFileSync(mark, String(process.pid), { flag: 'wx' });
  console.log('locked');
  if (Number(times) === 0) await setTimeout(600_000);
  await lock.confirm();
  await setTimeout(Math.random() * 20);
  fs.rmSync(mark);
  await lock.release();
  if (left <= 1) break;
  // The other one finds it free now and then.
  await setTimeout(Math.random() * 200);
}
