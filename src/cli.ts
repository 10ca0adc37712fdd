import { Command, CommanderError } from 'commander';
import { hotCommand, incrementalCommand, offlineCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { configCommand } from './commands/config.ts';
import { CommandContext, type CommonOptions, type Io } from './commands/context.ts';
import { dumpCommand } from './commands/dump.ts';
import { expireCommand } from './commands/expire.ts';
import { listCommand } from './commands/list.ts';
import { inspectCommand } from './commands/inspect/inspect.ts';
import { examples } from './commands/options.ts';
import { logsCommand } from './commands/logs/logs.ts';
import { pinCommand, unpinCommand } from './commands/pin.ts';
import { recoverCommand } from './commands/recover.ts';
import { applySettings, readSettings } from './commands/settings.ts';
import { verifyCommand } from './commands/verify.ts';
import { nodeFiles, type Files } from './engine/files.ts';
import { programVersion } from './engine/version.ts';
import { FigaroError, exitCodes } from './errors.ts';
import { exitCodeHelp } from './output/exit-codes.ts';
import { bugToJson, errorToJson } from './output/json.ts';
import { bugText, colours, errorText } from './output/report.ts';

/** In the order of the help. */
const commands: readonly ((context: CommandContext) => Command)[] = [
  offlineCommand,
  hotCommand,
  incrementalCommand,
  recoverCommand,
  verifyCommand,
  listCommand,
  checkCommand,
  expireCommand,
  pinCommand,
  unpinCommand,
  logsCommand,
  inspectCommand,
  dumpCommand,
  configCommand,
];

/** Runs the program on arguments (without node and script) and returns its exit status. Never throws. */
export async function run(argv: readonly string[], io: Io, files: Files = nodeFiles): Promise<number> {
  const context = new CommandContext(io, files);
  try {
    await buildProgram(context).parseAsync(argv, { from: 'user' });
    await context.results.flush();
    return context.exitCode;
  } catch (error) {
    const exitCode = tell(asFigaroError(error), argv, context);
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
    .helpCommand('help [command]', 'show help for a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.results.write(text),
      // What commander has to say about an error is thrown, and told in our form.
      writeErr: () => {},
      getOutHasColors: () => false,
    })
    .addHelpText(
      'after',
      examples(
        'figaro-backup hot --home /srv/env --repo /backup/env',
        'figaro-backup incremental --home /srv/env --repo /backup/env',
        'figaro-backup recover --repo /backup/env --to /restore/env',
      ) + exitCodeHelp(),
    );
  for (const create of commands) adopt(program, create(context));
  program.hook('preAction', (_program, command) => {
    const [argument] = command.registeredArguments;
    const environment =
      argument?.name() === 'environment' ? (command.processedArgs[0] as string | undefined) : undefined;
    const { config } = command.opts<CommonOptions>();
    applySettings(command, readSettings(context.files, context.io.env, { config, environment }));
  });
  return program;
}

/** Adds a command, and makes it and those below it behave as the program does. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent).helpOption('-h, --help', 'show help');
  if (!parent.commands.includes(command)) parent.addCommand(command);
  for (const child of command.commands) adopt(command, child);
}

/** Tells what went wrong, and returns the exit status. With `--json`, stdout gets the one document it always gets. */
function tell(error: unknown, argv: readonly string[], { io, results }: CommandContext): number {
  const wantsJson = argv.includes('--json');
  const chalk = colours(io.stderr, io.env, !argv.includes('--no-color'));
  if (error === undefined) return 0;
  if (error instanceof FigaroError) {
    const isTerminated = error.code === 'interrupted' && io.signal?.reason === 'SIGTERM';
    const exitCode = isTerminated ? 143 : error.exitCode;
    if (wantsJson) results.write(errorToJson(error, exitCode));
    io.stderr.write(errorText(error, chalk));
    return exitCode;
  }
  if (wantsJson) results.write(bugToJson(error));
  io.stderr.write(bugText(error, programVersion, chalk));
  return exitCodes.internal;
}

/** Undefined for what commander throws after printing help or version. */
function asFigaroError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return undefined;
  const hint = 'see `figaro-backup --help`, or `figaro-backup <command> --help`.';
  if (error.code === 'commander.help') return new FigaroError('usage', 'no command was given', { hint });
  const [first = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  return new FigaroError('usage', first.replace(/\.$/, ''), {
    hint: suggestion === undefined ? hint : suggestion.replaceAll(/[()]/g, '').toLowerCase(),
  });
}
