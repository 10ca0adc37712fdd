/** What runs programs at times: systemd, cron, the Task Scheduler of Windows. */

import { spawnSync } from 'node:child_process';
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
  partsOf(jobs: readonly Job[]): readonly Part[];
  /** What is there at the places where this program writes such parts, by whomever. Throws where that cannot be read. */
  found(): readonly Part[];
  stateOf(part: Part): State;
  /** Makes it so, also where part of it was done before. Returns what is left to do, for warnings. */
  apply(changes: Changes): readonly string[];
}

/** Runs a tool of the system. Returns what it printed; throws `io` where it fails, unless that is expected. */
export function runTool(
  { env }: Io,
  program: string,
  args: readonly string[],
  { input = '', isFine = () => false }: { readonly input?: string; readonly isFine?: (stderr: string) => boolean } = {},
): string {
  // What it says is looked at.
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    env: { ...env, LC_ALL: 'C' },
    windowsHide: true,
  });
  if (status === 0) return stdout;
  if (!error && isFine(stderr)) return '';
  const why = error ? error.message : stderr.trim().split('\n')[0] || `it ended with ${status}`;
  throw new FigaroError('io', `${[program, ...args].join(' ')} failed: ${why}`, {
    hint: 'run the same command again when that is repaired: what was done is not done twice.',
  });
}
