/** Repositories that are no directories: for as long as a command works with one, a mirror of it stands in its place. */

import { tmpdir } from 'node:os';
import { type Command } from 'commander';
import { readIn, readOwnIfThere } from '../engine/files/read.ts';
import { Pace } from '../engine/pace.ts';
import { type MirrorOptions } from '../engine/remote/with-mirror.ts';
import { type Retry } from '../engine/store/retrying.ts';
import { withPace } from '../engine/store/paced.ts';
import { type Store } from '../engine/store/store.ts';
import { throwIfStopped } from '../engine/pause.ts';
import { isStoreUrl, listsTags, openDirectory, type OpenedStore, type OpeningOptions } from '../engine/store/stores.ts';
import { type GivenKeys, type RepositoryRole } from '../engine/packed/opening.ts';
import { repositoryName, requireApart, type Place } from '../engine/places.ts';
import { headOf, type Head } from '../engine/repository/head.ts';
import { setsInFuture } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { formatBytes, formatDuration } from '../measures.ts';
import { type CommandContext, type CommonOptions } from './context.ts';
import { type KeyOptions } from './keys.ts';
import { type StoreOptions } from './options.ts';
import { commandName } from './settings.ts';

interface PlaceOptions extends CommonOptions, StoreOptions, KeyOptions {
  readonly repo?: string;
  readonly to?: string;
  readonly lockWait?: number;
  readonly dryRun?: boolean;
  readonly home?: string;
  readonly standby?: string;
  readonly logDir?: string;
}

/** Commands that change what is in `--repo`; what others find they only note. */
const writers: ReadonlySet<string> = new Set([
  'init',
  'offline',
  'hot',
  'incremental',
  'consolidate',
  'expire',
  'pin',
  'unpin',
  'logs prune',
]);

/** Commands that say what is sound, or what may be removed: they believe no manifest but the one in the store. */
const skeptics: ReadonlySet<string> = new Set(['verify', 'expire', 'logs prune']);

/**
 * Commands whose new set follows others of its source: where nobody here has a key to these, what they hold of its log is known all the same. No other
 * command sees the source in place of what is stored: that it has the same bytes does not prove that the store has them.
 */
const followers: ReadonlySet<string> = new Set(['offline', 'hot', 'incremental']);

/** The action of a command whose `--repo` may be a store: commander gives it arguments, options and the command. */
export function onStores<A extends readonly unknown[]>(
  context: CommandContext,
  action: (...args: A) => Promise<void> | void,
): (...args: readonly unknown[]) => Promise<void> {
  return async (...args) => {
    const [options, command] = args.slice(-2) as [object, Command];
    await withStores(context, command, options, async (resolved) => {
      await action(...([...args.slice(0, -2), resolved, command] as unknown as A));
    });
  };
}

/** Runs the work of a command with directories in place of stores. */
export async function withStores<T>(
  context: CommandContext,
  command: Command,
  options: T,
  work: (options: T) => Promise<void> | void,
): Promise<void> {
  const { repo, to, dryRun, keyFile } = options as PlaceOptions;
  const name = commandName(command);
  const toStore = name === 'copy' && to !== undefined && isMirrored(context, to) ? to : undefined;
  // Where something is written, and a key file was given, that is to be sealed with it.
  const requireEncrypted = (place: string | undefined, ...heads: readonly (Head | undefined)[]): void => {
    if (keyFile === undefined || place === undefined || heads.some((head) => head?.packed?.keys)) return;
    throw notEncrypted(place);
  };
  const inner = async (resolved: T, from?: Head): Promise<void> => {
    if (toStore === undefined) {
      if (name === 'copy') requireEncrypted(to, from);
      return await work(resolved);
    }
    const kind: StoreUse = {
      isWriter: dryRun !== true,
      asksAnew: false,
      role: 'written',
      check: (head) => requireEncrypted(to, from, head),
    };
    await withStore(context, command, toStore, resolved, kind, async (directory) => {
      await work({ ...resolved, to: directory });
    });
  };
  const isWriter = writers.has(name);
  const isChecked = isWriter && name !== 'init';
  if (repo === undefined || !isMirrored(context, repo)) {
    if (isChecked) requireEncrypted(repo);
    return await inner(options);
  }
  const kind: StoreUse = {
    isWriter: isWriter && dryRun !== true,
    collects: name === 'expire' && dryRun !== true,
    asksAnew: skeptics.has(name),
    role: isWriter ? 'written' : 'read',
    check: (head) => (isChecked ? requireEncrypted(repo, head) : undefined),
  };
  await withStore(context, command, repo, options, kind, async (directory, store, head) => {
    warnOfFutureSets(context, options as PlaceOptions, directory);
    const found: FoundRepository = head ? { foundStore: store, foundHead: head } : {};
    await inner({ ...options, repo: directory, ...found }, head);
  });
}

