/** Repositories as they are after some weeks, by their manifests and notes alone: the files of the sets are not there. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { encodeHead } from '../src/engine/repository/head.ts';
import { encodeManifest, manifestFormat, type Manifest, type SetKind } from '../src/engine/repository/manifest.ts';
import { stampOf } from '../src/engine/repository/repository.ts';
import { programVersion } from '../src/engine/version.ts';

const hour = 3_600_000;
const day = 24 * hour;
const mebibyte = 1 << 20;

/** A set that is to be made up. */
export interface MadeUpSet {
  readonly kind: SetKind;
  readonly finished: Date;
  readonly bytes: number;
  /** Commits that it adds to its chain; none of an environment without a log. */
  readonly commits?: number;
  /** More of its manifest, or other than usual. */
  readonly manifest?: Partial<Manifest>;
}

/** Writes sets into a repository, one after the other, each incremental one to the chain before it. */
export class MadeUpRepository {
  readonly directory: string;
  readonly #source: string;
  #chain = '';
  #parent = '';
  #first: Date | undefined;
  #last: Date | undefined;
  #commits = 0;
  #made = 0;

  constructor(directory: string, source: string) {
    this.directory = directory;
    this.#source = source;
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'repository.json'), encodeHead({ id: '0ffa32884d4ca5a2' }));
  }

  /** Returns the id of the set. */
  add({ kind, finished, bytes, commits, manifest = {} }: MadeUpSet): string {
    const started = new Date(finished.getTime() - 40_000);
    this.#made += 1;
    const id = `${stampOf(started)}-${kind}-${this.#made.toString(16).padStart(6, '0')}`;
    if (kind !== 'incremental') {
      this.#chain = id;
      // Its log reaches back to the chain before it, unless that ended long ago.
      const isNear = this.#last && started.getTime() - this.#last.getTime() < 12 * hour;
      this.#first = isNear ? this.#last : new Date(started.getTime() - hour);
      this.#commits = 0;
    }
    this.#commits += commits ?? 0;
    this.#last = new Date(started.getTime() - 60_000);
    const commitAt = (time: Date | undefined): object => ({
      lsn: { file: this.#made, offset: 4096 },
      time: Math.floor((time ?? started).getTime() / 1000),
    });
    const full: Manifest = {
      format: manifestFormat,
      program: programVersion,
      id,
      kind,
      parent: kind === 'incremental' ? this.#parent : undefined,
      chain: this.#chain,
      source: this.#source,
      host: 'app1',
      started: started.toISOString(),
      finished: finished.toISOString(),
      dataDirectories: [],
      logDirectory: undefined,
      files: [
        { path: 'orders.dbxml', kind: 'database', size: bytes, sha256: '0'.repeat(64), mode: 0o640, modifiedMs: 0 },
      ],
      leftOut: [],
      warnings: [],
      log:
        commits === undefined
          ? undefined
          : ({
              version: 19,
              firstFile: 1,
              lastFile: this.#made,
              end: { file: this.#made, offset: 8192 },
              lastRecord: { file: this.#made, offset: 8000 },
              firstCommit: commitAt(this.#first),
              lastCommit: commitAt(this.#last),
              recoveryRequired: true,
            } as Manifest['log']),
      proof: {
        records: 40 * this.#commits,
        transactionsCommitted: this.#commits,
        transactionsUndone: 0,
        changesRedone: 30 * this.#commits,
        changesUndone: 0,
        structure: 'all',
      },
      ...manifest,
    };
    mkdirSync(path.join(this.directory, id, 'environment'), { recursive: true });
    writeFileSync(path.join(this.directory, id, 'manifest.json'), encodeManifest(full));
    this.#parent = id;
    return id;
  }

  /** Notes that a set was verified. */
  check(id: string, time: Date, { findings = 0, rehearsed = false } = {}): void {
    const check = { time: time.toISOString(), program: programVersion, findings, rehearsed };
    writeFileSync(path.join(this.directory, id, 'checks.jsonl'), `${JSON.stringify(check)}\n`);
  }

  /** Keeps the chain of a full set. */
  pin(id: string, note: string, time: Date): void {
    writeFileSync(path.join(this.directory, id, 'pin.json'), JSON.stringify({ time: time.toISOString(), note }));
  }
}

/** How busy an application is: by day, on working days. */
function busy(time: Date): number {
  const isWeekend = time.getUTCDay() % 6 === 0;
  const byHour = Math.max(0.05, Math.sin(((time.getUTCHours() - 5) / 16) * Math.PI));
  // Even, but not the same each day.
  const byDay = 0.8 + 0.4 * Math.abs(Math.sin(time.getTime() / day / 1.7));
  return byHour * byDay * (isWeekend ? 0.18 : 1);
}

/** A chain a week, an incremental set every two hours or so many, verified every night, the recovery rehearsed each week. */
export function layOrders(directory: string, now: Date, every = 2): void {
  const repository = new MadeUpRepository(directory, '/srv/orders');
  const weeks = 6;
  const start = now.getTime() - weeks * 7 * day + 9 * hour;
  for (let week = 0; week < weeks; week++) {
    const begun = start + week * 7 * day;
    const full = repository.add({
      kind: 'hot',
      finished: new Date(begun),
      bytes: (420 + 17 * week) * mebibyte,
      commits: 300,
    });
    let last = full;
    for (let at = begun + every * hour; at < Math.min(begun + 7 * day, now.getTime()); at += every * hour) {
      const finished = new Date(at);
      last = repository.add({
        kind: 'incremental',
        finished,
        bytes: Math.round(busy(finished) * 2.4 * mebibyte) + 60_000,
        commits: Math.round(busy(finished) * 900),
      });
      if (finished.getUTCHours() < every) repository.check(last, new Date(Math.min(at + 3 * hour, now.getTime())));
    }
    repository.check(full, new Date(begun + 1.5 * day), { rehearsed: true });
    if (week === 1) repository.pin(full, 'before the move to schema 12', new Date(begun + day));
  }
}

/** Nobody took a full set for days after a disk was full, and then something was found in one. */
export function layBilling(directory: string, now: Date): void {
  const repository = new MadeUpRepository(directory, '/srv/billing');
  const at = (days: number): Date => new Date(now.getTime() - days * day);
  for (const [begun, until] of [
    [30, 22],
    [17.5, 9],
    [8.8, 1.6],
  ] as const) {
    const full = repository.add({
      kind: 'hot',
      finished: at(begun),
      bytes: Math.round((95 - begun) * mebibyte),
      commits: 40,
    });
    let last = full;
    for (let days = begun - 0.25; days > until; days -= 0.25) {
      const finished = at(days);
      last = repository.add({
        kind: 'incremental',
        finished,
        bytes: Math.round(busy(finished) * 0.7 * mebibyte) + 30_000,
        commits: Math.round(busy(finished) * 210),
      });
    }
    repository.check(full, at(begun - 1), { rehearsed: begun !== 17.5 });
    if (begun === 17.5) repository.check(last, at(8.9), { findings: 2 });
  }
}

/** Without transactions there is no log: full sets alone. */
export function layArchive(directory: string, now: Date): void {
  const repository = new MadeUpRepository(directory, '/srv/archive');
  for (let week = 8; week >= 0; week--) {
    const finished = new Date(now.getTime() - week * 7 * day - 8 * hour);
    const id = repository.add({ kind: 'offline', finished, bytes: Math.round((1900 + 12 * (8 - week)) * mebibyte) });
    if (week % 2 === 0) repository.check(id, new Date(finished.getTime() + 3 * hour), { rehearsed: week === 0 });
  }
}
