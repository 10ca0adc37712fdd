/**
 * `npm run bench`: how long the program takes to start, beside Node.js that does nothing, in alternation. What has to be kept:
 * `--version` in twice the time of Node.js, `list` of a small repository in three times. Beside them restic, where it is installed.
 */

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { RecordedApplication } from '../../demo/application.ts';
import { benchDirectory, describeMachine, run } from './measure.ts';

const directory = benchDirectory();
const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const home = path.join(directory, 'environment');
const repo = path.join(directory, 'repository');
const rounds = 30;

new RecordedApplication(path.join(import.meta.dirname, '../../demo/environment'), home).commitUpTo([4, 72_115]);
run(process.execPath, [program, 'hot', '--home', home, '--repo', repo]);

const programs: readonly (readonly [string, ...string[]])[] = [
  [process.execPath, '-e', '0'],
  [process.execPath, program, '--version'],
  [process.execPath, program, 'list', '--repo', repo],
  ...(spawnSync('restic', ['version']).status === 0 ? [['restic', 'version'] as const] : []),
];
const times: number[][] = programs.map(() => []);
for (let i = 0; i < rounds; i++) {
  for (const [k, [name, ...options]] of programs.entries()) {
    const began = performance.now();
    run(name, options);
    times[k]!.push(performance.now() - began);
  }
}

console.log(describeMachine());
const [node] = times.map(median);
for (const [k, words] of programs.entries()) {
  const took = median(times[k]!);
  const line = words.map((word) => path.basename(word)).join(' ');
  console.log(`${line}: ${took.toFixed(0)} ms, ${(took / node!).toFixed(2)} times Node.js alone`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
