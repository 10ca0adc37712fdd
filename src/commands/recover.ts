import path from 'node:path';
import { Command, Option } from 'commander';
import { logPaths, type EnvironmentFile } from '../engine/environment/environment.ts';
import { type Files } from '../engine/files/files.ts';
import { type Preflight } from '../engine/recovery/preflight.ts';
import {
  recoverFrom,
  type Recovered,
  type RecoverFromOptions,
  type RecoverySource,
} from '../engine/recovery/recover-from.ts';
import { recoverFromStream } from '../engine/recovery/recover-stream.ts';
import { describeMoment, formatTxnId, type Commit, type RestorePoint } from '../engine/recovery/restore-point.ts';
import { type ChainChoice } from '../engine/repository/find-chain.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { formatLsn } from '../format/lsn.ts';
import { formatBytes, formatCommit, formatCount, inOneLine, table } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';
import { hooked, withHooks } from './run/hooks.ts';
import { collect, examples, mappingArgument, sizeArgument } from './options.ts';
import { type FoundRepository } from './stores.ts';
import { restorePointOf, withRestorePoint, type RestorePointOptions } from './restore-point.ts';
import { copiedDirectories, requireNoCopiedDirectories } from './environment-directories.ts';
import { withByteInput } from './streams.ts';

interface RecoverCommandOptions extends CommonOptions, PasswordOptions, RestorePointOptions, FoundRepository {
  readonly resetLsns?: true;
  readonly trustOwners?: true;
  readonly acceptMissing?: true;
  readonly repo?: string;
  readonly chain?: string;
  readonly from?: readonly string[];
  readonly fromStdin?: true;
  readonly to: string;
  readonly survivingLogs?: string;
  readonly dryRun?: true;
  readonly engine: 'embedded' | 'native';
  readonly cacheSize?: number;
  readonly check: boolean;
  readonly anyOrder?: true;
  readonly only?: readonly string[];
  readonly mapDir?: ReadonlyMap<string, string>;
  readonly dirAt?: ReadonlyMap<string, string>;
}

export function recoverCommand(context: CommandContext): Command {
  const command = new Command('recover')
    .summary('recover an environment into a new directory')
    .description(
      'Recover an environment into a new directory: from a chain of backup sets, or from plain copies.\n' +
        'What it is made from is only read; the directory appears complete and synced, or not at all.',
    )
    .requiredOption('--to <dir>', 'the directory to make, or an empty one')
    .option('--dry-run', 'print the chain, the files and the LSN range, and rehearse; write nothing')
    .addOption(
      new Option('--engine <engine>', 'native: run an installed db_recover on the new copy instead')
        .choices(['embedded', 'native'])
        .default('embedded'),
    )
    .option('--no-check', 'do not check the structure of the result')
    .option('--any-order', 'do not check the order of keys: the application has one of its own')
    .addOption(
      new Option(
        '--cache-size <size>',
        'memory for pages (default: 256M); beyond it, --dry-run uses a file without a name in $TMPDIR or /var/tmp',
      ).argParser(sizeArgument),
    )
    .option('--only <container>', 'this container alone, by the name it has in the result; repeat it for more', collect)
    .addOption(
      new Option(
        '--map-dir <old=new>',
        'give a directory that DB_CONFIG names another name, in the result and its DB_CONFIG; repeat it for more',
      ).argParser(mappingArgument),
    )
    .option('--accept-missing', 'be content without the containers that were excluded from the sets')
    .optionsGroup('What to recover from:')
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--chain <set>', 'the chain of this set (default: the newest that covers the restore point)')
    .option(
      '--from <dir>',
      'a plain copy instead of a chain; repeat it, later ones are laid over earlier ones',
      collect,
    )
    .addOption(copiedDirectories())
    .option(
      '--from-stdin',
      'the sets of a tar that comes as standard input, as `hot --to-stdout` writes it, or of several, one after the other',
    )
    .option('--reset-lsns', 'make containers that any environment can open: without LSNs, and without a log')
    .option('--surviving-logs <dir>', 'the log files left of the broken environment: go on to their end')
    .option(
      '--trust-owners',
      'give files to all users that the manifest names, also where no file of the set is theirs',
    );
  withRestorePoint(command);
  return withHooks(withCommonOptions(withEnvironment(withPasswordOption(command))))
    .addHelpText(
      'after',
      examples(
        'figaro-backup recover --repo /backup/env --to /restore/env',
        'figaro-backup recover --repo /backup/env --to /restore/env --to-time 2026-11-22T08:15:00Z',
        'figaro-backup recover --repo /backup/env --to /restore/env --surviving-logs /srv/env',
        'figaro-backup recover --repo /backup/env --to /tmp/before --to-time 2026-11-22T08:15:00Z --only docs.dbxml',
        'figaro-backup recover --from /backup/monday --from /backup/tuesday-logs --to /restore/env',
        'figaro-backup recover --from-stdin --to /restore/env < /dev/nst0',
      ),
    )
    .action(
      hooked(context, async (_environment, options: RecoverCommandOptions) => {
        const files = unlockedFiles(context, options);
        const source = options.fromStdin ? undefined : sourceOf(files, options);
        if (options.fromStdin) requireStreamAlone(options);
        const restorePoint = restorePointOf(options);
        const result = await context.withWatch(options, async (watch, note) => {
          const asked: RecoverFromOptions = {
            target: options.to,
            restorePoint,
            // A dry run has it in its result.
            ...(options.dryRun ? {} : { onPreflight: (needs: Preflight) => note(`needs ${describeNeeds(needs)}`) }),
            dryRun: options.dryRun === true,
            engine: options.engine,
            check: options.check,
            anyOrder: options.anyOrder === true,
            resetLsns: options.resetLsns === true,
            trustOwners: options.trustOwners === true,
            acceptMissing: options.acceptMissing === true,
            ...(options.survivingLogs === undefined ? {} : { survivingLogs: options.survivingLogs }),
            ...(options.cacheSize === undefined ? {} : { cacheBytes: options.cacheSize }),
            ...(options.only ? { only: options.only } : {}),
            ...(options.mapDir ? { moves: options.mapDir } : {}),
            watch,
          };
          if (source) return await recoverFrom(files, source, asked);
          return await withByteInput(context, (input) => recoverFromStream(files, input, choiceOf(options), asked));
        });
        context.warn(options, result.warnings);
        if (result.lacking) context.addFailure(options, result.lacking);
        context.print(options, toDocument(options, restorePoint, result), () => describe(options, result));
      }),
    );
}

