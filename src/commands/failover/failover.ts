/** `failover`: a standby that is kept current, and brought up when the primary is lost. */

import { Command } from 'commander';
import { type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { failoverFollowCommand } from './follow.ts';
import { failoverPromoteCommand } from './promote.ts';
import { failoverStatusCommand } from './status.ts';

export function failoverCommand(context: CommandContext): Command {
  return new Command('failover')
    .summary('keep a standby current from a log, and bring it up when the primary is lost')
    .description(
      'Keep a standby of an environment: its databases are as of the last round of `follow`, each of which applies the log that is new. ' +
        '`promote` makes it an environment that the application opens.',
    )
    .addCommand(failoverFollowCommand(context))
    .addCommand(failoverStatusCommand(context))
    .addCommand(failoverPromoteCommand(context))
    .addHelpText(
      'after',
      examples(
        'figaro-backup failover follow --home /srv/env --standby /standby/env',
        'figaro-backup failover status --standby /standby/env',
        'figaro-backup failover promote --standby /standby/env',
      ),
    );
}
