/**
 * `npm run bench`: what thousands of small containers and log files cost each command, beside copying, syncing and hashing
 * them, and how that grows. Needs Berkeley DB 5.3. BENCH_SCALE=1 means 10,000 containers and 6,000 log files.
 */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, run } from './measure.ts';
import { costOf, exponentOf, inAlternation, printRows, scale, type Cost, type Row } from './rows.ts';

const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
/** How much smaller the environment is that growth is told by. */
const factor = 4;

const rows: Row[] = [];
const start = figaro(['--version']);
for (const [what, containers, logs] of [
  ['containers', 10_000, 1],
  ['log files', 10, 6000],
] as const) {
  const smaller = measure(Math.ceil((containers * scale) / factor), Math.ceil((logs * scale) / factor));
  const larger = measure(Math.ceil(containers * scale), Math.ceil(logs * scale));
  const size = `${Math.ceil(Math.max(containers, logs) * scale)} ${what}`;
  for (const [command, cost] of larger.ours) {
    const exponent = exponentOf(smaller.ours.get(command)!, cost, factor, start);
    rows.push({ what: `\`${command}\``, size, ours: cost, peer: larger.peer, exponent });
  }
}
printRows('Many files, beside `cp`, `sync` and `sha256sum` of them', rows);

function figaro(options: readonly string[]): Cost {
  return costOf(process.execPath, [program, ...options]);
}

/** What each command takes for an environment of so many files, and what copying takes. */
function measure(containers: number, logs: number): { ours: Map<string, Cost>; peer: Cost } {
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  fs.mkdirSync(at('home'));
  const makeMany = (): void => {
    run(nativeProgram('many'), ['--home', at('home'), '--containers', `${containers}`, '--logs', `${logs}`]);
  };
  makeMany();
  const taken = ['--quiet', '--home', at('home'), '--repo', at('repository')];
  const forget = (): void => {
    for (const name of ['repository', 'copy']) fs.rmSync(at(name), { recursive: true, force: true });
  };
  const copyPlainly = `cp -r ${at('home')} ${at('copy')} && sync && find ${at('copy')} -type f -exec sha256sum {} +`;
  const offline = inAlternation(
    () => figaro(['offline', ...taken]),
    () => costOf('sh', ['-c', copyPlainly]),
    forget,
  );
  const hot = inAlternation(
    () => figaro(['hot', ...taken]),
    () => costOf('sh', ['-c', copyPlainly]),
    forget,
  );
  forget();
  figaro(['hot', ...taken]);
  const ours = new Map([
    ['hot', hot.ours],
    ['offline', offline.ours],
  ]);
  const repository = ['--repo', at('repository')];
  const target = at('recovered');
  for (const [command, options] of [
    ['verify', repository],
    ['incremental', taken],
    ['list', repository],
    ['show', repository],
    ['logs list', ['--home', at('home')]],
    ['recover', [...repository, '--to', target]],
  ] as const) {
    ours.set(command, figaro([...command.split(' '), ...options]));
  }
  fs.rmSync(directory, { recursive: true });
  return { ours, peer: hot.peer };
}
