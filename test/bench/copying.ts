/**
 * `npm run bench`: a hot backup beside copying without a look, in the same run, and the memory it takes. Needs Berkeley DB
 * 5.3. BENCH_MEGABYTES sets the size of the environment (default 1024 and some).
 */

import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, describeMachine, report, reportRatio, run, time } from './measure.ts';

const directory = benchDirectory();
const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const printMemory = pathToFileURL(path.join(import.meta.dirname, 'print-memory.mjs')).href;

const megabytes = Number(process.env.BENCH_MEGABYTES ?? 1024);
const home = makeEnvironment(megabytes);
const bytes = sizeOf(home);

console.log(describeMachine());
console.log(`environment of ${(bytes / 1e6).toFixed(0)} MB, half of its pages with checksums`);

// Both end with everything on the disk.
const hot = await time(() => {
  takeHot(home);
}, forget);
report('hot', bytes, hot);
const plain = await time(copyPlainly, forget);
report('  cp, sync and sha256sum', bytes, plain);
reportRatio(hot, plain);
const native = await time(
  () => {
    run('db5.3_hotbackup', ['-h', home, '-b', target('native')]);
  },
  () => {
    forget();
    fs.mkdirSync(target('native'));
  },
);
report('  db5.3_hotbackup, which neither syncs nor looks', bytes, native);
reportRatio(hot, native);

const small = makeEnvironment(megabytes / 8);
for (const [what, from] of [
  ['', home],
  [', with an eighth of it', small],
] as const) {
  forget();
  console.log(`peak memory of hot${what}: ${takeHot(from) >> 10} MiB`);
}

function makeEnvironment(size: number): string {
  const made = path.join(directory, `environment${size}`);
  fs.mkdirSync(made);
  run(nativeProgram('fill'), ['--home', made, '--megabytes', String(size)]);
  return made;
}

function target(name: string): string {
  return path.join(directory, name);
}

function forget(): void {
  for (const name of ['repository', 'copy', 'native']) fs.rmSync(target(name), { recursive: true, force: true });
}

/** Returns the most memory it had, in KiB. */
function takeHot(from: string): number {
  const stderr = run(process.execPath, [program, 'hot', '--quiet', '--home', from, '--repo', target('repository')], {
    ...process.env,
    NODE_OPTIONS: `--import=${printMemory}`,
  });
  return Number(/^peak (\d+)$/m.exec(stderr)![1]);
}

function copyPlainly(): void {
  run('cp', ['-r', home, target('copy')]);
  run('sync', names(target('copy')));
  run('sha256sum', names(target('copy')));
}

function names(of: string): string[] {
  return fs.readdirSync(of).map((name) => path.join(of, name));
}

function sizeOf(of: string): number {
  return names(of)
    .filter((name) => !path.basename(name).startsWith('__db.'))
    .reduce((sum, name) => sum + fs.statSync(name).size, 0);
}
