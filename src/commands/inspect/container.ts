import { Command } from 'commander';
import { takeInventory, type ContainerInventory } from '../../engine/database/inventory.ts';
import { releaseOfDatabase } from '../../format/releases.ts';
import { describeInventory } from '../../output/inventory.ts';
import { formatCount } from '../../output/text.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { examples } from '../options.ts';
import { noteOfLogBeside, warningOfLogBeside } from '../log-beside.ts';
import { findFile, withFileOptions, type FileOptions } from './file.ts';

export function inspectContainerCommand(context: CommandContext): Command {
  const command = new Command('container')
    .summary('show what a container holds: databases, records, pages, documents, indexes')
    .description(
      'Show what a container, or another database file, holds: its databases with their records and pages, how full these ' +
        'are, and of Berkeley DB XML how documents are stored and indexed. Every page is read once. Damage that is met is ' +
        'told, and the exit status is 4; what is still in the log only is not in the file, which a warning tells where the log lies beside it.',
    )
    .argument('<file>', 'a container or another database file; with --home, its name in there');
  return withCommonOptions(withFileOptions(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup inspect container /restore/env/docs.dbxml',
        'figaro-backup inspect container --home /srv/env docs.dbxml --json',
      ),
    )
    .action(async (name: string, options: FileOptions) => {
      const { files, path } = findFile(context, options, name);
      const [inventory, behind] = await context.withWatch(options, async (watch) => {
        const found = await takeInventory(files, path, watch);
        // What is damaged is told of the log in other words, without a look into it.
        return [found, found.findingCount === 0 ? await warningOfLogBeside(files, path, watch) : undefined];
      });
      context.print(options, toDocument(inventory), () => describeInventory(inventory));
      const { findings, findingCount } = inventory;
      if (behind !== undefined) context.addWarning(options, behind);
      const more = findingCount > 1 ? `, and ${formatCount(findingCount - 1, 'more finding')}` : '';
      if (findingCount === 0) return;
      context.found('page-type', `${findings[0]!.message}${more}${noteOfLogBeside(files, path)}`);
    });
}

function toDocument({ format, ...inventory }: ContainerInventory): object {
  const { method, version, pageSize, littleEndian, checksums, encrypted, uid } = format;
  const release = releaseOfDatabase(method, version);
  return { ...inventory, format: { method, version, release, pageSize, littleEndian, checksums, encrypted, uid } };
}
