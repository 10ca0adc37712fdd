/** `offline`, `hot` and `incremental`: one way in, three kinds of set. */

import path from 'node:path';
import { tmpdir } from 'node:os';
import { Command, Option } from 'commander';
import { takeBackup } from '../engine/backup/backup.ts';
import { type BackupKind, type BackupOptions, type NothingNew } from '../engine/backup/backup-options.ts';
import { streamBackup } from '../engine/backup/stream-backup.ts';
import { type Room } from '../engine/backup/room.ts';
import { Pace } from '../engine/pace.ts';
import { type Watch } from '../engine/pause.ts';
import { type BackupSet } from '../engine/repository/backup-set.ts';
import { type Repository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { formatBytes, formatCount } from '../output/text.ts';
import { withCommonOptions, withEnvironments, type CommandContext, type CommonOptions } from './context.ts';
import { homeOf, repositoryOf } from './directories.ts';
import { collect, examples, rateArgument, withLockWait, type LockOptions } from './options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { describeSet, madeSetDocument } from './set-result.ts';
import { byteOutputOf } from './streams.ts';
import { directoriesOf, withDirectories, type DirectoryOptions } from './environment-directories.ts';

interface BackupCommandOptions extends CommonOptions, PasswordOptions, LockOptions, DirectoryOptions {
  readonly home?: string;
  readonly repo?: string;
  readonly chain?: string;
  readonly maxRate?: number;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly anyOrder?: true;
  readonly keepDamaged?: true;
  readonly acceptMissing?: true;
  readonly newSource?: true;
  readonly withoutLog?: true;
  readonly toStdout?: true;
  readonly spool?: string;
}

const descriptions: Readonly<Record<BackupKind, { summary: string; description: string }>> = {
  offline: {
    summary: 'take a full set of an environment that nobody is writing to',
    description:
      'Copies an environment that is not in use, and refuses when anything in it changed meanwhile. Environments without transactions (Data Store, Concurrent Data Store) can only be backed up this way.',
  },
  hot: {
    summary: 'take a full set of an environment in use',
    description:
      'Copies an environment while other processes write to it. Every page is proven whole, and the set is proven recoverable before it is listed. The environment is only read.',
  },
  incremental: {
    summary: 'add the log written since the newest set of a chain',
    description:
      'Copies the log files that are new, and of one that grew what is new, after proving that they continue the chain. Takes seconds; run it often. Where nothing is new, no set is made, and `check` counts that the source was looked at.',
  },
};

function backupCommand(context: CommandContext, kind: BackupKind): Command {
  const { summary, description } = descriptions[kind];
  const command = new Command(kind)
    .summary(summary)
    .description(description)
    .option('--home <dir>', 'the environment (or $DB_HOME)')
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  command.addOption(
    new Option(
      '--max-rate <size>',
      'limit reading containers to this many bytes per second: 20M (default: no limit)',
    ).argParser(rateArgument),
  );
  command
    .option(
      '--include <pattern>',
      "take these files of the application's own, too: attachments, '*.xml'; may be given several times",
      collect,
    )
    .option('--exclude <pattern>', 'pass over these files and directories; may be given several times', collect);
  withDirectories(command);
  command.option('--any-order', 'do not check the order of keys: the application has one of its own');
  if (kind !== 'incremental') {
    command.option('--keep-damaged', 'keep a damaged source as a set marked unsound, which counts as proven nowhere');
    command.option('--accept-missing', 'containers that earlier sets have and the source has not are meant to be gone');
    command.option(
      '--new-source',
      'the repository is of this environment from now on, which has nothing of the earlier sets',
    );
  }
  if (kind !== 'incremental') {
    command.option(
      '--to-stdout',
      'write the set to standard output as a tar, in place of a repository; reports go to stderr',
    );
  }
  if (kind === 'offline') command.option('--without-log', 'take databases whose log is gone as they are');
  if (kind === 'incremental') command.option('--chain <set>', 'continue the chain of this set, not the newest');
  return withHooks(withCommonOptions(withEnvironments(withPasswordOption(withLockWait(command)))))
    .addHelpText(
      'after',
      examples(
        `figaro-backup ${kind} --home /srv/env --repo /backup/env`,
        `DB_HOME=/srv/env FIGARO_BACKUP_REPO=/backup/env figaro-backup ${kind} --json`,
        ...(kind === 'incremental'
          ? []
          : [`figaro-backup ${kind} --home /srv/env --to-stdout --spool /var/spool/backup > /dev/nst0`]),
        `figaro-backup ${kind} --all --lock-wait 14m`,
      ),
    )
    .action(
      hooked(context, async (_environment, options: BackupCommandOptions) => {
        if (options.toStdout) return await stream(context, kind, options);
        const files = unlockedFiles(context, options);
        const set = await context.withWatch(options, (watch, note) =>
          takeBackup(files, kind, {
            ...commonOptionsOf(options, watch),
            repository: repositoryOf(options),
            ...(options.chain === undefined ? {} : { chain: options.chain }),
            onRoom: ({ directory, ...room }) =>
              note(describeRoom({ ...room, place: context.placeOf(path.dirname(directory)) })),
            onCreated: (repository) => tellCreated(context, options, repository),
          }),
        );
        if (set.nothingNew) return tellNothingNew(context, options, set, set.nothingNew);
        tellSet(context, options, set);
      }),
    );
}

/** What all ways of taking a set are asked. */
function commonOptionsOf(options: BackupCommandOptions, watch: Watch): Omit<BackupOptions, 'repository'> {
  return {
    home: homeOf(options),
    ...directoriesOf(options),
    ...(options.lockWait === undefined ? {} : { lockWaitMs: options.lockWait }),
    ...(options.include === undefined ? {} : { include: options.include }),
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
    anyOrder: options.anyOrder === true,
    keepDamaged: options.keepDamaged === true,
    acceptMissing: options.acceptMissing === true,
    newSource: options.newSource === true,
    withoutLog: options.withoutLog === true,
    watch: options.maxRate === undefined ? watch : { ...watch, pace: new Pace(options.maxRate) },
  };
}

/** The set goes to standard output, and nothing else does. */
async function stream(context: CommandContext, kind: BackupKind, options: BackupCommandOptions): Promise<void> {
  if (options.repo !== undefined) throw new FigaroError('usage', '--to-stdout and --repo cannot be used together');
  const out = byteOutputOf(context);
  const files = unlockedFiles(context, options);
  const spool = options.spool ?? tmpdir();
  const set = await context.withWatch(options, (watch, note) =>
    streamBackup(
      files,
      kind as 'hot' | 'offline',
      {
        ...commonOptionsOf(options, watch),
        spool,
        onRoom: (room) => note(describeRoom({ ...room, place: spool })),
      },
      out,
    ),
  );
  context.warn(options, set.leftovers);
  tellSet(context, options, set);
}

function tellSet(context: CommandContext, options: CommonOptions, set: BackupSet): void {
  context.madeSet = set.id;
  context.warn(options, set.manifest.warnings);
  tellUnsound(context, options, set);
  context.printSuccess(options, { set: madeSetDocument(set) }, () => describeSet(set));
}

function describeRoom({ place, bytesNeeded, bytesFree }: Omit<Room, 'directory'> & { readonly place: string }): string {
  return `needs about ${formatBytes(bytesNeeded)} at ${place}, where ${formatBytes(bytesFree)} are free`;
}

function tellNothingNew(
  context: CommandContext,
  options: CommonOptions,
  { id, manifest }: BackupSet,
  { time, warnings }: NothingNew,
): void {
  context.warn(options, warnings);
  const document = { chain: manifest.chain, set: id, end: manifest.log?.end, looked: time };
  const text = `nothing new since ${id}: no set was made\n`;
  context.printSuccess(options, { nothingNew: document, warnings }, () => text);
}

/** Cron hears of it, too: where none was expected, the disk of the backups is not mounted. */
function tellCreated(context: CommandContext, { quiet }: CommonOptions, { directory }: Repository): void {
  context.note(`created repository ${directory}`, !quiet);
}

/** A set of a damaged source was kept, as asked: that is no success. */
function tellUnsound(context: CommandContext, options: CommonOptions, { id, manifest }: BackupSet): void {
  const [first] = manifest.unsound ?? [];
  if (!first) return;
  const rest = manifest.unsound!.length - 1;
  const more = rest === 0 ? '' : `, and ${formatCount(rest, 'more finding', 'more findings')}`;
  context.addFailure(
    options,
    new FigaroError('not-recoverable', `${id} is kept and marked unsound: ${first.message}${more}`, {
      path: first.path,
      findings: manifest.unsound!,
      hint: 'it counts as proven nowhere. Restore the damaged container from an older set.',
    }),
  );
}

export const offlineCommand = (context: CommandContext): Command => backupCommand(context, 'offline');
export const hotCommand = (context: CommandContext): Command => backupCommand(context, 'hot');
export const incrementalCommand = (context: CommandContext): Command => backupCommand(context, 'incremental');
