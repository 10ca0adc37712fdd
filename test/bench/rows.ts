/** Rows of a table: what a command costs, beside a peer that does the same in the same run, and how that grows. */

import { spawnSync } from 'node:child_process';
import { describeMachine } from './measure.ts';

/** How many pairs of runs; the best of each counts, since other work on the machine only ever adds. */
const pairs = Number(process.env.BENCH_PAIRS ?? 3);

/** Makes everything smaller or larger: `BENCH_SCALE=0.1 npm run bench`. */
export const scale = Number(process.env.BENCH_SCALE ?? 1);

/** What a process and those that it starts take. */
export interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Whether or not they were in memory. */
  readonly megabytesRead: number;
}

export interface Row {
  readonly what: string;
  /** Size of the work in one word or two. */
  readonly size: string;
  readonly ours: Cost;
  readonly peer?: Cost | undefined;
  /** Of CPU time over size: 1 is linear. Undefined for a row without a smaller one. */
  readonly exponent?: number | undefined;
}

/** Runs a program, which has to succeed. */
export function costOf(program: string, options: readonly string[]): Cost {
  // A shell has the times and the I/O of what it waited for.
  const script = '"$@" >/dev/null || exit 1; times; cat /proc/$$/io';
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', program, ...options], {
    encoding: 'utf8',
  });
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(`${program} ${options.join(' ')}: ${stderr}`);
  const [, children = ''] = stdout.split('\n');
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, rest]) => 60 * Number(minutes) + Number(rest),
  );
  const read = Number(/^rchar: (\d+)$/m.exec(stdout)?.[1]);
  return { seconds, cpuSeconds: cpu.reduce((a, b) => a + b, 0), megabytesRead: read / 1e6 };
}

/** The best of several runs of two in alternation, each of them first in turn. `prepare` goes before every run. */
export function inAlternation(ours: () => Cost, peer: () => Cost, prepare: () => void): { ours: Cost; peer: Cost } {
  const costs = { ours: [] as Cost[], peer: [] as Cost[] };
  const runs = [
    ['ours', ours],
    ['peer', peer],
  ] as const;
  for (let i = 0; i < pairs; i++) {
    for (const [name, run] of i % 2 === 0 ? runs : runs.toReversed()) {
      prepare();
      costs[name].push(run());
    }
  }
  return { ours: best(costs.ours), peer: best(costs.peer) };
}

function best(costs: readonly Cost[]): Cost {
  const least = (of: (cost: Cost) => number): number => Math.min(...costs.map(of));
  return {
    seconds: least((cost) => cost.seconds),
    cpuSeconds: least((cost) => cost.cpuSeconds),
    megabytesRead: least((cost) => cost.megabytesRead),
  };
}

/** By which power of the size the CPU time of a command grows, the start of the program apart. */
export function exponentOf(smaller: Cost, larger: Cost, factor: number, start: Cost): number {
  const own = ({ cpuSeconds }: Cost): number => Math.max(0.01, cpuSeconds - start.cpuSeconds);
  return Math.log(own(larger) / own(smaller)) / Math.log(factor);
}

/** Prints rows as a table of Markdown; a ratio above 1 says that ours is slower, or reads more. */
export function printRows(title: string, rows: readonly Row[]): void {
  console.log(`\n${title} (${describeMachine()}, scale ${scale})\n`);
  console.log('| work | size | s | CPU s | MB read | s of the peer | ratio of s | of CPU | of MB read | exponent |');
  console.log('|---|---|---|---|---|---|---|---|---|---|');
  for (const { what, size, ours, peer, exponent } of rows) {
    const ratio = (of: (cost: Cost) => number): string => (peer ? (of(ours) / of(peer)).toFixed(2) : '');
    const cells = [
      what,
      size,
      ours.seconds.toFixed(2),
      ours.cpuSeconds.toFixed(2),
      ours.megabytesRead.toFixed(0),
      peer?.seconds.toFixed(2) ?? '',
      ratio(({ seconds }) => seconds),
      ratio(({ cpuSeconds }) => cpuSeconds),
      ratio(({ megabytesRead }) => megabytesRead),
      exponent?.toFixed(2) ?? '',
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
