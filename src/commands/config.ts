import { Command } from 'commander';
import { inOneLine, maskedUrl, table } from '../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from './context.ts';
import { examples } from './options.ts';
import { configPlaces, findConfig } from './config-file.ts';
import { commandsWithTables } from './setting-names.ts';
import { readSettings, type Setting } from './settings.ts';

export function configCommand(context: CommandContext): Command {
  return new Command('config')
    .summary('show the settings in effect, and where each comes from')
    .description('Settings come from the command line, from variables, from the configuration file, in this order.')
    .addCommand(showCommand(context))
    .addHelpText('after', examples('figaro-backup config show', 'figaro-backup config show orders'));
}

function showCommand(context: CommandContext): Command {
  const command = new Command('show')
    .summary('show the settings in effect, and where each comes from')
    .description('Show the settings in effect for an environment of the configuration file, or in general.')
    .argument('[environment]', 'an environment of the configuration file');
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup config show', 'figaro-backup config show orders --json'))
    .action((environment: string | undefined, options: CommonOptions) => {
      const { env } = context.io;
      const wanted = { config: options.config, environment };
      const general = readSettings(context.files, env, wanted);
      const particular = commandsWithTables.flatMap((command) =>
        readSettings(context.files, env, { ...wanted, command }).filter((setting) => setting.command !== undefined),
      );
      const settings = [...general, ...particular].map(shown);
      context.print(options, { environment, settings }, () =>
        settings.length === 0
          ? nothingSet(context, options)
          : table(
              settings.map(({ command, name, value, source }) => [
                command === undefined ? name : `${command}: ${name}`,
                inWords(value),
                source,
              ]),
            ),
      );
    });
}

/** What is set for environments only is shown with their names. */
function nothingSet({ files, io: { env } }: CommandContext, { config }: CommonOptions): string {
  const file = findConfig(files, env, config);
  if (!file) return `nothing is set; the configuration file would be ${configPlaces(env).join(' or ')}\n`;
  const names = Object.keys(file.environments).map(inOneLine);
  const place = inOneLine(file.path);
  if (names.length === 0) return `nothing is set in ${place}\n`;
  return `nothing is set for every environment; to see the settings of one that ${place} has: figaro-backup config show ${names.join('|')}\n`;
}

function inWords(value: Setting['value']): string {
  if (typeof value === 'string') return value === '' ? '""' : value;
  return value.length === 0 ? '[]' : value.join(' ');
}

/** Whoever knows the URL of a heartbeat can say that all is well. */
function shown({ name, value, source, command }: Setting): Omit<Setting, 'file'> {
  return {
    ...(command === undefined ? {} : { command }),
    name,
    value: name === 'heartbeat' && typeof value === 'string' && value !== '' ? maskedUrl(value) : value,
    source,
  };
}
