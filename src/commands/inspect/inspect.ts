/** `inspect`: what environments, containers and pages are. */

import { Command } from 'commander';
import { type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { inspectContainerCommand } from './container.ts';
import { inspectEnvironmentCommand } from './environment.ts';
import { inspectPageCommand } from './page.ts';

export function inspectCommand(context: CommandContext): Command {
  return new Command('inspect')
    .summary('show what an environment, a container or a page is')
    .description(
      'Show what an environment, a container or a page is. Everything is read as it is on disk, and only read.',
    )
    .addCommand(inspectEnvironmentCommand(context))
    .addCommand(inspectContainerCommand(context))
    .addCommand(inspectPageCommand(context))
    .addHelpText(
      'after',
      examples(
        'figaro-backup inspect environment --home /srv/env',
        'figaro-backup inspect container /srv/env/docs.dbxml',
        'figaro-backup inspect page /srv/env/docs.dbxml 7',
      ),
    );
}
