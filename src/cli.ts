import { Command, CommanderError, Option } from 'commander';
import { hotCommand, incrementalCommand, offlineCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { CommandContext, type CommonOptions, type Io } from './commands/context.ts';
import { dumpCommand } from './commands/dump/dump.ts';
import { expireCommand } from './commands/expire.ts';
import { failoverCommand } from './commands/failover/failover.ts';
import { initCommand } from './commands/init.ts';
import { listCommand } from './commands/list.ts';
import { inspectCommand } from './commands/inspect/inspect.ts';
import { commonHeading, examples } from './commands/options.ts';
import { logsCommand } from './commands/logs/logs.ts';
import { manCommand } from './commands/man.ts';
import { pinCommand, unpinCommand } from './commands/pin.ts';
import { recoverCommand } from './commands/recover.ts';
import { applySettings, commandName, readSettings } from './commands/settings.ts';
import { showCommand } from './commands/show.ts';
import { verifyCommand } from './commands/verify.ts';
import { nodeFiles } from './engine/files/node-files.ts';
import { type Files } from './engine/files/files.ts';
import { programVersion } from './engine/version.ts';
import { setsInFuture } from './engine/repository/repository.ts';
import { FigaroError } from './errors.ts';
import { exitStatuses } from './output/exit-codes.ts';
import { bugText, colours, errorText } from './output/report.ts';

/** In the order of the help, under its headings. */
const commands: Readonly<Record<string, readonly ((context: CommandContext) => Command)[]>> = {
  'Back up:': [initCommand, offlineCommand, hotCommand, incrementalCommand],
  'Recover:': [recoverCommand, failoverCommand],
  'Look and check:': [verifyCommand, listCommand, showCommand, checkCommand, logsCommand, inspectCommand, dumpCommand],
  'Keep and remove:': [expireCommand, pinCommand, unpinCommand],
  'This program:': [configCommand, completionCommand, manCommand],
};

/** With `--json`, these print a document a line, the one of an error included. */
const printLines: ReadonlySet<string> = new Set(['logs print']);

/** Runs the program on arguments (without node and script) and returns its exit status. Never throws. */
export async function run(argv: readonly string[], io: Io, files: Files = nodeFiles): Promise<number> {
  const context = new CommandContext(io, files);
  context.printsLines = printLines.has(argv.slice(0, 2).join(' '));
  try {
    await parse(buildProgram(context), argv);
    if (context.bug) throw context.bug;
    context.writeDocument();
    await context.results.flush();
    return context.exitCode;
  } catch (error) {
    const exitCode = tell(context.bug ?? error, argv, context);
    // The outcome is decided; a stdout that fails as well changes nothing.
    await context.results.flush().catch(() => {});
    return exitCode;
  }
}

/** The program with all its commands. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('figaro-backup')
    .description('Back up and recover Figaro (Berkeley DB XML) environments. No Berkeley DB is needed.')
    .version(programVersion, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.results.write(text),
      // What commander has to say about an error is thrown, and told in our form.
      writeErr: () => {},
      getOutHasColors: () => false,
      getOutHelpWidth: () => helpWidth(context.io),
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
  for (const [heading, creators] of Object.entries(commands)) {
    program.commandsGroup(heading);
    for (const create of creators) program.addCommand(create(context));
  }
  adopt(program);
  program.hook('preAction', (_program, command) => {
    const [argument] = command.registeredArguments;
    const environment =
      argument?.name() === 'environment' ? (command.processedArgs[0] as string | undefined) : undefined;
    const { config } = command.opts<CommonOptions>();
    context.command = commandName(command);
    applySettings(
      context.files,
      command,
      readSettings(context.files, context.io.env, { config, environment, command: context.command }),
    );
    warnOfFutureSets(context, command);
  });
  return program;
}

/** Whatever a command does with a repository: a set that is dated in the future says that a clock is or was wrong. */
function warnOfFutureSets(context: CommandContext, command: Command): void {
  const { repo, ...options } = command.opts<CommonOptions & { readonly repo?: string }>();
  const directory = repo ?? context.io.env['FIGARO_BACKUP_REPO'];
  if (!directory || !command.options.some(({ long }) => long === '--repo')) return;
  for (const { id, time } of setsInFuture(context.files, directory)) {
    context.addWarning(options, `${id} is dated in the future, ${time}: a clock was wrong then, or is wrong now`);
  }
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
function helpWidth({ stdout }: Io): number {
  return (stdout.isTTY && stdout.columns) || 80;
}

function exitCodeHelp(command: Command): string {
  const help = command.createHelp();
  help.prepareContext({ helpWidth: command.configureOutput().getOutHelpWidth!() });
  const lines = exitStatuses.map(({ status, meaning }) => `${help.formatItem(`${status}`, 3, meaning, help)}\n`);
  return `Exit codes (any other code means failure too):\n${lines.join('')}`;
}

/** Tells what went wrong, and returns the exit status. With `--json`, stdout gets the one document it always gets. */
function tell(error: unknown, argv: readonly string[], context: CommandContext): number {
  const { io } = context;
  const wantsJson = argv.includes('--json');
  const chalk = colours(io.stderr, io.env, !argv.includes('--no-color'));
  if (error === undefined) return 0;
  if (wantsJson) context.writeErrorDocument(error);
  io.stderr.write(error instanceof FigaroError ? errorText(error, chalk) : bugText(error, programVersion, chalk));
  return context.exitCodeOf(error);
}

/** Runs the command that was asked for. Returns when it was help or the version, too. */
async function parse(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) throw asUsage(error);
  }
}

function asUsage(error: CommanderError): FigaroError {
  const hint = 'see `figaro-backup --help`, or `figaro-backup <command> --help`.';
  if (error.code === 'commander.help') return new FigaroError('usage', 'no command was given', { hint });
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  return new FigaroError('usage', first.replace(/\.$/, ''), {
    hint: suggestion === undefined ? hint : suggestion.replaceAll(/[()]/g, '').toLowerCase(),
  });
}
