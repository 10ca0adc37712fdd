/**
 * `npm run bench`: reading and recovering a log, as ratios to db5.3_recover in the same run. Needs Berkeley DB 5.3.
 * BENCH_TRANSACTIONS sets the size (default 110 000: about 500 MB of log).
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { discoverEnvironment, logPaths, type Environment } from '../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../src/engine/files.ts';
import { openLog } from '../../src/engine/log/log-files.ts';
import { scanLog } from '../../src/engine/log/scan.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { nativeProgram } from '../support/native.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-bench-'));
process.once('exit', () => fs.rmSync(directory, { recursive: true, force: true }));

const home = path.join(directory, 'home');
fs.mkdirSync(home);
const transactions = process.env.BENCH_TRANSACTIONS ?? '110000';
run(nativeProgram('generate'), ['--home', home, '--transactions', transactions]);
const environment = discoverEnvironment(nodeFiles, home);
let logBytes = 0;

console.log(`node ${process.version}, ${os.cpus().length} cores`);
const scanned = await time(() => {
  logBytes = 0;
  for (const record of scan()) logBytes += record.length;
});
console.log(`log of ${(logBytes / 1e6).toFixed(0)} MB`);
report('scan with checksums', scanned);
report(
  'scan with checksums, every record decoded',
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
  report(`recover, ${what}`, ours);
  report('  with the structural check', await timeOurs(input, true));
  for (const [cache, config] of [
    ['default cache', ''],
    ['256 MB cache', 'set_cachesize 0 268435456 1\n'],
  ] as const) {
    const native = await timeNative(input, config);
    report(`  db5.3_recover -c, ${cache}`, native);
    console.log(`  ratio: ${(native / ours).toFixed(2)} (more than 1: ours is faster)`);
  }
}

function scan(): ReturnType<typeof scanLog> {
  return scanLog(nodeFiles, openLog(nodeFiles, logPaths(environment)));
}

/** Best of five, in ms: other work on the machine only ever adds. */
async function time(work: () => void | Promise<void>, prepare = (): void => {}): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 5; i++) {
    prepare();
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
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

function run(program: string, options: readonly string[]): void {
  const { status, stderr } = spawnSync(program, options, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
}

function report(what: string, ms: number): void {
  console.log(`${what}: ${(logBytes / 1e3 / ms).toFixed(0)} MB/s (${(ms / 1000).toFixed(2)} s)`);
}
