import { Command, CommanderError, Option } from 'commander';
import { CommandContext, isForAll, type CommonOptions, type Io } from './commands/context.ts';
import { commonHeading, examples } from './commands/options.ts';
import { UnknownName } from './commands/config-file.ts';
import { commandsWithTables } from './commands/setting-names.ts';
import { applySettings, commandName, readSettings } from './commands/settings.ts';
import { asUsage, commandNamed, inOrder, requireNoEmptyPlaces, valueTyped } from './commands/typed.ts';
import { nodeFiles } from './engine/files/node-files.ts';
import { type Disk } from './engine/files/files.ts';
import { type OpenStore } from './engine/store/stores.ts';
import { programVersion } from './engine/version.ts';
import { FigaroError } from './errors.ts';
import { exitStatuses } from './output/exit-codes.ts';
import { fit, widthOf } from './output/fit.ts';

type CreateCommand = (context: CommandContext) => Command;

/** In the order of the help, under its headings. A command is loaded when it is used, and what it works with. */
const commands: Readonly<Record<string, Readonly<Record<string, () => Promise<CreateCommand>>>>> = {
  'Back up:': {
    init: async () => (await import('./commands/init.ts')).initCommand,
    offline: async () => (await import('./commands/backup.ts')).offlineCommand,
    hot: async () => (await import('./commands/backup.ts')).hotCommand,
    incremental: async () => (await import('./commands/backup.ts')).incrementalCommand,
    consolidate: async () => (await import('./commands/consolidate.ts')).consolidateCommand,
  },
  'Recover:': {
    recover: async () => (await import('./commands/recover.ts')).recoverCommand,
    unpack: async () => (await import('./commands/unpack.ts')).unpackCommand,
    failover: async () => (await import('./commands/failover/failover.ts')).failoverCommand,
  },
  'Look and check:': {
    verify: async () => (await import('./commands/verify.ts')).verifyCommand,
    list: async () => (await import('./commands/list.ts')).listCommand,
    show: async () => (await import('./commands/show.ts')).showCommand,
    check: async () => (await import('./commands/check.ts')).checkCommand,
    report: async () => (await import('./commands/report.ts')).reportCommand,
    logs: async () => (await import('./commands/logs/logs.ts')).logsCommand,
    inspect: async () => (await import('./commands/inspect/inspect.ts')).inspectCommand,
    documents: async () => (await import('./commands/documents/documents.ts')).documentsCommand,
    dump: async () => (await import('./commands/dump/dump.ts')).dumpCommand,
    diff: async () => (await import('./commands/diff/diff.ts')).diffCommand,
  },
  'Keep and remove:': {
    copy: async () => (await import('./commands/copy.ts')).copyCommand,
    expire: async () => (await import('./commands/expire.ts')).expireCommand,
    pin: async () => (await import('./commands/pin.ts')).pinCommand,
    unpin: async () => (await import('./commands/pin.ts')).unpinCommand,
    recipients: async () => (await import('./commands/recipients.ts')).recipientsCommand,
  },
  'This program:': {
    schedule: async () => (await import('./commands/schedule/schedule.ts')).scheduleCommand,
    config: async () => (await import('./commands/config.ts')).configCommand,
    completion: async () => (await import('./commands/completion.ts')).completionCommand,
    man: async () => (await import('./commands/man.ts')).manCommand,
  },
};

/** These tell about all the others. */
const describeAll: ReadonlySet<string> = new Set(['completion', 'man']);

/** These can be about an environment that the configuration file has no longer. */
const knowFormer: ReadonlySet<string> = new Set(['schedule show', 'schedule remove']);

/** With `--json`, these print a document a line, the one of an error included. */
const printLines: ReadonlySet<string> = new Set(['logs print', 'documents list']);

/** Runs the program on arguments (without node and script) and returns its exit status. Never throws. */
export async function run(
  typed: readonly string[],
  io: Io,
  files: Disk = nodeFiles,
  openStore?: OpenStore,
): Promise<number> {
  const argv = inOrder(typed);
  // Whoever is to read the bytes must not find a word between them.
  return await runIn(
    new CommandContext(io, files, openStore, argv.includes('--to-stdout') ? io.stderr : io.stdout),
    argv,
  );
}