/** Whoever can write there may have put another `repository.json` in the place of that which says for whom it is encrypted. */
function notEncrypted(place: string): FigaroError {
  return new FigaroError('password', `a key file was given, and ${place} is not encrypted: nothing is written to it`, {
    path: place,
    hint: 'is it the right repository, and made by `init --recipient`? If it was encrypted, find out who changed repository.json. To write to it as it is, leave out --key-file and $FIGARO_BACKUP_KEY_FILE.',
  });
}

/** What a command finds where a mirror stands in the place of a repository. */
export interface FoundRepository {
  /** That of the repository itself, if it is there. */
  readonly foundHead?: Head;
  /** What it is in. */
  readonly foundStore?: Store;
}

/** True for a repository that the engine does not find as one in a directory: it is in a store, or packed. */
export function isMirrored(context: CommandContext, place: string): boolean {
  return isStoreUrl(place) || isPacked(context, place);
}

function isPacked({ files }: CommandContext, directory: string): boolean {
  try {
    const bytes = readIn(files, directory, repositoryName, readOwnIfThere);
    return bytes !== undefined && headOf(bytes, directory)?.packed !== undefined;
  } catch (error) {
    // Whoever works with it says so.
    if (error instanceof FigaroError) return false;
    throw error;
  }
}

/** Where there is room for a repository, or not: a mirror is where it is not. */
export function roomOf(place: string): { readonly isInStore: boolean; readonly disk: string } {
  return { isInStore: isStoreUrl(place), disk: place };
}

/** A set that is dated in the future says that a clock is or was wrong: whatever a command does with a repository. */
export function warnOfFutureSets(context: CommandContext, options: CommonOptions, directory: string): void {
  for (const { id, time } of setsInFuture(context.files, directory)) {
    context.addWarning(options, `${id} is dated in the future, ${time}: a clock was wrong then, or is wrong now`);
  }
}

function atPace(store: Store, bytesPerSecond: number, signal: AbortSignal | undefined): Store {
  return withPace(store, new Pace(bytesPerSecond), () => throwIfStopped(signal ? { signal } : {}));
}

/** Packs that no set needs are no harm, and take room. */
async function tellUnused(context: CommandContext, options: CommonOptions, store: Store): Promise<void> {
  if (!store.packs) return;
  // Those of a set that is being written are of none yet.
  const [{ seeWriter }, { expiryMs }] = await Promise.all([
    import('../engine/remote/store-lock.ts'),
    import('../engine/lease.ts'),
  ]);
  const writer = await seeWriter(store);
  if (writer && Date.now() - writer.changedMs < expiryMs) return;
  const unused = await store.packs.unused();
  if (unused.length === 0) return;
  const bytes = unused.reduce((sum, { size }) => sum + size, 0);
  const are = unused.length === 1 ? 'pack is' : 'packs are';
  context.addWarning(
    options,
    `${unused.length} ${are} of no set, ${formatBytes(bytes)}: runs that were killed left them. \`expire\` removes them when they are a day old`,
  );
}

interface StoreUse extends Pick<MirrorOptions, 'isWriter' | 'asksAnew' | 'collects'> {
  readonly role: RepositoryRole;
  /** Told what the repository is, before anything is done with it. */
  readonly check: (head: Head | undefined) => void;
}

