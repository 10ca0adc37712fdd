/** `documents`: the documents in containers of Berkeley DB XML. */

import { Command } from 'commander';
import { type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { documentsGetCommand } from './get.ts';
import { documentsHistoryCommand } from './history.ts';
import { documentsListCommand } from './list.ts';

export function documentsCommand(context: CommandContext): Command {
  return new Command('documents')
    .summary('list and print the documents in a container, also as of a moment that a chain covers, and their history')
    .description(
      'Look at the XML documents in a container: in a file, or in an environment, a chain or a plain copy as of a restore point. ' +
        'Nothing is recovered to disk for that, and nothing is written but what `get --output` is asked for.',
    )
    .addCommand(documentsListCommand(context))
    .addCommand(documentsGetCommand(context))
    .addCommand(documentsHistoryCommand(context))
    .addHelpText(
      'after',
      examples(
        "figaro-backup documents list docs.dbxml 'order-2026*' --repo /backup/env --to-time 2026-11-22T08:15:00Z",
        'figaro-backup documents get docs.dbxml order-2026-17 --repo /backup/env --to-time 2026-11-22T08:15:00Z',
        'figaro-backup documents history docs.dbxml order-2026-17 --repo /backup/env',
      ),
    );
}
