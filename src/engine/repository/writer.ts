/**
 * The run that writes to a repository, as others see it. All of it is read from files that may be anybody's: it is told, and
 * decides nothing but whether what is unfinished is somebody's work.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { readableFields } from '../fields.ts';
import { isShortage } from '../files/failures.ts';
import { removeIfPossible } from '../files/durable.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type Watch } from '../pause.ts';
import { firstLine } from '../seal.ts';
import { seeLock } from './lock.ts';

/** A run that holds the lock of a repository, or did when it ended. */
export interface WriterRun {
  /** `over`: it was killed, or its machine went down. The next run that writes takes the lock over. */
  readonly state: 'in-progress' | 'over';
  /** Undefined where the lock does not say whose it is, as on a full disk; so are the next ones. */
  readonly process: number | undefined;
  readonly host: string | undefined;
  /** When it began, ISO 8601, UTC. */
  readonly since: string | undefined;
  /** What it does, or did last; undefined where it did not say. */
  readonly phase: string | undefined;
}

/** Removed with what else begins with the name of the lock (`sweepLocks`). */
const noteName = 'lock.phase';

/** One write, and nothing that could run out: all of it is overwritten each time. In bytes. */
const noteSize = 2048;
/** However it is escaped, this fits. In characters. */
const longestPhase = 200;

/** The run that writes, or that was killed while it did. Writes nothing. */
export function findWriter(files: Files, directory: string): WriterRun | undefined {
  return unlessUnreadable(() => {
    const lock = seeLock(files, directory);
    if (!lock) return undefined;
    const { pid, host, since } = lock.owner ?? {};
    return {
      state: lock.isAlive ? 'in-progress' : 'over',
      process: pid,
      host,
      since,
      phase: unlessUnreadable(() => readPhase(files, directory, lock.mark)),
    };
  });
}

/** A lock that cannot be read keeps nobody from reading sets. */
function unlessUnreadable<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FigaroError) || isShortage(error)) throw error;
    return undefined;
  }
}

/** What a killed run left says nothing of the one that took over. */
function readPhase(files: Files, directory: string, mark: string): string | undefined {
  const bytes = readOwnIfThere(files, path.join(directory, noteName), noteSize);
  const json = bytes && firstLine.open(Buffer.from(bytes).toString('utf8'));
  const note =
    json === undefined
      ? undefined
      : readableFields(json, (fields) => ({ lock: fields.string('lock'), phase: fields.string('phase') }));
  return note?.lock === mark ? note.phase.slice(0, longestPhase) : undefined;
}

/** One of many files is like the one before, and nobody looks this often. In ms. */
const alikeMs = 100;

/** The same is done to two files. */
function isAlike(phase: string, other: string): boolean {
  return phase.split(' ', 1)[0] === other.split(' ', 1)[0];
}

interface NotedPhases {
  /** Tells phases to others, too. */
  readonly watch: Watch;
  end(): void;
}

/**
 * Lets others see what a run does; of many small files, now and then one. A note that cannot be written is none: nothing depends on
 * it, so it is not synced either.
 *
 * @param mark of the lock that the run holds
 */
export function notePhases(files: Files, directory: string, mark: string, watch: Watch): NotedPhases {
  const file = path.join(directory, noteName);
  let note: OpenFile | undefined;
  let isPossible = true;
  let last = '';
  let notedAt = -Infinity;
  const attempt = (act: () => void): void => {
    try {
      if (isPossible) act();
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      isPossible = false;
    }
  };
  return {
    watch: {
      ...watch,
      onProgress(progress) {
        watch.onProgress?.(progress);
        const { phase } = progress;
        if (phase === last) return;
        const now = performance.now();
        // A phase that goes on is told again.
        if (isAlike(phase, last) && now - notedAt < alikeMs) return;
        last = phase;
        notedAt = now;
        attempt(() => {
          note ??= files.create(file);
          note.writeAt(encodeNote(mark, phase), 0);
        });
      },
    },
    end() {
      if (!note) return;
      isPossible = true;
      attempt(() => note!.close());
      removeIfPossible(files, file);
    },
  };
}

/** Sealed, so that one that is read while it is written is none. */
function encodeNote(lock: string, phase: string): Uint8Array {
  const note = Buffer.alloc(noteSize, ' ');
  note.write(firstLine.close(JSON.stringify({ lock, phase: phase.slice(0, longestPhase) })));
  return note;
}
