/** A shell command of the operator, which never runs longer than it may. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration } from '../../measures.ts';

interface ShellOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Aborted when the command has to be stopped. */
  readonly signal?: AbortSignal | undefined;
}

/** How long processes have to end by themselves when they are told to. */
const graceMs = 5000;
/** How long a killed process may take to be gone: one of another user cannot be killed. */
const goneMs = 1000;
const longestTimerMs = 2 ** 31 - 1;

/**
 * Runs a command with `sh -c`, on Windows with `cmd /c`. Returns what went wrong, as the end of a sentence; undefined
 * when the command ended with 0.
 *
 * What it prints goes to our stderr. It has a process group of its own, so that it can be stopped with all it started,
 * and a Ctrl-C that is meant for us does not reach it. What it leaves running when it ends by itself goes on.
 */
export async function runShell(command: string, options: ShellOptions): Promise<string | undefined> {
  let child: ChildProcess;
  try {
    child = spawn(command, {
      shell: true,
      env: options.env,
      stdio: ['ignore', 2, 2],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
  } catch (error) {
    return `could not be started: ${(error as Error).message}`;
  }
  const ended = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (status, signal) => resolve(problemOf(status, signal)));
  });
  const over = new AbortController();
  const timeout = sleep(Math.min(options.timeoutMs, longestTimerMs), 'timeout' as const, { signal: over.signal });
  try {
    const first = await Promise.race([
      ended.then(() => 'ended' as const),
      timeout,
      aborted(options.signal, over.signal),
    ]);
    if (first === 'ended') return await ended;
    const isGone = await stop(child, ended);
    const why = first === 'timeout' ? `took longer than ${formatDuration(options.timeoutMs)}` : 'was interrupted';
    return isGone ? `${why} and was stopped` : `${why} and could not be stopped`;
  } finally {
    timeout.catch(() => {});
    over.abort();
  }
}

function problemOf(status: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (signal) return `was ended by ${signal}`;
  return status === 0 ? undefined : `ended with exit status ${status}`;
}

/** Resolves when `signal` is aborted; never when there is none. Listens no longer than until `over`. */
async function aborted(signal: AbortSignal | undefined, over: AbortSignal): Promise<'aborted'> {
  if (!signal) return await new Promise(() => {});
  if (!signal.aborted) await once(signal, 'abort', { signal: over }).catch(() => {});
  return 'aborted';
}

/** Ends a command and all it started. Returns false when it cannot be ended: `sudo` runs things as another user. */
async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<boolean> {
  const { pid } = child;
  if (pid === undefined) return true;
  if (process.platform === 'win32') {
    await endTree(pid);
  } else {
    signalGroup(pid, 'SIGTERM');
    const end = performance.now() + graceMs;
    while (signalGroup(pid, 0) && performance.now() < end) await sleep(20);
    signalGroup(pid, 'SIGKILL');
  }
  const isGone = await Promise.race([ended.then(() => true), sleep(goneMs, false)]);
  if (!isGone) child.unref();
  return isGone;
}

/** Ends a process of Windows, and those that it started: there are no groups. Nobody is asked whether that is convenient. */
async function endTree(pid: number): Promise<void> {
  // By its path: a program of that name where this runs is another one.
  const program = path.win32.join(process.env['SystemRoot'] ?? String.raw`C:\Windows`, 'System32', 'taskkill.exe');
  const killer = spawn(program, ['/pid', String(pid), '/t', '/f'], { stdio: 'ignore', windowsHide: true });
  await once(killer, 'exit', { signal: AbortSignal.timeout(graceMs) }).catch(() => {});
}

/** Returns whether anybody is left in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
