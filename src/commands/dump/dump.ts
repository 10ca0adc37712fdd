import { Command, Option } from 'commander';
import { DatabaseFile, type Database } from '../../engine/database/database-file.ts';
import { bodyOf, databaseLabel, headerLines } from '../../engine/database/dump.ts';
import { databasesOf, recordsOf } from '../../engine/database/records.ts';
import { type Files } from '../../engine/files/files.ts';
import { pause, type Watch } from '../../engine/pause.ts';
import { FigaroError } from '../../errors.ts';
import { findContainer, withContainerSource, type ContainerSourceOptions } from '../container-source.ts';
import { withCommonOptions, type CommandContext } from '../context.ts';
import { onStores } from '../stores.ts';
import {
  jsonOf,
  printList,
  textOf,
  writePieces,
  type PrintedDatabase,
  type PrintedFile,
  type PrintOptions,
} from './print.ts';
import { salvage, type SalvageCommandOptions } from './salvage.ts';
import { countArgument, examples, pageSizeArgument } from '../options.ts';

interface DumpCommandOptions extends ContainerSourceOptions, PrintOptions, SalvageCommandOptions {
  readonly recordNumbers?: true;
  readonly salvage?: true;
}

export function dumpCommand(context: CommandContext): Command {
  const command = new Command('dump')
    .summary('print the records of a container')
    .description(
      'Print the records of a container, or of another database file, in the format of db_dump: db_load makes a database ' +
        'of it again. A file is read as it is on disk, without what is in the log only; one of an environment, a chain or a plain ' +
        'copy as of a restore point, for which it is recovered in memory. ' +
        'Of a damaged file, --salvage prints every record that can be read, as db_dump -r does: pages that are passed over ' +
        'and what is not certain are named on stderr, and the exit status is 4 unless the file is sound.',
    )
    .argument(
      '<file>',
      'a container or another database file; or its name in an environment, with --repo, --home or --from',
    )
    .option('-s, --database <name>', 'this database of the file (default: all of them)')
    .option('-l, --list', 'list the databases of the file')
    .addOption(
      new Option('-k, --record-numbers', 'print record numbers as keys of recno and queue').conflicts('salvage'),
    )
    .option('-p, --printable', 'print characters as they are instead of bytes in hex')
    .option('--salvage', 'print what can be read of a damaged file')
    .addOption(
      new Option('--page-size <bytes>', 'with --salvage: pages of this size, where the file does not tell').argParser(
        pageSizeArgument,
      ),
    )
    .addOption(
      new Option(
        '--record-length <bytes>',
        'with --salvage: records of a queue of this length, where its first page does not tell',
      ).argParser(countArgument),
    );
  command.option('--any-order', 'with --salvage, do not check the order of keys: the application has one of its own');
  return withCommonOptions(withContainerSource(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup dump /restore/env/docs.dbxml --list',
        'figaro-backup dump /restore/env/docs.dbxml --database secondary_document --printable',
        'figaro-backup dump /restore/env/docs.dbxml > docs.dump',
        'figaro-backup dump orders.db --repo /backup/env --to-time 2026-11-22T08:15:00Z --printable',
        'figaro-backup dump --salvage /srv/env/docs.dbxml > docs.dump',
      ),
    )
    .action(
      onStores(context, async (name: string, options: DumpCommandOptions) => {
        const source = findContainer(context, command, name, options);
        if (options.salvage && source.places.length > 0) {
          throw new FigaroError(
            'usage',
            '--salvage reads a file as it is on disk: it cannot be used with a restore point',
            {
              hint: 'name the file itself, without --repo, --home and --from.',
            },
          );
        }
        if (!options.salvage) requireSalvage(options);
        await context.withWatch(options, (watch) =>
          source.look(watch, async ({ files, path, warnings }) => {
            context.warn(options, warnings);
            await (options.salvage ? salvage : dump)(context, options, files, path, watch);
          }),
        );
      }),
    );
}

async function dump(
  context: CommandContext,
  options: DumpCommandOptions,
  files: Files,
  path: string,
  watch: Watch,
): Promise<void> {
  const file = new DatabaseFile(files, path);
  try {
    const databases = choose(file, options.database);
    const toPrint = databases.map((database) => printed(database, options.recordNumbers === true));
    if (options.list) printList(context, options, placeOf(file), toPrint);
    else await print(context, options, file, toPrint, watch);
  } finally {
    file.close();
  }
}

function requireSalvage({ pageSize, recordLength, anyOrder }: DumpCommandOptions): void {
  const option =
    pageSize !== undefined
      ? '--page-size'
      : recordLength !== undefined
        ? '--record-length'
        : anyOrder
          ? '--any-order'
          : undefined;
  if (option === undefined) return;
  throw new FigaroError('usage', `${option} has a meaning with --salvage only`, {
    hint: 'what the first page of a file says is believed otherwise.',
  });
}

/** The databases asked for. Throws `usage` when there is none of that name. */
function choose(file: DatabaseFile, name: string | undefined): Database[] {
  const databases = databasesOf(file);
  if (name === undefined) return databases;
  const found = databases.filter((database) => databaseLabel(database) === name);
  if (found.length > 0) return found;
  throw new FigaroError('usage', `${file.path} holds no database ${name}`, {
    path: file.path,
    hint: 'see what it holds with --list.',
  });
}

function printed(database: Database, recordNumbers: boolean): PrintedDatabase {
  return {
    label: databaseLabel(database) ?? null,
    method: database.method,
    header: () => headerLines(database, recordNumbers),
    body: () => bodyOf(database, recordNumbers),
    records: () => recordsOf(database),
  };
}

function placeOf({ path, format }: DatabaseFile): PrintedFile {
  return { path, pageSize: format.pageSize };
}

async function print(
  context: CommandContext,
  options: DumpCommandOptions,
  file: DatabaseFile,
  databases: readonly PrintedDatabase[],
  watch: Watch,
): Promise<void> {
  file.requireWhole();
  // A document cannot be taken back when a page turns out to be damaged: everything is read once before.
  if (options.json) for (const { body } of databases) for (const _ of body()) await pause(watch);
  // What is there is printed; whether it is all of it, nobody can say.
  const gap = file.queueGap();
  const warnings = gap ? [file.broken(gap.pgno, gap.problem).message] : [];
  const pieces = options.json
    ? jsonOf(context, placeOf(file), databases, () => (gap ? { warnings } : {}))
    : textOf(databases, options);
  await writePieces(context, pieces, watch);
  context.warn(options, warnings);
}
