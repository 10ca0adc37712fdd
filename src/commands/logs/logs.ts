/** `logs`: looking into logs. */

import { Command } from 'commander';
import { type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { logsListCommand } from './list.ts';
import { logsPrintCommand } from './print.ts';
import { logsPruneCommand } from './prune.ts';
import { logsTimelineCommand } from './timeline.ts';

export function logsCommand(context: CommandContext): Command {
  return new Command('logs')
    .summary('look into a log: its files, its records, what was committed when; remove what nobody needs')
    .description(
      'Look into the log of an environment, a chain or a plain copy. Only `prune --confirm` changes anything.',
    )
    .addCommand(logsListCommand(context))
    .addCommand(logsPrintCommand(context))
    .addCommand(logsTimelineCommand(context))
    .addCommand(logsPruneCommand(context))
    .addHelpText(
      'after',
      examples(
        'figaro-backup logs list --home /srv/env',
        'figaro-backup logs timeline --repo /backup/env',
        'figaro-backup logs print --repo /backup/env --since 2026-11-22T09:00:00',
      ),
    );
}
