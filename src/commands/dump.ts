import { Command } from 'commander';
import { DatabaseFile, type Database } from '../engine/database/database-file.ts';
import { bodyOf, databaseLabel, headerLines, printable } from '../engine/database/dump.ts';
import { databasesOf, recordsOf } from '../engine/database/records.ts';
import { type Files } from '../engine/files.ts';
import { pause, type Watch } from '../engine/pause.ts';
import { FigaroError } from '../errors.ts';
import { toJson } from '../output/json.ts';
import { formatCount, table } from '../output/text.ts';
import { withCommonOptions, type CommandContext, type CommonOptions } from './context.ts';
import { examples } from './options.ts';
import { unlockedFiles, withPasswordOption, type PasswordOptions } from './password.ts';

interface DumpCommandOptions extends CommonOptions, PasswordOptions {
  readonly database?: string;
  readonly list?: true;
  readonly recordNumbers?: true;
  readonly printable?: true;
}

export function dumpCommand(context: CommandContext): Command {
  const command = new Command('dump')
    .summary('print the records of a container')
    .description(
      'Print the records of a container, or of another database file, in the format of db_dump: db_load makes a database ' +
        'of it again. The file is read as it is on disk; what is still in the log only is not in it, so recover first.',
    )
    .argument('<file>', 'a container or another database file')
    .option('-s, --database <name>', 'this database of the file (default: all of them)')
    .option('-l, --list', 'list the databases of the file')
    .option('-k, --record-numbers', 'print record numbers as keys of recno and queue')
    .option('-p, --printable', 'print characters as they are instead of bytes in hex');
  return withCommonOptions(withPasswordOption(command))
    .addHelpText(
      'after',
      examples(
        'figaro-backup dump /restore/env/docs.dbxml --list',
        'figaro-backup dump /restore/env/docs.dbxml --database secondary_document --printable',
        'figaro-backup dump /restore/env/docs.dbxml > docs.dump',
      ),
    )
    .action(async (path: string, options: DumpCommandOptions) => {
      const file = open(unlockedFiles(context, options), path);
      try {
        const databases = choose(file, options.database);
        if (options.list) list(context, options, file, databases);
        else await context.withWatch(options, (watch) => print(context, options, file, databases, watch));
      } finally {
        file.close();
      }
    });
}

/** Throws `container-missing` when there is no such file. */
function open(files: Files, path: string): DatabaseFile {
  // A link may lead to a container, too.
  const kind = files.statIfThere(path)?.kind;
  if (kind === 'file' || kind === 'link') return new DatabaseFile(files, path);
  throw new FigaroError('container-missing', `${path} is ${kind === undefined ? 'not there' : 'no file'}`, {
    path,
    hint: 'give a database file: a container, or another file of an environment.',
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

function list(
  context: CommandContext,
  options: DumpCommandOptions,
  { path, format }: DatabaseFile,
  databases: readonly Database[],
): void {
  const rows = databases.map((database) => ({ database: nameOf(database), method: database.method }));
  context.print(options, { file: path, pageSize: format.pageSize, databases: rows }, () => {
    const lines = table(rows.map(({ database, method }) => [method, database ?? '(the file itself)']));
    return `${lines}${formatCount(rows.length, 'database')}, pages of ${format.pageSize} bytes\n`;
  });
}

/** Null for a file that is a database itself. */
function nameOf(database: Database): string | null {
  return databaseLabel(database) ?? null;
}

async function print(
  context: CommandContext,
  options: DumpCommandOptions,
  file: DatabaseFile,
  databases: readonly Database[],
  watch: Watch,
): Promise<void> {
  const { results } = context;
  file.requireWhole();
  // A document can not be taken back when a page turns out to be damaged: everything is read once before.
  if (options.json) for (const database of databases) await readThrough(database, watch);
  for (const chunk of options.json ? jsonOf(context, file, databases) : textOf(databases, options)) {
    results.write(chunk);
    await results.flush();
    if (results.isClosed) return;
    await pause(watch);
  }
}

async function readThrough(database: Database, watch: Watch): Promise<void> {
  for (const _ of bodyOf(database, false)) await pause(watch);
}

function* textOf(databases: readonly Database[], options: DumpCommandOptions): Generator<string> {
  const recordNumbers = options.recordNumbers === true;
  for (const database of databases) {
    for (const line of headerLines(database, recordNumbers)) {
      // As db_dump: a database asked for by name does not say it, so that it can be loaded under another.
      if (options.database !== undefined && line.startsWith('database=')) continue;
      yield `${options.printable ? printableHeader(line) : line}\n`;
    }
    yield 'HEADER=END\n';
    for (const chunk of bodyOf(database, recordNumbers)) yield options.printable ? printable(chunk) : chunk;
    yield 'DATA=END\n';
  }
}

function printableHeader(line: string): string {
  if (line === 'format=bytevalue') return 'format=print';
  return line.startsWith(' ') ? printable(line) : line;
}

/** One document in pieces: keys and data in hex, record numbers as numbers. */
function* jsonOf(
  { envelope }: CommandContext,
  { path, format }: DatabaseFile,
  databases: readonly Database[],
): Generator<string> {
  const head = toJson({ ...envelope, file: path, pageSize: format.pageSize });
  yield `${head.slice(0, head.lastIndexOf('\n}'))},\n  "databases": [`;
  let separator = '\n';
  for (const database of databases) {
    const { method } = database;
    const name = nameOf(database);
    yield `${separator}    { "database": ${toJson(name).trimEnd()}, "method": "${method}", "records": [`;
    separator = ',\n';
    yield* jsonRecords(database);
    yield '\n    ] }';
  }
  yield '\n  ]\n}\n';
}

const chunkSize = 1 << 16;

function* jsonRecords(database: Database): Generator<string> {
  let chunk = '';
  let separator = '\n';
  for (const { key, data } of recordsOf(database)) {
    const jsonKey = key instanceof Uint8Array ? hex(key) : key;
    chunk += `${separator}      ${JSON.stringify({ key: jsonKey, data: hex(data) })}`;
    separator = ',\n';
    if (chunk.length > chunkSize) {
      yield chunk;
      chunk = '';
    }
  }
  yield chunk;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
