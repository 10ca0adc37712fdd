/**
 * One writer at a time in a store, which knows no locks: each run writes an object that is its own, then looks whether there are
 * others. Who sees another one that lives steps back, so of two at most one goes on; that neither does is a matter of
 * chance, and of trying again. What lives is told by the clock of the store, which wrote the times of all of them.
 */

import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { FigaroError } from '../../errors.ts';
import { formatDuration, formatTime } from '../../measures.ts';
import { doubtMs, expiryMs, trustedMs } from '../lease.ts';
import { describeThisProcess, isAlive, parseOwner, type Owner } from '../owner.ts';
import { throwIfStopped, type Watch } from '../pause.ts';
import { bytesAsSource } from '../store/object-source.ts';
import { type Store, type StoredObject } from '../store/store.ts';
import { type OpenedStore } from '../store/stores.ts';
import { locksPrefix } from './objects.ts';

type Stores = Pick<OpenedStore, 'store' | 'ending'>;

/** How often a run shows that it lives, in ms. */
const beatMs = 60_000;

/** How long to wait before another look at most, in ms: by chance, so that two that step back do not meet again. */
const longestWaitMs = 3000;
/** For how long two that began at once may go on stepping back, in ms. */
const meetingMs = 3 * longestWaitMs;

/** In bytes. */
const limit = 4096;

export interface StoreLock {
  /** Looks whether this run still has the lock. Throws `busy` when another one may have taken over. To be asked before anything is made to last. Asks by `by` when there is one. */
  confirm(by?: Store): Promise<void>;
  release(): Promise<void>;
}

/** Another run's lock. */
interface Other {
  readonly object: StoredObject;
  /** Undefined where it does not say, or these keys may not read it. */
  readonly owner: Owner | undefined;
  /** For how long it has shown no sign of life, by the clock of the store. In ms. */
  readonly silentMs: () => number;
}

interface StoreLockOptions {
  readonly lockWaitMs?: number;
  readonly watch?: Watch;
  /** The store as it is released by. */
  readonly ending?: Store;
}

/** Takes the lock of a store. Throws `busy` when another run does not finish in time. */
export async function lockStore(
  store: Store,
  { lockWaitMs = 0, watch = {}, ending = store }: StoreLockOptions = {},
): Promise<StoreLock> {
  const began = performance.now();
  const name = `${locksPrefix}${randomBytes(8).toString('hex')}.json`;
  const contents = Buffer.from(describeThisProcess());
  for (;;) {
    const at = now();
    const others = await tryLock({ store, ending }, name, contents);
    if (others.length === 0) return new HeldLock({ store, ending }, name, contents, at);
    // Two that begin in one moment both step back: for a while each of them tries again.
    const patienceMs = others.some(isYoung) ? Math.max(lockWaitMs, meetingMs) : lockWaitMs;
    if (performance.now() - began >= patienceMs) throw busy(store, others[0]!);
    watch.onProgress?.({ phase: 'wait for another run' });
    await setTimeout(Math.random() * longestWaitMs);
    throwIfStopped(watch);
  }
}

function isYoung({ owner, silentMs }: Other): boolean {
  return (owner ? Math.abs(Date.now() - Date.parse(owner.since)) : silentMs()) < meetingMs;
}

/** Returns the runs that keep this one from having the lock: none when it has it. */
async function tryLock({ store, ending }: Stores, name: string, contents: Uint8Array): Promise<readonly Other[]> {
  await store.write(name, bytesAsSource(contents));
  try {
    const others = await findOthers(store, name);
    if (others.length > 0) await end(ending, name);
    return others;
  } catch (error) {
    await end(ending, name).catch(() => undefined);
    throw error;
  }
}

/** Whoever may not remove anything can still say that it is over. */
async function end(ending: Store, name: string): Promise<void> {
  try {
    await ending.remove([name]);
  } catch {
    await ending.write(name, bytesAsSource(new Uint8Array(0)));
  }
}

/** The other runs that live. What others left is removed. */
async function findOthers(store: Store, name: string): Promise<readonly Other[]> {
  const { locks, mine } = await listWith(store, name);
  const living: Other[] = [];
  const over: string[] = [];
  for (const object of locks) {
    if (object.name === name) continue;
    const silentMs = (): number => mine.changedMs - object.changedMs;
    // Nothing is in one whose run could not remove it.
    const owner = object.size > 0 ? await ownerOf(store, object) : undefined;
    const lives = object.size > 0 && (owner ? isAlive(owner, silentMs) : silentMs() < expiryMs);
    if (lives) living.push({ object, owner, silentMs });
    else over.push(object.name);
  }
  // What cannot be removed is over all the same.
  if (over.length > 0) await store.remove(over).catch(() => undefined);
  return living;
}

