/** What ends a process, and how a run goes about it. */

import { constants } from 'node:os';
import { readSystemFile, readSystemLink } from './engine/files/system-files.ts';

/** Signals of somebody who wants this to end: the second one has its usual effect, at once. */
const impatient: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGBREAK'];

/**
 * The others whose usual effect is to end a process, but for those that tell of a fault in it, and for those that Node.js itself
 * uses. These may come again by themselves: a
 * terminal that goes away sends SIGHUP twice, and SIGXCPU comes every second.
 */
const patient: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGXCPU',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
  'SIGABRT',
];

/**
 * Stops the run at the first signal, where that leaves nothing half done; the reason is its name. So does an error that nobody
 * caught; then the reason is the error.
 */
export function stopAtSignals(stop: AbortController): void {
  const hangsOn = ignoresHangup();
  for (const signal of patient.filter(isKnown)) {
    process.on(signal, () => {
      if (signal !== 'SIGHUP' || !hangsOn) stop.abort(signal);
    });
  }
  for (const signal of impatient.filter(isKnown)) {
    process.on(signal, () => {
      for (const each of impatient) process.removeAllListeners(each);
      stop.abort(signal);
    });
  }
  process.on('uncaughtException', (error) => stop.abort(error));
}

/** Ends the process at once by the signal that stopped the run, where there are such endings. Returns when it was something else. */
export function endBySignal(reason: unknown): void {
  if (process.platform === 'win32') return;
  const signal = [...patient, ...impatient].find((each) => each === reason);
  if (!signal) return;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function isKnown(signal: NodeJS.Signals): boolean {
  return signal in constants.signals;
}

/**
 * Whether this was started to outlive its terminal. Node.js forgets that SIGHUP was ignored when it was started. But nohup
 * replaces a terminal as standard input with a /dev/null that can only be written to, and what a shell ignores its children do.
 */
function ignoresHangup(): boolean {
  const mode = /^flags:\s*([0-7]+)/m.exec(readSystemFile('/proc/self/fdinfo/0'))?.[1];
  const isByNohup =
    mode !== undefined && (Number.parseInt(mode, 8) & 3) === 1 && readSystemLink('/proc/self/fd/0') === '/dev/null';
  const ignored = /^SigIgn:\s*([0-9a-f]+)/m.exec(readSystemFile(`/proc/${process.ppid}/status`))?.[1] ?? '0';
  return isByNohup || (BigInt(`0x${ignored}`) & 1n) === 1n;
}
