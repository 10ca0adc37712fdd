/** What runs programs at times: systemd, cron, the Task Scheduler of Windows. */

import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { FigaroError } from '../../errors.ts';
import { type Io } from '../context.ts';
import { type Job } from './plan.ts';
import { type State } from './seal.ts';

/** One text that it has of an environment. */
export interface Part {
  /** For people: the path of a file, the name of a task. */
  readonly place: string;
  readonly text: string;
}

export interface Changes {
  readonly write: readonly Part[];
  readonly remove: readonly Part[];
  /** What is there, or has to be, in the end. */
  readonly wanted: readonly Part[];
}

export type SchedulerName = 'systemd' | 'cron' | 'task-scheduler';

/** One of them, of one environment. */
export interface Scheduler {
  readonly name: SchedulerName;
  /** The options of `schedule` that choose it. */
  readonly options: readonly string[];
  partsOf(jobs: readonly Job[]): readonly Part[];
  /** What is there at the places where this program writes such parts, by whomever. Throws where that cannot be read. */
  found(): readonly Part[];
  stateOf(part: Part): State;
  /** What keeps it from running what it is given, as far as that can be seen: for warnings. */
  obstacles(): readonly string[];
  /** Makes it so, also where part of it was done before. Returns what is left to do, for warnings. */
  apply(changes: Changes): readonly string[];
}

interface ToolOptions {
  readonly input?: string;
  /** Whether a failure with these messages is an answer, too: that there is nothing. */
  readonly isFine?: (stderr: string) => boolean;
}

/** Runs a tool of the system. Returns what it printed; throws `io` where it fails, unless that is expected, and where it is not installed. */
export function runTool(
  io: Io,
  program: string,
  args: readonly string[],
  { input = '', isFine = () => false }: ToolOptions = {},
): string {
  const { status, stdout, stderr, error } = spawn(io, program, args, input);
  if (status === 0) return stdout;
  if (isMissing(error)) {
    throw new FigaroError('io', `there is no program ${program} here`, {
      hint: 'install it, or choose another scheduler with --with.',
    });
  }
  if (!error && isFine(stderr)) return '';
  const why = error ? error.message : stderr.trim().split('\n')[0] || `it ended with ${status}`;
  throw new FigaroError('io', `${[program, ...args].join(' ')} failed: ${why}`, {
    hint: 'run the same command again when that is repaired: what was done is not done twice.',
  });
}

/** Whether there is such a tool. It is run, with arguments that change nothing. */
export function hasTool(io: Io, program: string, args: readonly string[]): boolean {
  return !isMissing(spawn(io, program, args, '').error);
}

function spawn({ env }: Io, program: string, args: readonly string[], input: string): SpawnSyncReturns<string> {
  // What it says is looked at.
  return spawnSync(program, args, { input, encoding: 'utf8', env: { ...env, LC_ALL: 'C' }, windowsHide: true });
}

function isMissing(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'ENOENT';
}
