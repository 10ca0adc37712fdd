import { Command } from 'commander';
import { table } from '../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from './context.ts';
import { examples } from './options.ts';
import { configPlaces, readSettings } from './settings.ts';

export function configCommand(context: CommandContext): Command {
  return new Command('config')
    .summary('show the settings that hold, and where each comes from')
    .description('Settings come from the command line, from variables, from the configuration file, in this order.')
    .addCommand(showCommand(context))
    .addHelpText('after', examples('figaro-backup config show', 'figaro-backup config show orders'));
}

function showCommand(context: CommandContext): Command {
  const command = new Command('show')
    .summary('show the settings that hold, and where each comes from')
    .description('Show the settings that hold for an environment of the configuration file, or in general.')
    .argument('[environment]', 'an environment of the configuration file');
  return withCommonOptions(command)
    .addHelpText('after', examples('figaro-backup config show', 'figaro-backup config show orders --json'))
    .action((environment: string | undefined, options: CommonOptions) => {
      const { env } = context.io;
      const settings = readSettings(context.files, env, { config: options.config, environment });
      context.print(options, { environment, settings }, () =>
        settings.length === 0
          ? `nothing is set; the configuration file would be ${configPlaces(env).join(' or ')}\n`
          : table(settings.map(({ name, value, source }) => [name, value, source])),
      );
    });
}
