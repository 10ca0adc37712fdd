/** `init`: a repository made on purpose. */

import { Command } from 'commander';
import { createRepository } from '../engine/repository/repository.ts';
import { inOneLine } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { onStores } from './stores.ts';
import { repositoryOf } from './directories.ts';
import { examples } from './options.ts';

interface InitCommandOptions extends CommonOptions {
  readonly repo?: string;
}

export function initCommand(context: CommandContext): Command {
  const command = new Command('init')
    .summary('make a repository')
    .description(
      'Make a repository in a directory that is empty, or does not exist yet while the one above it does. ' +
        'Where there is a repository already, nothing is done, and all is well. ' +
        'The first `hot` or `offline` makes one, too, and says so.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)');
  return withCommonOptions(withEnvironment(command))
    .addHelpText('after', examples('figaro-backup init --repo /backup/env'))
    .action(
      onStores(context, (_environment: string | undefined, options: InitCommandOptions) => {
        const { repository, created } = createRepository(context.files, repositoryOf(options));
        const { directory } = repository;
        const text = `${inOneLine(directory)} is ${created ? 'a new' : 'already a'} repository, ${repository.id}\n`;
        context.print(options, { repository: { path: directory, id: repository.id }, created }, () => text);
      }),
    );
}
