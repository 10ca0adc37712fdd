/** `init`: a repository made on purpose. */

import path from 'node:path';
import { Command, Option } from 'commander';
import { createDurably } from '../engine/files/durable.ts';
import { type Head, type PackedHead } from '../engine/repository/head.ts';
import { createRepository, findRepository, newHead } from '../engine/repository/repository.ts';
import { FigaroError } from '../errors.ts';
import { inOneLine } from '../output/text.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { type KeyOptions } from './keys.ts';
import { onStores, type FoundRepository } from './stores.ts';
import { repositoryOf } from './directories.ts';
import { collect, countArgument, examples } from './options.ts';

interface InitCommandOptions extends CommonOptions, KeyOptions, FoundRepository {
  readonly repo?: string;
  readonly packed?: true;
  readonly recipient?: readonly string[];
  readonly mostDepth: number;
}

export function initCommand(context: CommandContext): Command {
  const command = new Command('init')
    .summary('make a repository')
    .description(
      'Make a repository in a directory that is empty, or does not exist yet while the one above it does. ' +
        'Where there is a repository already, nothing is done, and all is well. ' +
        'The first `hot` or `offline` makes one, too, and says so.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--packed', 'compressed, and of each full set what changed since the one before')
    .option('--recipient <key>', 'packed, and encrypted to this public key of age; repeat it for more', collect)
    .addOption(
      new Option('--most-depth <count>', 'how many full sets share pages, at most')
        .argParser(countArgument)
        .default(30),
    );
  return withCommonOptions(withEnvironment(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup init --repo /backup/env',
        'figaro-backup init --repo s3://bucket/env --recipient age1KEY --key-file /etc/figaro-backup.key',
      ),
    )
    .action(
      onStores(context, async (_environment: string | undefined, options: InitCommandOptions) => {
        const given = repositoryOf(options);
        const found: Head | undefined = options.foundHead ?? findRepository(context.files, given);
        if (found) requireAsWanted(context.named(given), found, options);
        const { id } = newHead();
        const { packed, companions } = found ? nothingToMake : await packingOf(context, id, options);
        const { repository, created } = createRepository(context.files, given, { id, ...(packed ? { packed } : {}) });
        const { directory } = repository;
        for (const [name, bytes] of created ? companions : []) {
          createDurably(context.files, path.join(directory, name), bytes);
        }
        const how = packed?.keys ? 'new, packed and encrypted' : packed ? 'new, packed' : 'new';
        const text = `${inOneLine(directory)} is ${created ? `a ${how}` : 'already a'} repository, ${repository.id}\n`;
        context.print(options, { repository: { path: directory, id: repository.id }, created }, () => text);
      }),
    );
}

/** Throws `target-not-empty` for a repository that is not what was asked for: what is written to it would not be, either. */
function requireAsWanted(place: string, { packed }: Head, { packed: isPacked, recipient }: InitCommandOptions): void {
  const differs = (how: string, hint = 'make another one, and bring its sets over with `copy`.'): FigaroError =>
    new FigaroError('target-not-empty', `${inOneLine(place)} is a repository already, and ${how}`, {
      path: place,
      hint,
    });
  if ((isPacked || recipient) && !packed) throw differs('not a packed one');
  if (!recipient) return;
  const recipients = packed!.keys?.recipients;
  if (!recipients) throw differs('not encrypted');
  const isSame = recipients.length === new Set(recipient).size && recipient.every((each) => recipients.includes(each));
  if (!isSame)
    throw differs('encrypted for other recipients', '`figaro-backup recipients` lists, adds and removes them.');
}

interface PackingOfNew {
  readonly packed?: PackedHead;
  readonly companions: readonly (readonly [name: string, bytes: Uint8Array | string])[];
}

const nothingToMake: PackingOfNew = { companions: [] };

async function packingOf(context: CommandContext, id: string, options: InitCommandOptions): Promise<PackingOfNew> {
  const { packed: isPacked, recipient, mostDepth, keyFile } = options;
  if (!isPacked && !recipient) return nothingToMake;
  const { companionsOf } = await import('../engine/packed/companions.ts');
  if (!recipient) {
    const packed = { mostDepth };
    return { packed, companions: [...companionsOf({ id, packed })] };
  }
  if (keyFile === undefined) {
    throw new FigaroError('usage', '--recipient needs --key-file: the machine that backs up has a key of its own', {
      hint: 'name a file with --key-file: it is made where there is none. It opens what is known of sets, and not what is in them.',
    });
  }
  const { headKeys, sealedKey } = await import('../engine/packed/keys.ts');
  const recipients = [...new Set(recipient)];
  const machine = await machineKeys(context, keyFile, recipients);
  const packed = { mostDepth, keys: await headKeys(id, recipients, machine[0]) };
  const companions = companionsOf({ id, packed });
  return { packed, companions: [...companions, await sealedKey(recipients, machine)] };
}

/** The keys in a file, which is made where there is none: its own first. */
async function machineKeys(
  context: CommandContext,
  file: string,
  recipients: readonly string[],
): Promise<readonly [machine: string, ...earlier: string[]]> {
  const { parseRecipient } = await import('../engine/age/recipients.ts');
  const [first] = recipients.map(parseRecipient);
  if (!context.files.statThrough(file)) {
    const { createKeyFile } = await import('../engine/packed/key-file.ts');
    await createKeyFile(context.files, file, first!.isPostQuantum);
  }
  const { givenKeys } = await import('./keys.ts');
  const { machine, earlier = [] } = await givenKeys(context, { keyFile: file });
  return [machine!, ...earlier];
}
