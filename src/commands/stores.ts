/** Repositories that are no directories: for as long as a command works with one, a mirror of it stands in its place. */

import { tmpdir } from 'node:os';
import { type Command } from 'commander';
import { Pace } from '../engine/pace.ts';
import { type Retry } from '../engine/store/retrying.ts';
import { isStoreUrl } from '../engine/store/stores.ts';
import { setsInFuture } from '../engine/repository/repository.ts';
import { formatDuration } from '../measures.ts';
import { inOneLine } from '../output/text.ts';
import { type CommandContext, type CommonOptions } from './context.ts';
import { type StoreOptions } from './options.ts';
import { commandName } from './settings.ts';

interface PlaceOptions extends CommonOptions, StoreOptions {
  readonly repo?: string;
  readonly to?: string;
  readonly lockWait?: number;
  readonly dryRun?: boolean;
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
  const { repo, to, dryRun } = options as PlaceOptions;
  const name = commandName(command);
  const toStore = name === 'copy' && to !== undefined && isStoreUrl(to) ? to : undefined;
  const inner = async (resolved: T): Promise<void> => {
    if (toStore === undefined) return await work(resolved);
    await withStore(context, toStore, resolved, dryRun !== true, async (directory) => {
      await work({ ...resolved, to: directory });
    });
  };
  if (repo === undefined || !isStoreUrl(repo)) return await inner(options);
  await withStore(context, repo, options, writers.has(name) && dryRun !== true, async (directory) => {
    warnOfFutureSets(context, options as PlaceOptions, directory);
    await inner({ ...options, repo: directory });
  });
}

/** A set that is dated in the future says that a clock is or was wrong: whatever a command does with a repository. */
export function warnOfFutureSets(context: CommandContext, options: CommonOptions, directory: string): void {
  for (const { id, time } of setsInFuture(context.files, directory)) {
    context.addWarning(options, `${id} is dated in the future, ${time}: a clock was wrong then, or is wrong now`);
  }
}

async function withStore(
  context: CommandContext,
  url: string,
  options: unknown,
  isWriter: boolean,
  work: (directory: string) => Promise<void>,
): Promise<void> {
  const { spool = tmpdir(), limitUpload, storageClass, lockWait, ...common } = options as PlaceOptions;
  const { withMirror } = await import('../engine/remote/with-mirror.ts');
  const { env, signal } = context.io;
  const opened = await context.openStore(url, {
    env,
    signal,
    storageClass,
    onRetry: (retry) => tellRetry(context, common, retry),
  });
  const disk = context.files;
  try {
    await withMirror(
      disk,
      opened,
      {
        spool,
        isWriter,
        lockWaitMs: lockWait ?? 0,
        signal,
        ...(limitUpload === undefined ? {} : { pace: new Pace(limitUpload) }),
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
        await work(directory);
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

/** Where people watch, they are told why nothing moves. */
function tellRetry(context: CommandContext, { quiet, verbose, json }: CommonOptions, { error, waitMs }: Retry): void {
  const { stderr } = context.io;
  if (quiet || json || !(verbose || stderr.isTTY)) return;
  stderr.write(`${inOneLine(context.named(error.message))}: trying again in ${formatDuration(waitMs)}\n`);
}