/** The same in a context, of which `--all` makes one for each environment. */
async function runIn(context: CommandContext, argv: readonly string[]): Promise<number> {
  const exitCode = await runLogged(context, argv);
  context.log?.end(exitCode, context.madeSet, context.problem);
  return exitCode;
}

async function runLogged(context: CommandContext, argv: readonly string[]): Promise<number> {
  context.printsLines = printLines.has(argv.slice(0, 2).join(' '));
  try {
    const runOne = async (each: CommandContext): Promise<number> => await runIn(each, argv);
    await parse(await buildProgram(context, commandsFor(argv), runOne), argv);
    if (context.bug) throw context.bug;
    context.writeDocument();
    if (context.turn || !argv.includes('--json')) context.tellFound({ color: !argv.includes('--no-color') });
    await context.results.flush();
    return context.exitCode;
  } catch (error) {
    if (!context.log) await openLogAsTyped(context, argv);
    const exitCode = tell(context.bug ?? error, argv, context);
    // The outcome is decided; a stdout that fails as well changes nothing.
    await context.results.flush().catch(() => {});
    return exitCode;
  }
}

/** Where a run fails before its options are known, most of all when it runs by itself, somebody will look for that in its log. */
async function openLogAsTyped(context: CommandContext, argv: readonly string[]): Promise<void> {
  const { FIGARO_BACKUP_LOG_FILE: file, FIGARO_BACKUP_LOG_FORMAT: format } = context.io.env;
  const logFile = valueTyped(argv, '--log-file') ?? (runsByItself(argv) ? file : undefined);
  const isJson = (valueTyped(argv, '--log-format') ?? format) === 'json';
  const options = { ...(logFile === undefined ? {} : { logFile }), logFormat: isJson ? 'json' : 'text' } as const;
  await context.openLog(options, { command: context.command, environment: context.turn?.environment });
}

function runsByItself(argv: readonly string[]): boolean {
  return commandsWithTables.some((name) => argv.slice(0, name.split(' ').length).join(' ') === name);
}

/** The commands that arguments can mean: the one they begin with, or all where only all can tell. */
function commandsFor([first = '']: readonly string[]): (name: string) => boolean {
  if (first === '--version' || first === '-V') return () => false;
  const isOne = Object.values(commands).some((group) => Object.hasOwn(group, first)) && !describeAll.has(first);
  return isOne ? (name) => name === first : () => true;
}

/**
 * The program with all its commands, or with some.
 *
 * @param runOne runs the same command line in the context of one environment, for `--all`
 */
