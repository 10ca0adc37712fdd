import { setImmediate } from 'node:timers/promises';
import { FigaroError } from '../errors.ts';
import { largestUnit, type Pace } from './pace.ts';

/** What a long piece of work tells the outside, and how it is told to stop. */
export interface Watch {
  /** Called now and then: what is being done, and how far it is. */
  readonly onProgress?: (progress: Progress) => void;
  /** Aborted when the run has to stop. */
  readonly signal?: AbortSignal;
  /** How fast files of pages may be read; as fast as possible without. */
  readonly pace?: Pace;
  /** All that there is to do, where that is known beforehand. */
  readonly plan?: Plan;
  /** Where too much goes on beside the work that is watched: what to wait for before it goes on. */
  readonly room?: () => Promise<void> | undefined;
}

/** Roughly how much a run reads, over all its phases. In bytes. */
export interface Plan {
  done: number;
  readonly total: number;
}

/** How far a piece of work is. */
export interface Progress {
  /** A phase in words, `copy docs.dbxml`. */
  readonly phase: string;
  /** Bytes done, and to do where that is known. */
  readonly done?: number;
  readonly total?: number;
  /** Bytes done since the last call, where they are not among the paced ones. */
  readonly step?: number;
  /** The phase as a part of everything. */
  readonly plan?: Plan;
}

const periodMs = 40;
let lastPause = 0;
/** By who watches: each phase is told, however short it is, so that they come in the same order each time. */
const lastPhases = new WeakMap<NonNullable<Watch['onProgress']>, string>();

/**
 * Lets signals, timers and the terminal have their turn, at most every few milliseconds: call it freely in loops. Each new phase
 * is told at once.
 * Throws `interrupted` when the run has to stop.
 *
 * @param bytes what was read since the last call: with a `pace`, it takes its time
 */
export async function pause(watch: Watch, progress?: Progress, bytes = 0): Promise<void> {
  const { plan } = watch;
  if (plan) plan.done += progress?.step ?? bytes;
  if (bytes > 0) await watch.pace?.take(bytes, () => throwIfStopped(watch));
  const room = watch.room?.();
  if (room) await room;
  const now = performance.now();
  const isDue = now - lastPause >= periodMs;
  if (progress && watch.onProgress && (isDue || lastPhases.get(watch.onProgress) !== progress.phase)) {
    lastPhases.set(watch.onProgress, progress.phase);
    watch.onProgress(plan ? { ...progress, plan } : progress);
  }
  if (!isDue) return;
  lastPause = now;
  await setImmediate();
  throwIfStopped(watch);
}

/** How much of a file to read at a time, in bytes. */
export function unitOf({ pace }: Watch): number {
  return pace?.unit ?? largestUnit;
}

/** Throws `interrupted` when the run has to stop. */
export function throwIfStopped(watch: Watch): void {
  if (watch.signal?.aborted) throw interruption(watch.signal);
}

/** What work ends with that an aborted signal stops. */
export function interruption(signal: AbortSignal): FigaroError {
  return new FigaroError('interrupted', 'stopped before it was finished', { cause: signal.reason });
}
