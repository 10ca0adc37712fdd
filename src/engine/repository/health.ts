/** Whether a repository is as its owner would want it on the day of the disaster. Only manifests and notes are read. */

import { type ErrorCode } from '../../errors.ts';
import { formatBytes, formatDuration, formatTime } from '../../measures.ts';
import { type Files } from '../files/files.ts';
import { requireAmounts } from '../given.ts';
import { sourcesHere, type Place } from '../places.ts';
import { isUnrehearsed, listSets, type Catalog, type ListedChain, type ListedSet } from './catalog.ts';
import { checksName } from './checks.ts';
import { type Repository } from './repository.ts';
import { isInFuture } from './chain-order.ts';
import { excludedFrom, isUnsound, newerThan } from './chain.ts';
import { databasesTold, placeOf, plainId, type Manifest } from './manifest.ts';
import { goneNow } from './missing.ts';
import { notOnWindows, type NotOnWindows } from './names-on-windows.ts';
import { rehearsalOf } from './retention.ts';
import { type WriterRun } from './writer.ts';

/** What is asked of backups. */
export interface HealthRules {
  /** How old the newest proven set may be; 26 hours by default. */
  readonly maxAgeMs?: number;
  /** How long ago the last rehearsal of a recovery may be; it need not have been one without. */
  readonly maxRehearsalAgeMs?: number;
  /** How much room there has to be. */
  readonly minFreeBytes?: number;
  /** What is free where its mirror is says nothing. */
  readonly isInStore?: boolean;
  /** What is on the disk that it is on, where that is not its own directory. */
  readonly disk?: string;
}

/** A day, and some time for the backup itself. */
export const defaultMaxAgeMs = 26 * 3_600_000;

/** Something that is not as it should be; `code` as errors have it. */
export interface HealthProblem {
  readonly code: ErrorCode;
  readonly message: string;
  /** A sentence saying what to do. */
  readonly hint?: string;
}

export interface NewestSet {
  readonly set: string;
  /** When it was finished, ISO 8601. */
  readonly time: string;
  /** When an incremental last found nothing newer. */
  readonly lastLook: string | undefined;
  /** Since then, or since it was finished. */
  readonly ageMs: number;
}

/** How the backups in a repository are. */
export interface Health {
  /** The worst first; none when all is well. */
  readonly problems: readonly HealthProblem[];
  /** The newest set that was proven recoverable. */
  readonly newest: NewestSet | undefined;
  /** The sets of the newest chain whose recovery was not rehearsed when they were made, nor since. */
  readonly unrehearsed: readonly string[];
  /** Databases that the newest chain lacks, as asked with --exclude: by path. */
  readonly excluded: readonly string[];
  /** Names for which the newest chain cannot be used on Windows. No problem where it need not be. */
  readonly notOnWindows: readonly NotOnWindows[];
  /** The last commit that the newest chain can be recovered to, in seconds since 1970. */
  readonly restorableUntil: number | undefined;
  /** ISO 8601, as the next. */
  readonly lastVerified: string | undefined;
  readonly lastRehearsed: string | undefined;
  readonly chains: number;
  readonly sets: number;
  /** Orphans, damaged sets, and those that a run left unfinished. */
  readonly others: number;
  /** How many of these were left unfinished. */
  readonly leftUnfinished: number;
  /** The run that writes to the repository, or that ended without giving back its lock. */
  readonly run: WriterRun | undefined;
  readonly bytes: number;
  /** Undefined in a store: it has no end. */
  readonly freeBytes: number | undefined;
  /** The environments on this machine that sets were made of. */
  readonly sources: readonly Place[];
  /** The sets of the newest chain, in order. */
  readonly newestChain: readonly string[];
}

/** Whether backups are as they should be. Reads manifests, pins and checks only. Throws `usage`, and what keeps the repository from being read. */
export function assessHealth(files: Files, repository: Repository, rules: HealthRules = {}, now = new Date()): Health {
  const { isInStore: _isInStore, disk: _disk, ...amounts } = rules;
  requireAmounts(amounts);
  return healthOf(files, repository, listSets(files, repository), rules, now);
}