async function withStore(
  context: CommandContext,
  command: Command,
  url: string,
  options: unknown,
  { isWriter, asksAnew, collects = false, role, check }: StoreUse,
  work: (directory: string, store: Store, head: Head | undefined) => Promise<void>,
): Promise<void> {
  const { spool = tmpdir(), limitUpload, storageClass, lockWait, home, logDir, ...common } = options as PlaceOptions;
  const { withMirror } = await import('../engine/remote/with-mirror.ts');
  const { env, signal } = context.io;
  let opened = await open(context, url, othersOf(options as PlaceOptions, url), {
    env,
    signal,
    storageClass,
    onRetry: (retry) => tellRetry(context, common, retry),
  });
  const disk = context.files;
  try {
    const { openContents } = await import('../engine/packed/open-packed.ts');
    const keys = async (): Promise<GivenKeys> =>
      await (await import('./keys.ts')).givenKeys(context, options as KeyOptions);
    const paced = limitUpload === undefined ? opened : { ...opened, store: atPace(opened.store, limitUpload, signal) };
    // Commands that decide what is sound know nothing but what the store lets them read.
    const { rememberingStores } = await import('../engine/remote/remembered-objects.ts');
    const known = asksAnew || !listsTags(url) ? paced : rememberingStores(disk, paced, spool);
    const stores = await openContents(known, keys, role);
    opened = stores;
    const head = stores.head && headOf(stores.head, stores.store.place);
    check(head);
    // A repository that is there is made by nobody, so `init` needs no key to it.
    if (isWriter && commandName(command) !== 'init') stores.store.packs?.requireKey();
    if (commandName(command) === 'verify') await tellUnused(context, common, stores.store);
    await withMirror(
      disk,
      stores,
      {
        spool,
        isWriter,
        asksAnew,
        collects,
        lockWaitMs: lockWait ?? 0,
        signal,
        ...(home !== undefined && followers.has(commandName(command))
          ? { followed: { home, logDirectory: logDir } }
          : {}),
        watched: async (watching) => await context.withWatch(common, watching),
        onPlace: (directory) => context.showAs(directory, opened.store.place),
        onWarning: (warning) => context.addWarning(common, warning),
        onFailure: (error) => context.addFailure(common, error),
      },
      async ({ directory, files, send }) => {
        context.files = files;
        if (isWriter) context.sendChanges = send;
        // What was made is told when it is where it was to be.
        if (isWriter) context.results.hold();
        await work(directory, stores.store, head);
      },
    );
    context.results.release();
  } catch (error) {
    context.results.drop();
    throw error;
  } finally {
    context.files = disk;
    context.sendChanges = async () => {};
    await opened.close();
  }
}

/** Runs `work` with the store of a repository as it is, or its directory: for what is about neither sets nor files. */
export async function withStoreAsItIs(
  context: CommandContext,
  place: string,
  options: CommonOptions,
  work: (stores: OpenedStore) => Promise<void>,
): Promise<void> {
  const { env, signal } = context.io;
  const onRetry = (retry: Retry): void => tellRetry(context, options, retry);
  const stores = await open(context, place, [], { env, signal, onRetry });
  try {
    await work(stores);
  } finally {
    await stores.close();
  }
}

async function open(
  context: CommandContext,
  place: string,
  others: readonly Place[],
  options: OpeningOptions,
): Promise<OpenedStore> {
  if (isStoreUrl(place)) return await context.openStore(place, options);
  // Where a mirror stands in its place, the engine cannot see that they are apart.
  requireApart(context.files, { what: 'the repository', path: place }, ...others);
  return await openDirectory(context.files, place);
}

/** The other places that a command is about. */
function othersOf({ home, to, repo, standby }: PlaceOptions, place: string): readonly Place[] {
  const named: readonly (readonly [what: string, at: string | undefined])[] = [
    ['the environment', home],
    ['the standby', standby],
    ['the other place', to === place ? repo : to],
  ];
  return named.flatMap(([what, at]) =>
    at === undefined || at === place || isStoreUrl(at) ? [] : [{ what, path: at }],
  );
}

/** Where people watch, they are told why nothing moves. */
function tellRetry(context: CommandContext, { quiet, verbose, json }: CommonOptions, { error, waitMs }: Retry): void {
  const isWatched = verbose === true || context.io.stderr.isTTY === true;
  context.note(`${error.message}: trying again in ${formatDuration(waitMs)}`, isWatched && !quiet && !json);
}