export async function buildProgram(
  context: CommandContext,
  isWanted: (name: string) => boolean = () => true,
  runOne?: (each: CommandContext) => Promise<number>,
): Promise<Command> {
  const program = new Command('figaro-backup')
    .description('Back up and recover Figaro (Berkeley DB XML) environments. No Berkeley DB is needed.')
    .version(programVersion, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      // Only examples are longer than help is wide.
      writeOut: (text) => context.results.write(fit(text, widthOf(context.io.stdout, context.io.env))),
      // What commander has to say about an error is thrown, and told in our form.
      writeErr: () => {},
      getOutHasColors: () => false,
      getOutHelpWidth: () => helpWidth(context),
    })
    .configureHelp({ minWidthToWrap: 24, subcommandTerm: (command) => command.name() })
    .addHelpText(
      'after',
      examples(
        'figaro-backup hot --home /srv/env --repo /backup/env',
        'figaro-backup incremental --home /srv/env --repo /backup/env',
        'figaro-backup recover --repo /backup/env --to /restore/env',
        'figaro-backup man | man -l -',
      ),
    )
    .addHelpText('after', ({ command }) => exitCodeHelp(command));
  for (const [heading, group] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const [name, load] of Object.entries(group)) {
      if (isWanted(name)) program.addCommand((await load())(context));
    }
  }
  adopt(program);
  program.hook('preAction', async (_program, command) => {
    const [argument] = command.registeredArguments;
    const options = command.opts<CommonOptions & { readonly home?: string }>();
    context.command = commandName(command);
    requireNoEmptyPlaces(command);
    if (context.turn) command.processedArgs[0] = context.turn.environment;
    const environment =
      argument?.name() === 'environment' ? (command.processedArgs[0] as string | undefined) : undefined;
    if (isForAll(command) && runOne && !context.turn) {
      const { allEnvironments, forEachEnvironment, requireNoneNamed } = await import('./commands/all.ts');
      requireNoneNamed(command, environment);
      const names = allEnvironments(context, options);
      // Its own action is for one of them.
      command.action(async () => await forEachEnvironment(context, names, options, runOne));
      return;
    }
    const { config, home } = options;
    try {
      const named = knowFormer.has(context.command) ? undefined : environment;
      const wanted = { config, environment: named, command: context.command, home };
      applySettings(context.files, command, readSettings(context.files, context.io.env, wanted));
    } catch (error) {
      if (environment === undefined || !(error instanceof UnknownName)) throw error;
      const { otherInPlaceOfName } = await import('./commands/path-as-name.ts');
      throw otherInPlaceOfName(context.files, command, environment) ?? error;
    }
    const { repo, ...known } = command.opts<CommonOptions & { readonly home?: string; readonly repo?: string }>();
    await context.openLog(known, { command: context.command, environment, home: known.home, repo });
    await lookAtRepository(context, command);
  });
  return program;
}

/** Stores are looked at when they are opened. */
async function lookAtRepository(context: CommandContext, command: Command): Promise<void> {
  const { repo, ...options } = command.opts<CommonOptions & { readonly repo?: string }>();
  if (!repo) return;
  const [{ warnOfFutureSets }, { isStoreUrl }] = await Promise.all([
    import('./commands/stores.ts'),
    import('./engine/store/stores.ts'),
  ]);
  if (isStoreUrl(repo)) return;
  warnOfFutureSets(context, options, repo);
}

/** Makes the commands below one behave as the program does. */
function adopt(parent: Command): void {
  const help = new Option('-h, --help', 'show help');
  const hasCommon = parent.options.some(({ helpGroupHeading }) => helpGroupHeading === commonHeading);
  parent.addHelpOption(hasCommon ? help.helpGroup(commonHeading) : help);
  if (parent.commands.length > 0) parent.helpCommand('help [command]', 'show help for a command');
  for (const child of parent.commands) adopt(child.copyInheritedSettings(parent));
}

/** How wide help may be. Some terminals do not know, and say 0. */
function helpWidth({ reports, io }: CommandContext): number {
  return widthOf(reports, io.env) ?? 80;
}

function exitCodeHelp(command: Command): string {
  const help = command.createHelp();
  help.prepareContext({ helpWidth: command.configureOutput().getOutHelpWidth!() });
  const lines = exitStatuses.map(({ status, meaning }) => `${help.formatItem(`${status}`, 3, meaning, help)}\n`);
  return `Exit codes (any other code means failure too):\n${lines.join('')}`;
}

/** Tells what went wrong, and returns the exit status. With `--json`, stdout gets the one document it always gets. */
function tell(error: unknown, argv: readonly string[], context: CommandContext): number {
  if (error === undefined) return 0;
  const json = argv.includes('--json');
  if (json) context.writeErrorDocument(error);
  context.writeError(error, { json, color: !argv.includes('--no-color') });
  const message = error instanceof Error ? error.message : 'failed';
  context.problem = { code: error instanceof FigaroError ? error.code : 'internal', message: context.shown(message) };
  return context.exitCodeOf(error);
}

/** Runs the command that was asked for. Returns when it was help or the version, too. */
async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    if (argv[0] === 'help') return commandNamed(program, argv.slice(1)).outputHelp();
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw asUsage(error, program, argv);
  }
}