/** The same, of a repository whose sets have been read. */
export function healthOf(
  files: Files,
  repository: Repository,
  catalog: Catalog,
  rules: HealthRules,
  now: Date,
): Health {
  const { chains, orphans, broken } = catalog;
  const sets = chains.flatMap((chain) => chain.sets);
  const isProven = (listed: ListedSet): boolean => !isUnsound(listed.set) && !isUnrehearsed(listed);
  const proven = sets.findLast(isProven);
  const newest = proven && newestSet(proven, now);
  const lastRehearsed = latest(chains.map(rehearsalOf), now);
  const freeBytes = rules.isInStore === true ? undefined : files.freeSpace(rules.disk ?? repository.directory);
  return {
    problems: [
      ...damage(chains.at(-1)),
      ...damagedChecks(sets),
      ...unsound(chains.at(-1)),
      ...unchecked(chains.at(-1)),
      ...gaps(catalog),
      ...displaced(chains),
      ...vanished(catalog),
      ...misdated(sets, now),
      ...space(repository, freeBytes, rules.minFreeBytes),
      ...tooOld(
        {
          what: 'the newest proven set',
          hint: 'run `figaro-backup incremental` or `hot`, and see why the last scheduled run did not make one.',
        },
        newest && upToDateAt(newest),
        rules.maxAgeMs ?? defaultMaxAgeMs,
        now,
      ),
      ...(rules.maxRehearsalAgeMs === undefined
        ? []
        : tooOld(
            { what: 'the last rehearsal of a recovery', hint: 'run `figaro-backup verify --rehearse`.' },
            lastRehearsed,
            rules.maxRehearsalAgeMs,
            now,
          )),
    ],
    newest,
    unrehearsed: (chains.at(-1)?.sets ?? []).filter(isUnrehearsed).map(({ set }) => set.id),
    excluded: excludedFrom(chains.at(-1)?.sets.map(({ set }) => set) ?? []),
    notOnWindows: notOnWindows(chains.at(-1)?.sets.map(({ set }) => set.manifest) ?? []),
    restorableUntil: chains.at(-1)?.window?.last.time,
    lastVerified: latest(
      sets.map(({ lastCheck }) => lastCheck?.time),
      now,
    ),
    lastRehearsed,
    chains: chains.length,
    sets: sets.length,
    others: orphans.length + broken.length,
    leftUnfinished: broken.filter(({ state }) => state === 'incomplete').length,
    run: catalog.run,
    bytes: [...sets, ...orphans].reduce((sum, { bytes }) => sum + bytes, 0),
    freeBytes,
    sources: sourcesHere(
      files,
      [...sets, ...orphans].map(({ set }) => set.manifest),
    ),
    newestChain: chains.at(-1)?.sets.map(({ set }) => set.id) ?? [],
  };
}

/** A set that has everything that the source has is as new as the look that told so. */
function newestSet({ set, lastLook }: ListedSet, now: Date): NewestSet {
  const { finished: time } = set.manifest;
  const look = lastLook !== undefined && lastLook > time && !isInFuture(lastLook, now) ? lastLook : undefined;
  return { set: set.id, time, lastLook: look, ageMs: age(look ?? time, now) };
}

/** When the source is known to have had nothing that a set has not, ISO 8601. */
export function upToDateAt({ time, lastLook }: NewestSet): string {
  return lastLook ?? time;
}

/** One that is dated in the future counts only where there is no other. */
function latest(times: readonly (string | undefined)[], now: Date): string | undefined {
  const sorted = times.filter((time) => time !== undefined).sort();
  return sorted.findLast((time) => !isInFuture(time, now)) ?? sorted.at(-1);
}

/** In ms; a clock that was put back makes nothing younger than now. */
function age(time: string, now: Date): number {
  return Math.max(0, now.getTime() - Date.parse(time));
}

function damage(chain: ListedChain | undefined): HealthProblem[] {
  if (!chain) return [];
  const found = chain.sets.filter(({ lastCheck }) => (lastCheck?.findings ?? 0) > 0).map(({ set }) => set.id);
  if (found.length === 0) return [];
  return [{ code: 'not-recoverable', message: `the last verification found something wrong in ${found.join(', ')}` }];
}

/** What was found in a set is not known any more: it stands in for no other until it is verified again. */
function damagedChecks(sets: readonly ListedSet[]): HealthProblem[] {
  const damaged = sets.filter(({ hasDamagedChecks }) => hasDamagedChecks);
  return damaged.map(({ set }) => ({
    code: 'manifest-corrupt',
    message: `${checksName} of ${set.id} cannot be read, so what the last verification found is not known: run \`figaro-backup verify\``,
  }));
}

/** The newest set is of a version that did not look at structure, and no rehearsal has made up for it. */
function unchecked(chain: ListedChain | undefined): HealthProblem[] {
  const newest = chain?.sets.at(-1)!.set;
  if (!newest || rehearsalOf(chain) !== undefined) return [];
  const { proof, unread, unsound: findings } = newest.manifest;
  if (unread || findings || proof?.structure) return [];
  const message = `the structure of the databases in ${newest.id} was not checked: run \`figaro-backup verify --rehearse\``;
  return [{ code: 'stale', message }];
}

