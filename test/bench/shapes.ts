/**
 * `npm run bench`: recovery of logs of many shapes and the dump of binary data, each as a whole process beside its peer's, in
 * alternation and in both orders. What counts is the processor time of both, since other work on the machine does not add to
 * it, and the most memory they had. Prints a table in Markdown. Needs Berkeley DB 5.3 and GNU time. BENCH_SCALE sets the
 * size: 1 is ten million transactions, 0.1 the default.
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, describeMachine, run } from './measure.ts';

const scale = Number(process.env.BENCH_SCALE ?? 0.1);
const directory = benchDirectory();
const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
const pairs = 3;

/** What one process took. */
interface Cost {
  readonly seconds: number;
  readonly megabytes: number;
}

interface Shape {
  readonly work: string;
  /** Options of `puts.c`. */
  readonly puts: readonly (string | number)[];
  /** What is taken from the environment that is made. */
  readonly takes: 'log' | 'all';
  /** Memory for pages, in MiB, of both; the defaults of both where it is not said. */
  readonly cache?: number;
}

const count = (n: number): number => Math.max(1, Math.round(n * scale));

const shapes: readonly Shape[] = [
  { work: `${count(1e6)} transactions of one put`, puts: ['--transactions', count(1e6)], takes: 'log' },
  { work: `${count(1e7)} transactions of one put`, puts: ['--transactions', count(1e7)], takes: 'log' },
  {
    work: `${count(1e7)} transactions of one put, one in ten taken back`,
    puts: ['--transactions', count(1e7), '--unfinished', 10],
    takes: 'log',
  },
  ...[4e5, 1e6].map((puts): Shape => ({
    work: `one open transaction of ${count(puts)} puts`,
    puts: ['--transactions', 1, '--puts', count(puts), '--open', '--bytes', 100, '--keys', 1e8],
    takes: 'all',
  })),
  {
    work: `${count(1e6)} puts into a container larger than the cache`,
    puts: ['--transactions', count(1e5), '--puts', 10, '--bytes', 250, '--keys', 1e8],
    takes: 'log',
    cache: Math.ceil(64 * scale),
  },
];

console.log(`${describeMachine()}\n`);
console.log('| work | ours, s of processor | peer | ratio | ours, MB | peer |\n|---|---|---|---|---|---|');
for (const shape of shapes) benchRecovery(shape);
benchDump();

function benchRecovery({ work, puts, takes, cache }: Shape): void {
  const home = made(puts);
  const source = path.join(directory, 'source');
  fs.mkdirSync(source);
  for (const name of fs.readdirSync(home)) {
    const isLog = name.startsWith('log.');
    if (isLog || (takes === 'all' && name === 'puts.db')) fs.renameSync(path.join(home, name), path.join(source, name));
  }
  fs.rmSync(home, { recursive: true });
  const target = path.join(directory, 'target');
  const ours = (): Cost => {
    const options = ['--from', source, '--to', target, '--no-check', '--quiet'];
    return costOf(process.execPath, [
      program,
      'recover',
      ...options,
      ...(cache === undefined ? [] : ['--cache-size', `${cache}M`]),
    ]);
  };
  // It works in place.
  const peer = (): Cost => {
    run('cp', ['-r', source, target]);
    const bytes = (cache ?? 256) * 2 ** 20;
    fs.writeFileSync(path.join(target, 'DB_CONFIG'), `set_cachesize 0 ${bytes} 1\n`);
    return costOf('db5.3_recover', ['-c', '-h', target]);
  };
  printRow(work, ours, peer, () => fs.rmSync(target, { recursive: true, force: true }));
  fs.rmSync(source, { recursive: true });
}

function benchDump(): void {
  const home = made(['--transactions', count(1e5), '--puts', 10, '--bytes', 500, '--keys', 1e8, '--binary', '--close']);
  const container = path.join(home, 'puts.db');
  const size = fs.statSync(container).size / 1e6;
  printRow(
    `dump --printable of ${size.toFixed(0)} MB of binary data`,
    () => costOf(process.execPath, [program, 'dump', '--printable', container]),
    () => costOf('db5.3_dump', ['-p', container]),
    () => {},
  );
  fs.rmSync(home, { recursive: true });
}

function made(puts: readonly (string | number)[]): string {
  const home = path.join(directory, 'home');
  fs.mkdirSync(home);
  run(nativeProgram('puts'), ['--home', home, ...puts.map(String)]);
  return home;
}

/** Runs both in alternation, each of them first half of the time, and prints the least that they took. */
function printRow(work: string, ours: () => Cost, peer: () => Cost, forget: () => void): void {
  const costs: { readonly ours: Cost[]; readonly peer: Cost[] } = { ours: [], peer: [] };
  for (let i = 0; i < pairs; i++) {
    for (const [who, measure] of i % 2 === 0
      ? ([
          ['ours', ours],
          ['peer', peer],
        ] as const)
      : ([
          ['peer', peer],
          ['ours', ours],
        ] as const)) {
      forget();
      costs[who].push(measure());
    }
  }
  forget();
  const least = (of: readonly Cost[], what: keyof Cost): number => Math.min(...of.map((cost) => cost[what]));
  const seconds = [least(costs.ours, 'seconds'), least(costs.peer, 'seconds')] as const;
  const megabytes = [least(costs.ours, 'megabytes'), least(costs.peer, 'megabytes')] as const;
  console.log(
    `| ${work} | ${seconds[0].toFixed(2)} | ${seconds[1].toFixed(2)} | ${(seconds[0] / seconds[1]).toFixed(2)} | ${megabytes[0].toFixed(0)} | ${megabytes[1].toFixed(0)} |`,
  );
}

function costOf(command: string, options: readonly string[]): Cost {
  const { status, stderr } = spawnSync('/usr/bin/time', ['-f', 'cost %U %S %M', command, ...options], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [, user, system, kilobytes] = /^cost ([\d.]+) ([\d.]+) (\d+)$/m.exec(stderr) ?? [];
  if (status !== 0 || kilobytes === undefined) throw new Error(`${command}: ${stderr}`);
  return { seconds: Number(user) + Number(system), megabytes: Number(kilobytes) / 1024 };
}
