/** Trying again, for what goes wrong between machines. */

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { formatDuration } from '../../measures.ts';
import { requireAmounts } from '../given.ts';
import { interruption, throwIfStopped } from '../pause.ts';
import { type ObjectSource, type Range, type Store } from './store.ts';
import { Unreachable } from './unreachable.ts';

export interface RetryOptions {
  /** For how long an operation, or a step of a large one, is tried again. In ms. */
  readonly budgetMs?: number;
  /** Aborted when the run has to stop: nothing is waited for any more. */
  readonly signal?: AbortSignal;
  /** Told before each wait. */
  readonly onRetry?: (retry: Retry) => void;
  /** In ms. */
  readonly now?: () => number;
  readonly sleep?: (ms: number) => Promise<unknown>;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

export interface Retry {
  readonly error: Unreachable;
  readonly waitMs: number;
}

/** Does something until it succeeds, or fails otherwise than with `Unreachable`. */
export type Again = <T>(attempt: (isFirst: boolean) => Promise<T>) => Promise<T>;

const defaultBudgetMs = 3 * 60_000;
const firstWaitMs = 500;
const longestWaitMs = 20_000;

/**
 * A store that tries again what failed with `store-unreachable`, later and later, until that succeeds or the budget is used up; then that
 * failure is the answer. All other failures are, at once. Throws `interrupted` when the signal is aborted, and waits for nothing then.
 */
export function withRetries(store: Store, options: RetryOptions = {}): Store {
  const again = retries(options);
  return {
    place: store.place,
    list: (prefix) => again(() => store.list(prefix)),
    read: (name: string, range?: Range) => again(() => store.read(name, range)),
    write: (name: string, source: ObjectSource) => again(() => store.write(name, source)),
    create: (name, bytes) =>
      again(async (isFirst) => (await store.create(name, bytes)) || (!isFirst && (await isThere(store, name, bytes)))),
    remove: (names) => again(() => store.remove(names)),
    ...(store.sweep ? { sweep: (olderThanMs: number) => again(() => store.sweep!(olderThanMs)) } : {}),
    close: () => store.close(),
  };
}

/** For the steps of a larger piece of work, as `withRetries` does it for whole operations; it does not try again what was tried here. */
export function retries(options: RetryOptions): Again {
  requireAmounts({ budgetMs: options.budgetMs });
  return (attempt) => unlessStopped(options, () => retrying(attempt, options));
}

/** Whether it was an earlier try, whose answer was lost, that took the name. */
async function isThere(store: Store, name: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const found = await store.read(name, { start: 0, length: bytes.length + 1 });
    return found !== undefined && Buffer.compare(found, bytes) === 0;
  } catch (error) {
    if (!(error instanceof FigaroError) || error.code !== 'not-permitted') throw error;
    const listed = (await store.list(name)).find((object) => object.name === name);
    if (listed?.size !== bytes.length) return false;
    // That of other bytes may be the MD5 of something else: of what the store has encrypted.
    if (listed.tag === createHash('md5').update(bytes).digest('hex')) return true;
    throw error;
  }
}

async function retrying<T>(attempt: (isFirst: boolean) => Promise<T>, options: RetryOptions): Promise<T> {
  const { budgetMs = defaultBudgetMs, now = () => performance.now(), random = Math.random, onRetry } = options;
  const { signal, sleep = (ms: number) => setTimeout(ms, undefined, signal ? { signal } : {}) } = options;
  const began = now();
  for (let tries = 0; ; tries++) {
    throwIfStopped(options);
    try {
      return await attempt(tries === 0);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      const { retryAfterMs } = error.details;
      const spentMs = now() - began;
      const leftMs = budgetMs - spentMs;
      if (leftMs <= (retryAfterMs ?? 0)) throw givenUp(error, spentMs);
      const waitMs = retryAfterMs ?? Math.min(leftMs, backoffMs(tries, random()));
      onRetry?.({ error, waitMs });
      await sleep(waitMs);
    }
  }
}

/** Twice as long each time, and somewhere between half of that and all: many that failed at once do not come back at once. */
function backoffMs(tries: number, random: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** tries) * (0.5 + random / 2);
}

function givenUp(error: Unreachable, spentMs: number): FigaroError {
  const { retryAfterMs, hint = 'are the network and the store up? Run the same command again later.' } = error.details;
  const later = retryAfterMs === undefined ? '' : `, which wants to be asked again in ${formatDuration(retryAfterMs)}`;
  const text = `${error.message}${later} (tried for ${formatDuration(spentMs)})`;
  return new FigaroError('store-unreachable', text, { hint, cause: error });
}

/** Does not wait for work any more once the signal is aborted. */
async function unlessStopped<T>({ signal }: RetryOptions, work: () => Promise<T>): Promise<T> {
  if (!signal) return await work();
  const listening = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(interruption(signal)), { signal: listening.signal });
  });
  try {
    return await Promise.race([work(), stopped]);
  } finally {
    listening.abort();
  }
}
