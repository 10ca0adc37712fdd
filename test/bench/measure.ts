/** What the parts of the benchmark share: what programs cost, in alternation with their peers. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What a process and those that it starts take. */
export interface Cost {
  readonly seconds: number;
  /** Of all processors. Other work on the machine hardly adds to it. */
  readonly cpuSeconds: number;
  /** Whether or not they were in memory. */
  readonly megabytesRead: number;
  /** The most memory that one of them had. */
  readonly megabytesHeld: number;
  /** What a repository grew by, where that is measured. */
  readonly megabytesStored?: number;
}

/** What is measured beside what: `prepare` goes before every run of one of the two. */
export interface Pair {
  readonly ours: () => Cost;
  readonly peer: () => Cost;
  readonly prepare?: () => void;
}

export const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');

let root: string | undefined;

/** A new directory, which is gone when the benchmark ends. */
export function benchDirectory(): string {
  if (root === undefined) {
    const made = (root = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-bench-')));
    process.once('exit', () => fs.rmSync(made, { recursive: true, force: true }));
  }
  return fs.mkdtempSync(path.join(root, 'part-'));
}

/** The size of the files in a directory, regions apart, for people. */
export function sizeOf(directory: string): string {
  const names = fs.readdirSync(directory).filter((name) => !name.startsWith('__db.'));
  const bytes = names.reduce((sum, name) => sum + fs.statSync(path.join(directory, name)).size, 0);
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Runs a program, which has to succeed. */
export function run(name: string, options: readonly (string | number)[]): void {
  const { status, stderr } = spawnSync(name, options.map(String), {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`${name} ${options.join(' ')}: ${stderr}`);
}

/** Runs a program, which has to succeed, and tells what it took. */
export function costOf(name: string, options: readonly (string | number)[]): Cost {
  // A shell has the input of what it waited for.
  const script = '"$@" >/dev/null || exit 1; cat /proc/$$/io';
  const words = ['-f', 'cost %e %U %S %M', 'bash', '-c', script, 'bash', name, ...options.map(String)];
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name} ${options.join(' ')}: ${stderr}`);
  const [seconds, user, system, kilobytes] = /^cost ([\d.]+) ([\d.]+) ([\d.]+) (\d+)$/m
    .exec(stderr)!
    .slice(1)
    .map(Number);
  const read = Number(/^rchar: (\d+)$/m.exec(stdout)![1]);
  return {
    seconds: seconds!,
    cpuSeconds: user! + system!,
    megabytesRead: read / 1e6,
    megabytesHeld: kilobytes! / 1024,
  };
}

export function figaro(...options: readonly (string | number)[]): Cost {
  return costOf(process.execPath, [program, ...options]);
}

/** Copying, syncing and hashing what is in a directory, regions apart: what a backup cannot do without. */
export function copyPlainly(from: string, to: string): Cost {
  const copy = `mkdir ${to} && find ${from} -type f ! -name '__db.*' -exec cp -t ${to} {} +`;
  return costOf('sh', ['-c', `${copy} && sync && find ${to} -type f -exec sha256sum {} +`]);
}

/** The best of several runs of two in alternation, each of them first in turn: other work on the machine only ever adds. */
export function inAlternation({ ours, peer, prepare = () => {} }: Pair, pairs: number): { ours: Cost; peer: Cost } {
  const costs = { ours: [] as Cost[], peer: [] as Cost[] };
  const runs = [
    ['ours', ours],
    ['peer', peer],
  ] as const;
  for (let i = 0; i < pairs; i++) {
    for (const [name, measure] of i % 2 === 0 ? runs : runs.toReversed()) {
      prepare();
      costs[name].push(measure());
    }
  }
  return { ours: least(costs.ours), peer: least(costs.peer) };
}

/** The least of each. */
export function least(costs: readonly Cost[]): Cost {
  const of = (what: Exclude<keyof Cost, 'megabytesStored'>): number => Math.min(...costs.map((cost) => cost[what]));
  return {
    seconds: of('seconds'),
    cpuSeconds: of('cpuSeconds'),
    megabytesRead: of('megabytesRead'),
    megabytesHeld: of('megabytesHeld'),
  };
}

/** What two take, one after the other. */
export function sumOf(one: Cost, other: Cost): Cost {
  return {
    seconds: one.seconds + other.seconds,
    cpuSeconds: one.cpuSeconds + other.cpuSeconds,
    megabytesRead: one.megabytesRead + other.megabytesRead,
    megabytesHeld: Math.max(one.megabytesHeld, other.megabytesHeld),
  };
}

/** By which power of the size the CPU time of a command grows, the start of the program apart: 1 is linear. */
export function exponentOf(smaller: Cost, larger: Cost, factor: number, start: Cost): number {
  const own = ({ cpuSeconds }: Cost): number => Math.max(0.02, cpuSeconds - start.cpuSeconds);
  return Math.log(own(larger) / own(smaller)) / Math.log(factor);
}
