/** `unpack`: a set as a plain directory. */

import path from 'node:path';
import { Command } from 'commander';
import { openRepository } from '../engine/repository/repository.ts';
import { unpackSet, type UnpackedSet } from '../engine/transfer/unpack-set.ts';
import { formatBytes, formatCount, inOneLine } from '../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { examples } from './options.ts';
import { onStores } from './stores.ts';

interface UnpackCommandOptions extends CommonOptions {
  readonly repo?: string;
}

export function unpackCommand(context: CommandContext): Command {
  const command = new Command('unpack')
    .summary('make a plain directory of one set, for other tools')
    .description(
      'Put one set into a directory that is empty or does not exist, as a plain repository has it: `environment/` with its files, `SHA256SUMS` and `manifest.json`. ' +
        'Every file is compared with its SHA-256 on the way, and the directory gets its name when all of it is there. ' +
        'Nothing is recovered: `recover --from DIR/environment` or `db_recover` does that.',
    )
    .argument('<set>', 'the set, by its name or what is unique of it; latest: the newest')
    .argument('<dir>', 'the directory to be made')
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO); it is only read');
  return withCommonOptions(command)
    .addHelpText(
      'after',
      examples(
        'figaro-backup unpack latest /tmp/set --repo s3://bucket/env --identity keys.txt',
        'figaro-backup unpack 20261122T081500Z-hot-7f3a9c /tmp/set --repo /backup/env',
      ),
    )
    .action(
      onStores(context, async (set: string, to: string, options: UnpackCommandOptions) => {
        const repository = openRepository(context.files, repositoryOf(options));
        const unpacked = await context.withWatch(options, (watch) =>
          unpackSet(context.files, repository, { set, to, watch }),
        );
        context.warn(options, unpacked.warnings);
        context.printSuccess(options, toDocument(unpacked), () => describe(unpacked));
      }),
    );
}

function toDocument({ set: { id, manifest }, directory, bytes, before, warnings }: UnpackedSet): object {
  return { set: id, chain: manifest.chain, directory, files: manifest.files.length, bytes, before, warnings };
}

function describe({ set: { id, manifest }, directory, bytes, before }: UnpackedSet): string {
  const text = `${id} is in ${inOneLine(directory)}: ${formatCount(manifest.files.length, 'file')}, ${formatBytes(bytes)}\n`;
  if (manifest.kind !== 'incremental') return text;
  const sets = before.length === 0 ? 'the sets' : formatCount(before.length, 'set');
  const environment = inOneLine(path.join(directory, 'environment'));
  return `${text}it continues ${sets} before it: \`recover --from\` takes them, unpacked as well, the oldest first, and ${environment} last\n`;
}
