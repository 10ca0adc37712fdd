/**
 * `npm run bench`: reading and recovering a log, as ratios to db5.3_recover in the same run. Needs Berkeley DB 5.3.
 * BENCH_TRANSACTIONS sets the size (default 110 000: about 500 MB of log).
 */

import fs from 'node:fs';
import path from 'node:path';
import { discoverEnvironment } from '../../src/engine/environment/discover.ts';
import { logPaths, type Environment } from '../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { openLog } from '../../src/engine/log/log-files.ts';
import { scanLog } from '../../src/engine/log/scan.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, describeMachine, report, reportRatio, run, time } from './measure.ts';

const directory = benchDirectory();
const home = path.join(directory, 'home');
fs.mkdirSync(home);
const transactions = process.env.BENCH_TRANSACTIONS ?? '110000';
run(nativeProgram('generate'), ['--home', home, '--transactions', transactions]);
const environment = discoverEnvironment(nodeFiles, home);
let logBytes = 0;

console.log(describeMachine());
const scanned = await time(() => {
  logBytes = 0;
  for (const record of scan()) logBytes += record.length;
});
console.log(`log of ${(logBytes / 1e6).toFixed(0)} MB`);
report('scan with checksums', logBytes, scanned);
report(
  'scan with checksums, every record decoded',
  logBytes,
  await time(() => {
    for (const record of scan()) if (!record.body) throw new Error('no body');
  }),
);
for (const [what, input] of [
  ['containers and log', environment],
  ['log alone', { ...environment, files: environment.files.filter(({ kind }) => kind === 'log') }],
] as const) {
  // Native recovery does not look at the structure of what it made: compared is without.
  const ours = await timeOurs(input, false);
  report(`recover, ${what}`, logBytes, ours);
  report('  with the structural check', logBytes, await timeOurs(input, true));
  for (const [cache, config] of [
    ['default cache', ''],
    ['256 MB cache', 'set_cachesize 0 268435456 1\n'],
  ] as const) {
    const native = await timeNative(input, config);
    report(`  db5.3_recover -c, ${cache}`, logBytes, native);
    reportRatio(ours, native);
  }
}

function scan(): ReturnType<typeof scanLog> {
  return scanLog(nodeFiles, openLog(nodeFiles, logPaths(environment)));
}

/** Copy and recovery; in ms. */
async function timeOurs(input: Environment, check: boolean): Promise<number> {
  const target = path.join(directory, 'ours');
  return await time(
    async () => void (await recoverEnvironment(nodeFiles, { environment: input, target, check })),
    () => fs.rmSync(target, { recursive: true, force: true }),
  );
}

/** Copy and recovery, as ours does both; in ms. */
async function timeNative(input: Environment, config: string): Promise<number> {
  const target = path.join(directory, 'native');
  return await time(
    () => {
      for (const file of input.files) fs.copyFileSync(file.path, path.join(target, file.name));
      run('db5.3_recover', ['-c', '-h', target]);
    },
    () => {
      fs.rmSync(target, { recursive: true, force: true });
      fs.mkdirSync(target);
      if (config !== '') fs.writeFileSync(path.join(target, 'DB_CONFIG'), config);
    },
  );
}