function sourceOf(files: Files, options: RecoverCommandOptions): RecoverySource {
  const { from, dirAt } = options;
  if (!from) {
    requireNoCopiedDirectories(dirAt);
    return { repository: openRepository(files, repositoryOf(options)), ...choiceOf(options) };
  }
  const other = (['repo', 'chain', 'toSet'] as const).find((name) => options[name] !== undefined);
  if (!other) return { copies: from, ...(dirAt ? { directoriesAt: dirAt } : {}) };
  throw new FigaroError('usage', `--from and --${other === 'toSet' ? 'to-set' : other} cannot be used together`);
}

function choiceOf({ chain, toSet }: RecoverCommandOptions): ChainChoice {
  return { ...(chain === undefined ? {} : { chain }), ...(toSet === undefined ? {} : { toSet }) };
}

function requireStreamAlone(options: RecoverCommandOptions): void {
  const other = (['repo', 'from'] as const).find((name) => options[name] !== undefined);
  if (other) throw new FigaroError('usage', `--from-stdin and --${other} cannot be used together`);
  requireNoCopiedDirectories(options.dirAt);
  if (!options.dryRun) return;
  throw new FigaroError(
    'usage',
    '--from-stdin and --dry-run cannot be used together: what comes has to be kept somewhere',
    {
      hint: '`figaro-backup verify --from-stdin --rehearse` goes through the recovery, and keeps nothing.',
    },
  );
}

