/** `man`: the manual page. */

import { Command } from 'commander';
import { programVersion } from '../engine/version.ts';
import { manualPage } from '../output/man.ts';
import { type CommandContext } from './context.ts';
import { describeCommand } from './describe.ts';
import { examples } from './options.ts';
import { configPlaces } from './config-file.ts';
import { settingNames } from './setting-names.ts';
import { variablesOf } from './settings.ts';

export function manCommand(context: CommandContext): Command {
  return new Command('man')
    .summary('print the manual page')
    .description('Print the manual page, for man or groff to set. npm installs it, too.')
    .addHelpText(
      'after',
      examples('figaro-backup man | man -l -', 'figaro-backup man > /usr/local/share/man/man1/figaro-backup.1'),
    )
    .action((_options: object, command: Command) => {
      const settings = settingNames.map((name) => ({ option: `--${name}`, variables: variablesOf(name) }));
      // The page is the same for everybody who reads it.
      const places = configPlaces({ XDG_CONFIG_HOME: '$XDG_CONFIG_HOME' }, 'linux');
      context.results.write(
        manualPage(describeCommand(command.parent!), { version: programVersion, settings, places }),
      );
    });
}
