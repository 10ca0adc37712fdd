/**
 * `npm run bench`: a round of a standby when little was committed, beside one of `db5.3_hotbackup -u`, in the same run.
 * Needs Berkeley DB 5.3. BENCH_MEGABYTES sets the size of the environment (default 1024 and some).
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, describeMachine, run } from './measure.ts';

const directory = benchDirectory();
const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const home = path.join(directory, 'environment');
const standby = path.join(directory, 'standby');
const native = path.join(directory, 'native');
const rounds = 5;

fs.mkdirSync(home);
fs.mkdirSync(native);
run(nativeProgram('fill'), ['--home', home, '--megabytes', process.env.BENCH_MEGABYTES ?? '1024']);
const size = fs.readdirSync(home).reduce((sum, name) => sum + fs.statSync(path.join(home, name)).size, 0);
console.log(describeMachine());
console.log(`environment of ${(size / 1e6).toFixed(0)} MB; 200 records are put before each round`);

const follow = (): void => {
  run(process.execPath, [program, 'failover', 'follow', '--home', home, '--standby', standby, '--once', '--quiet']);
};
const hotbackup = (): void => {
  run('db5.3_hotbackup', [...(fs.readdirSync(native).length === 0 ? [] : ['-u']), '-h', home, '-b', native]);
};
follow();
hotbackup();
const ours: number[] = [];
const inside: number[] = [];
const theirs: number[] = [];
for (let i = 0; i < rounds; i++) {
  const commands = ['open new auto new.db - btree 4096', `put new auto ${i * 200} 200 100 text`, 'leave', ''].join(
    '\n',
  );
  const { stdout } = spawnSync(nativeProgram('session'), ['--home', home], { input: commands, encoding: 'utf8' });
  if (stdout !== 'ok\nok\nok\n') throw new Error(stdout);
  ours.push(secondsOf(follow));
  const state = fs.readFileSync(path.join(standby, 'standby.json'), 'utf8');
  inside.push(Number(/"durationMs": (\d+)/.exec(state)![1]) / 1000);
  theirs.push(secondsOf(hotbackup));
}
const best = (times: readonly number[]): number => Math.min(...times);
console.log(
  `failover follow --once, with the start of the program: ${best(ours).toFixed(2)} s (the round alone ${best(inside).toFixed(2)} s)`,
);
console.log(
  `db5.3_hotbackup -u: ${best(theirs).toFixed(2)} s, ${(best(theirs) / best(ours)).toFixed(1)} times as long`,
);
fs.rmSync(directory, { recursive: true });

function secondsOf(work: () => void): number {
  const began = performance.now();
  work();
  return (performance.now() - began) / 1000;
}