function describe(options: RecoverCommandOptions, result: Recovered): string {
  const { environment, chain, directories, chosenAs, report } = result;
  const rows: string[][] = [];
  directories.forEach((directory, i) => {
    rows.push([i === 0 ? 'from' : '', chain ? path.basename(directory) : directory]);
  });
  if (chosenAs !== undefined) rows.push(['chosen as', chosenAs]);
  if (options.survivingLogs !== undefined) rows.push(['surviving logs', options.survivingLogs]);
  const logs = [...logPaths(environment).keys()].sort((a, b) => a - b);
  if (logs.length > 0) rows.push(['log files', logs.length === 1 ? `${logs[0]}` : `${logs[0]} to ${logs.at(-1)}`]);
  if (result.dryRun) rows.push(['needs', describeNeeds(result.preflight)]);
  const asked = describeAsked(options);
  if (asked !== undefined) rows.push(['asked for', asked]);
  if (report) {
    rows.push(
      ['recovered to', report.recoveredTo ? formatCommit(report.recoveredTo) : 'no commit'],
      ['earliest restore point', formatCommit(report.window.first)],
      ['log end', formatLsn(report.logEnd)],
      ['log records', `${formatCount(report.records, 'record')}, ${formatBytes(report.logBytes)}`],
      ['transactions', `${report.transactionsCommitted} committed, ${report.transactionsUndone} undone`],
      [
        'changes',
        `${report.changesRedone} redone, ${report.changesUndone} undone, ${report.changesPresent} already there`,
      ],
      ['databases', report.databases.join(', ')],
    );
  } else {
    rows.push(['engine', result.engine === 'native' ? 'native (db_recover)' : 'none: there is no log']);
  }
  const headline = `${result.dryRun ? 'would recover' : 'recovered'} ${inOneLine(result.target)}\n`;
  const details = table(rows).replaceAll(/^/gm, '  ').trimEnd();
  return `${headline}${details}\n${result.dryRun ? `\n${listFiles(result.copied, placesOf(options, result))}` : ''}`;
}

/** What it takes, as the end of a sentence. */
function describeNeeds({ directory, bytesNeeded, bytesFree, logBytes }: Preflight): string {
  const replay = logBytes > 0 ? `, with ${formatBytes(logBytes)} of log to replay` : '';
  return `at least ${formatBytes(bytesNeeded)} at ${directory}, where ${formatBytes(bytesFree)} are free${replay}`;
}

function describeAsked({ toTime, toLsn, toTxn }: RecoverCommandOptions): string | undefined {
  if (toTxn !== undefined) return `transaction ${formatTxnId(toTxn)}`;
  if (toLsn) return formatLsn(toLsn);
  return toTime && describeMoment(toTime);
}

/**
 * Where a file was read, for people: its path; of a set that is no directory, the name it has in there, `SET/environment/docs.dbxml`.
 * What has stood for such a set in the meantime is gone afterwards.
 */
function placesOf(
  { fromStdin, foundStore }: RecoverCommandOptions,
  { chain }: Recovered,
): (file: EnvironmentFile) => string {
  const [set] = fromStdin || foundStore ? (chain?.sets ?? []) : [];
  if (!set) return ({ path: file }) => file;
  const repository = `${path.dirname(set.directory)}${path.sep}`;
  return ({ path: file }) =>
    file.startsWith(repository) ? file.slice(repository.length).split(path.sep).join('/') : file;
}

function listFiles(files: readonly EnvironmentFile[], placeOf: (file: EnvironmentFile) => string): string {
  const total = files.reduce((sum, { stat }) => sum + stat.size, 0);
  const rows = files.map((file) => [file.kind, formatBytes(file.stat.size), placeOf(file)]);
  return `${table(rows)}${formatCount(files.length, 'file')}, ${formatBytes(total)}; nothing was written\n`;
}

function toDocument(options: RecoverCommandOptions, point: RestorePoint, result: Recovered): object {
  const { survivingLogs } = options;
  const placeOf = placesOf(options, result);
  const { chain, directories, chosenAs, report } = result;
  return {
    dryRun: result.dryRun,
    engine: result.engine,
    target: result.target,
    ...(chain ? { chain: chain.id, sets: chain.sets.map(({ id }) => id) } : { from: directories }),
    ...(survivingLogs === undefined ? {} : { survivingLogs }),
    ...(chosenAs === undefined ? {} : { chosenAs }),
    restorePoint: point.kind === 'transaction' ? { ...point, id: formatTxnId(point.id) } : point,
    preflight: result.preflight,
    ...(report && {
      ...report,
      recoveredTo: commitOf(report.recoveredTo),
      window: { first: commitOf(report.window.first), last: commitOf(report.window.last) },
      inDoubt: report.inDoubt.map(({ id, gid }) => ({ id: formatTxnId(id), gid })),
    }),
    files: result.copied.map((file) => ({
      kind: file.kind,
      name: file.name,
      from: placeOf(file),
      size: file.stat.size,
    })),
    warnings: result.warnings,
  };
}

/** Without what recovery knows of its transaction. */
function commitOf(commit: Commit | undefined): Commit | undefined {
  return commit && { lsn: commit.lsn, time: commit.time };
}
