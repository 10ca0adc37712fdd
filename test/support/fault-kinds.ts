/** The ways in which the operating system fails a command. */

import { createHash } from 'node:crypto';
import { exitCodes } from '../../src/errors.ts';
import { changes, Killed, withFaults, type Fault, type SystemCall } from './faulty-system.ts';
import { effort } from './effort.ts';
import { figaro, type CliResult } from './run-cli.ts';

export interface FaultKind {
  readonly code: Fault;
  readonly hits: (call: SystemCall) => boolean;
  /** Everything after the first fault fails, too. */
  readonly lasting: boolean;
  readonly exitCode: number;
}

const all = (): boolean => true;
const changing = ({ name }: SystemCall): boolean => changes.has(name);
const growing = new Set(['create', 'writeSync', 'mkdirSync', 'fsync', 'fsyncSync', 'copyFile']);
const opening = new Set(['create', 'openSync', 'readdirSync', 'copyFile']);

export const faultKinds: Readonly<Record<string, FaultKind>> = {
  'fails once': { code: 'EIO', hits: all, lasting: false, exitCode: exitCodes.io },
  'fails for good': { code: 'EIO', hits: all, lasting: true, exitCode: exitCodes.io },
  'is full': {
    code: 'ENOSPC',
    hits: ({ name }) => growing.has(name),
    lasting: true,
    exitCode: exitCodes['no-space'],
  },
  'has no more descriptors': {
    code: 'EMFILE',
    hits: ({ name }) => opening.has(name),
    lasting: false,
    exitCode: exitCodes.io,
  },
  'is gone, the process killed': { code: undefined, hits: changing, lasting: true, exitCode: exitCodes.internal },
};

const someCalls = effort('FAULT_CALLS', 1, 20);

/**
 * Which of so many calls are tried: from the first one on one in so many, which FAULT_EVERY says. Where a single one is
 * tried, it is another one for each `what`.
 */
export function callsToTry(calls: number, what: string): readonly number[] {
  const { FAULT_EVERY: every } = process.env;
  const stride = every === undefined ? Math.max(1, Math.round(calls / someCalls)) : Number(every);
  const first = every === undefined && someCalls === 1 ? Math.floor(calls * placeOf(what)) : 0;
  return Array.from({ length: Math.ceil((calls - first) / stride) }, (_, i) => first + i * stride);
}

/** A number below one, the same in every run. */
function placeOf(what: string): number {
  return createHash('sha256').update(what).digest().readUInt32LE() / 2 ** 32;
}

/** How many calls each kind would hit while a command line runs without faults below `root`. */
export async function countCalls(
  root: string,
  args: readonly string[],
): Promise<{ calls: Readonly<Record<string, number>>; result: CliResult }> {
  const calls: Record<string, number> = {};
  for (const name of Object.keys(faultKinds)) calls[name] = 0;
  const decide = (call: SystemCall): Fault => {
    for (const [name, { hits }] of Object.entries(faultKinds)) if (hits(call)) calls[name]! += 1;
    return undefined;
  };
  const result = await withFaults(root, decide, async () => await figaro(args));
  return { calls, result };
}

/** Runs a command line while call `at` of those that the kind hits fails below `root`. Counts such calls. */
export async function runWithFault(
  root: string,
  args: readonly string[],
  kind: FaultKind,
  at: number,
): Promise<{ calls: number; result: CliResult }> {
  return await withFault(root, kind, at, () => figaro(args));
}

/** As `runWithFault`, for whatever runs. */
export async function withFault<T>(
  root: string,
  kind: FaultKind,
  at: number,
  run: () => Promise<T>,
): Promise<{ readonly calls: number; readonly result: T }> {
  let calls = 0;
  const decide = (call: SystemCall): Fault => {
    if (!kind.hits(call)) return undefined;
    const n = calls++;
    if (n < at || (n > at && !kind.lasting)) return undefined;
    if (kind.code === undefined) throw new Killed();
    return kind.code;
  };
  const result = await withFaults(root, decide, run);
  return { calls, result };
}
