/** `pin` and `unpin`: keeping a chain from being expired. */

import { Command } from 'commander';
import { pinChain, unpinChain } from '../engine/repository/pins.ts';
import { openRepository } from '../engine/repository/repository.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from './context.ts';
import { onStores } from './stores.ts';
import { repositoryOf } from './directories.ts';
import { examples, withLockWait, type LockOptions } from './options.ts';

interface PinCommandOptions extends CommonOptions, LockOptions {
  readonly repo?: string;
  readonly note?: string;
}

export function pinCommand(context: CommandContext): Command {
  const command = new Command('pin')
    .summary('keep a chain whatever the rules of expire say')
    .description('Pin the chain of a set: `expire` does not remove it.')
    .argument('<set>', 'any set of the chain')
    .option('--note <text>', 'why; `list` and `expire` show it', '');
  return pinning(command, context, 'figaro-backup pin 20261122T081500Z-hot-7f3a9c --note "before the move"');
}

export function unpinCommand(context: CommandContext): Command {
  const command = new Command('unpin')
    .summary('let expire remove a pinned chain again')
    .description('Take the pin from the chain of a set.')
    .argument('<set>', 'any set of the chain');
  return pinning(command, context, 'figaro-backup unpin 20261122T081500Z-hot-7f3a9c');
}

function pinning(command: Command, context: CommandContext, example: string): Command {
  command.option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  return withCommonOptions(withLockWait(command))
    .addHelpText('after', examples(example))
    .action(
      onStores(context, async (set: string, options: PinCommandOptions) => {
        const { files } = context;
        const repository = openRepository(files, repositoryOf(options));
        const { note, lockWait: lockWaitMs = 0 } = options;
        if (note === undefined) {
          const { chain, wasPinned } = await unpinChain(files, repository, { set, lockWaitMs });
          const text = `${chain} ${wasPinned ? 'is no longer pinned' : 'was not pinned'}\n`;
          context.printSuccess(options, { chain }, () => text);
          return;
        }
        const { chain, pin } = await pinChain(files, repository, { set, note, lockWaitMs });
        context.printSuccess(options, { chain, pin }, () => `${chain} is pinned\n`);
      }),
    );
}
