/** `recipients`: who can read an encrypted repository. */

import { Command } from 'commander';
import { FigaroError } from '../errors.ts';
import { withCommonOptions, withEnvironment, type CommandContext, type CommonOptions } from './context.ts';
import { repositoryOf } from './directories.ts';
import { givenKeys, type KeyOptions } from './keys.ts';
import { collect, examples, withLockWait, type LockOptions } from './options.ts';
import { withStoreAsItIs } from './stores.ts';
import { type ChangedRecipients, type Recipients } from '../engine/packed/recipients.ts';

interface RecipientsOptions extends CommonOptions, KeyOptions, LockOptions {
  readonly repo?: string;
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly newKey?: true;
}

export function recipientsCommand(context: CommandContext): Command {
  const command = new Command('recipients')
    .summary('show or change who can read an encrypted repository')
    .description(
      'Show for whom a repository is encrypted, or change it with the key file of the machine that backs up. ' +
        'Sets that are there stay as they are: who is removed can read them still, and who is added cannot. ' +
        'The next full set after an addition holds all of its pages, so take one with `hot`.',
    )
    .option('--repo <dir>', 'the repository (or $FIGARO_BACKUP_REPO)')
    .option('--add <key>', 'encrypt for this public key of age as well; repeat it for more', collect)
    .option('--remove <key>', 'encrypt for this one no longer; repeat it for more', collect)
    .option(
      '--new-key',
      'make another key for the machine that backs up, in its key file: the one so far opens nothing of what comes',
    );
  return withCommonOptions(withEnvironment(withLockWait(command)))
    .addHelpText(
      'after',
      examples(
        'figaro-backup recipients --repo /backup/env --key-file /etc/figaro-backup.key',
        'figaro-backup recipients --repo /backup/env --key-file /etc/figaro-backup.key --add age1KEY',
        'figaro-backup recipients --repo /backup/env --key-file /etc/figaro-backup.key --remove age1KEY --new-key',
      ),
    )
    .action(async (_environment: string | undefined, options: RecipientsOptions) => {
      const { add = [], remove = [], newKey: wantsKey, keyFile, lockWait: lockWaitMs = 0 } = options;
      const isChange = add.length > 0 || remove.length > 0 || wantsKey === true;
      if (wantsKey && keyFile === undefined) throw needsKeyFile();
      const given = await givenKeys(context, options);
      const { changeRecipients, readRecipients } = await import('../engine/packed/recipients.ts');
      await withStoreAsItIs(context, repositoryOf(options), options, async (stores) => {
        if (!isChange) {
          const found = await readRecipients(stores, given);
          const unchanged = { added: [], removed: [], hasNewKey: false };
          context.print(options, { ...found, ...unchanged }, () => describe(found));
          return;
        }
        const { NextKeyFile } = await import('../engine/packed/key-file.ts');
        const newKey = wantsKey ? new NextKeyFile(context.files, keyFile!) : undefined;
        const changed = await context.withWatch(options, (watch) =>
          changeRecipients(stores, given, { add, remove, newKey, lockWaitMs, watch }),
        );
        context.print(options, changed, () => describeChange(changed));
      });
    });
}

function describe({ recipients, machine, isProven }: Recipients): string {
  const lines = [...recipients, `${machine}  the machine that backs up: manifests and notes only`];
  if (!isProven) lines.push('not compared with their seal: give --key-file, or --identity of one of them');
  return `${lines.join('\n')}\n`;
}

function describeChange({ added, removed, hasNewKey, recipients }: ChangedRecipients): string {
  const lines = [...added.map((text) => `added ${text}`), ...removed.map((text) => `removed ${text}`)];
  if (hasNewKey)
    lines.push('the machine that backs up has a new key: whoever has a copy of its key file needs the one of now');
  if (added.length > 0) {
    lines.push(
      'who was added opens what is backed up from the next full set on, and nothing from before: take one with `hot`',
    );
  }
  if (removed.length > 0) {
    const known = hasNewKey
      ? ''
      : '. The key of the machine, which was in key.age, still opens manifests: --new-key makes another one';
    lines.push(`who was removed still opens sets from before, and none that are taken from now on${known}`);
  }
  if (lines.length === 0) lines.push('nothing to change');
  return `${lines.join('\n')}\nencrypted for ${recipients.join(', ')}\n`;
}

function needsKeyFile(): FigaroError {
  return new FigaroError('usage', '--new-key needs --key-file: that is where it is written', {
    hint: 'if the key file is lost, `age -d -i IDENTITY key.age` brings it back.',
  });
}