/** The source was damaged when the newest set was taken. */
function unsound(chain: ListedChain | undefined): HealthProblem[] {
  const set = chain?.sets.find((listed) => isUnsound(listed.set))?.set;
  if (!set) return [];
  const message = `${set.id} is a copy of a damaged source, marked unsound: ${set.manifest.unsound![0]!.message}`;
  return [{ code: 'not-recoverable', message }];
}

/** What is newer than the newest chain and not part of it: backups have been going nowhere since. */
function gaps({ chains, orphans, broken }: Catalog): HealthProblem[] {
  const newest = chains.at(-1);
  const chain = newest && { id: newest.id, sets: newest.sets.map(({ set }) => set) };
  const sets = [...chains.flatMap((listed) => listed.sets), ...orphans].map(({ set }) => set);
  return newerThan(chain, sets, broken).map(({ id, code, problem }) => ({ code, message: `${id} ${problem}` }));
}

/**
 * The newest chain is of another environment than those before it, and nobody said that it is to be so: it has no database in
 * common with them, and comes from elsewhere.
 */
function displaced(chains: readonly ListedChain[]): HealthProblem[] {
  const newest = chains.at(-1)?.sets[0]!.set;
  if (!newest || newest.manifest.newSource) return [];
  const first = chains.findLastIndex(({ sets: [full] }) => full!.set.manifest.newSource === true);
  const earlier = chains.slice(Math.max(0, first), -1).flatMap(({ sets }) => sets.map(({ set }) => set));
  const before = earlier.at(-1);
  const ids = new Set(
    earlier.flatMap(({ manifest }) => databasesTold(manifest)).map(({ databaseId }) => plainId(databaseId)),
  );
  const own = databasesTold(newest.manifest).map(({ databaseId }) => plainId(databaseId));
  if (!before || ids.size === 0 || own.length === 0 || own.some((id) => ids.has(id))) return [];
  const [place, former] = [placeOf(newest.manifest), placeOf(before.manifest)];
  if (place === former || isRebuiltInPlace(newest.manifest, before.manifest)) return [];
  const message = `${newest.id}, the newest chain, is of ${place}, and has no container in common with the sets of ${former} before it: if that is meant, take a full set with --new-source`;
  return [{ code: 'chain-mismatch', message }];
}

/** Containers without a log are often made anew, and containers of the other kind have a host name of their own in each run. */
function isRebuiltInPlace(one: Manifest, other: Manifest): boolean {
  return one.source === other.source && !one.log && !other.log;
}

/** Sets that are dated in the future: how old they are is not known. */
function misdated(sets: readonly ListedSet[], now: Date): HealthProblem[] {
  const wrong = sets.filter(({ set }) => isInFuture(set.manifest.finished, now));
  if (wrong.length === 0) return [];
  const { id, manifest } = wrong.at(-1)!.set;
  const more = wrong.length === 1 ? '' : `, and ${wrong.length - 1} more`;
  const message = `${id} is dated in the future, ${formatTime(manifest.finished)}${more}: a clock was or is wrong`;
  return [{ code: 'stale', message }];
}

/** Databases that are gone without the log saying so. */
function vanished({ chains }: Catalog): HealthProblem[] {
  return goneNow(chains.map(({ sets }) => ({ sets: sets.map(({ set }) => set) }))).map(({ path, chain: last }) => ({
    code: 'container-missing',
    message: `${path} is gone from the source without the log saying so; ${last} is the last chain that has it. If it was meant to go, take a full set with --accept-missing`,
  }));
}

function space({ directory }: Repository, freeBytes: number | undefined, minFreeBytes = 0): HealthProblem[] {
  if (freeBytes === undefined || freeBytes >= minFreeBytes) return [];
  return [
    {
      code: 'no-space',
      message: `${directory} has ${formatBytes(freeBytes)} free, less than ${formatBytes(minFreeBytes)}`,
      hint: 'make room there, or let `figaro-backup expire` remove chains that nobody needs.',
    },
  ];
}

function tooOld(
  { what, hint }: { readonly what: string; readonly hint: string },
  time: string | undefined,
  maxMs: number,
  now: Date,
): HealthProblem[] {
  const limit = `limit ${formatDuration(maxMs)}`;
  if (time === undefined) return [{ code: 'stale', message: `${what}: there is none (${limit})`, hint }];
  if (isInFuture(time, now)) {
    const message = `${what} is dated in the future, ${formatTime(time)}: a clock was or is wrong`;
    return [{ code: 'stale', message, hint: 'set the clock right, and take a new set.' }];
  }
  const ageMs = age(time, now);
  if (ageMs <= maxMs) return [];
  return [
    { code: 'stale', message: `${what} is ${formatDuration(ageMs)} old (${limit}), of ${formatTime(time)}`, hint },
  ];
}