/** All locks. Some stores list what was written a moment later only. */
async function listWith(
  store: Store,
  name: string,
): Promise<{ readonly locks: readonly StoredObject[]; readonly mine: StoredObject }> {
  for (let i = 0; i < 10; i++) {
    const locks = await store.list(locksPrefix);
    const mine = locks.find((object) => object.name === name);
    if (mine) return { locks, mine };
    await setTimeout(500);
  }
  throw new FigaroError('io', `${store.place} does not list what was just written to it`, { path: name });
}

async function ownerOf(store: Store, object: StoredObject): Promise<Owner | undefined> {
  const bytes = await readLock(store, object);
  return bytes && parseOwner(Buffer.from(bytes).toString('utf8'));
}

/** What a lock says; undefined where it is gone, and nothing where these keys may not read it: its age, which is listed, has to tell. */
async function readLock(store: Store, { name }: StoredObject): Promise<Uint8Array | undefined> {
  try {
    return await store.read(name, { start: 0, length: limit });
  } catch (error) {
    if (error instanceof FigaroError && error.code === 'not-permitted') return new Uint8Array(0);
    throw error;
  }
}

/** The runs that write to a store, for those who only look: the one with the newest sign of life, by the clock of the store. */
export async function seeWriter(
  store: Store,
): Promise<{ readonly contents: Uint8Array; readonly changedMs: number } | undefined> {
  const newest = (await store.list(locksPrefix))
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.changedMs - a.changedMs)[0];
  const contents = newest && (await readLock(store, newest));
  return contents && { contents, changedMs: newest.changedMs };
}

function busy(store: Store, { object, owner }: Other): FigaroError {
  const who = owner ? ` by process ${owner.pid} on ${owner.host} since ${formatTime(owner.since)}` : '';
  return new FigaroError('busy', `${store.place} is being written to${who}`, {
    path: object.name,
    hint: `with --lock-wait 15m, this run waits for it. A run on another machine that was killed counts as over when it showed no sign of life for ${formatDuration(expiryMs)}.`,
  });
}

class HeldLock implements StoreLock {
  readonly #store: Store;
  readonly #ending: Store;
  readonly #name: string;
  readonly #contents: Uint8Array;
  readonly #timer: NodeJS.Timeout;
  #confirmed: readonly number[];
  #beating: Promise<void> | undefined;

  /** `at` is before it was written, as `now` tells. */
  constructor({ store, ending }: Stores, name: string, contents: Uint8Array, at: readonly number[]) {
    this.#store = store;
    this.#ending = ending;
    this.#name = name;
    this.#contents = contents;
    this.#confirmed = at;
    // Whatever it is that fails, it is told when something is about to be made to last.
    this.#timer = setInterval(() => void this.#beat().catch(() => undefined), beatMs);
    this.#timer.unref();
  }

  async confirm(by?: Store): Promise<void> {
    const isFresh = now().every((at, i) => at >= this.#confirmed[i]! && at - this.#confirmed[i]! < trustedMs);
    if (isFresh) return;
    await (by ? this.#renew(by) : this.#beat());
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating?.catch(() => undefined);
    await end(this.#ending, this.#name).catch(() => undefined);
  }

  async #beat(): Promise<void> {
    this.#beating ??= this.#renew(this.#store).finally(() => {
      this.#beating = undefined;
    });
    await this.#beating;
  }

  async #renew(store: Store): Promise<void> {
    const at = now();
    const before = this.#confirmed;
    const silentMs = (then: readonly number[]): number => Math.max(...then.map((each, i) => each - before[i]!));
    const locks = await store.list(this.#name);
    // Nobody takes over while it is not old enough; who may be about to would find a lock that lives again.
    if (locks.length === 0 || silentMs(at) >= doubtMs) throw this.#lost();
    await store.write(this.#name, bytesAsSource(this.#contents));
    // It may have taken so long that another run took over before, and this lock is there again beside that one's.
    if (silentMs(now()) >= expiryMs) throw this.#lost();
    this.#confirmed = at;
  }

  #lost(): FigaroError {
    return new FigaroError('busy', `${this.#store.place} was taken over by another run while this one stood still`, {
      path: this.#name,
      hint: 'this run changed nothing from then on. Run the same command again.',
    });
  }
}

/** A clock may stand still while the machine sleeps, or be set: only two that agree are believed. */
function now(): readonly number[] {
  return [performance.now(), Date.now()];
}
