/** What the benchmarks share. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const rounds = 5;

/** A directory that is gone when the benchmark ends. */
export function benchDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-bench-'));
  process.once('exit', () => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function describeMachine(): string {
  return `node ${process.version}, ${os.cpus().length} cores`;
}

/** The least of several rounds, in ms: other work on the machine only ever adds. */
export async function time(work: () => void | Promise<void>, prepare = (): void => {}): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < rounds; i++) {
    prepare();
    const start = performance.now();
    await work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Runs a program, which has to succeed; returns what it wrote to stderr. */
export function run(program: string, options: readonly string[], env = process.env): string {
  const { status, stderr } = spawnSync(program, options, {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  return stderr;
}

/** A line: what, how fast for so many bytes, and how long it took. */
export function report(what: string, bytes: number, ms: number): void {
  console.log(`${what}: ${(bytes / 1e3 / ms).toFixed(0)} MB/s (${(ms / 1000).toFixed(2)} s)`);
}

/** How many times faster than a peer. */
export function reportRatio(oursMs: number, peerMs: number): void {
  console.log(`  ratio: ${(peerMs / oursMs).toFixed(2)} (more than 1: ours is faster)`);
}
