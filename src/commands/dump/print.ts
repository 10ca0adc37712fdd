/** Databases as text and as JSON, piece by piece. */

import { type DatabaseMethod } from '../../engine/database/database-file.ts';
import { printable } from '../../engine/database/dump.ts';
import { type DatabaseRecord } from '../../engine/database/trees.ts';
import { pause, type Watch } from '../../engine/pause.ts';
import { toJson } from '../../output/json.ts';
import { formatCount, table } from '../../output/text.ts';
import { type CommandContext, type CommonOptions } from '../context.ts';

export interface PrintOptions {
  readonly database?: string;
  readonly list?: true;
  readonly printable?: true;
}

/** A database to be printed; its records are read once. */
export interface PrintedDatabase {
  /** Null for a file that is a database itself. */
  readonly label: string | null;
  readonly method: DatabaseMethod;
  readonly header: () => readonly string[];
  /** The lines of its records, in pieces; some may be empty. */
  readonly body: () => Iterable<string>;
  readonly records: () => Iterable<DatabaseRecord | undefined>;
}

export interface PrintedFile {
  readonly path: string;
  /** In bytes. */
  readonly pageSize: number;
}

/** Writes pieces until there are no more, or nobody reads them. */
export async function writePieces({ results }: CommandContext, pieces: Iterable<string>, watch: Watch): Promise<void> {
  for (const piece of pieces) {
    results.write(piece);
    await results.flush();
    if (results.isClosed) return;
    await pause(watch);
  }
}

/** Prints which databases a file has. `more` goes into the document. */
export function printList(
  context: CommandContext,
  options: CommonOptions,
  { path, pageSize }: PrintedFile,
  databases: readonly Pick<PrintedDatabase, 'label' | 'method'>[],
  more: object = {},
): void {
  const rows = databases.map(({ label, method }) => ({ database: label, method }));
  context.print(options, { file: path, pageSize, databases: rows, ...more }, () => {
    const lines = table(rows.map(({ database, method }) => [method, database ?? '(the file itself)']));
    return `${lines}${formatCount(rows.length, 'database')}, pages of ${pageSize} bytes\n`;
  });
}

export function* textOf(databases: Iterable<PrintedDatabase>, options: PrintOptions): Generator<string> {
  for (const { header, body } of databases) {
    for (const line of header()) {
      // As db_dump: a database asked for by name does not say it, so that it can be loaded under another.
      if (options.database !== undefined && line.startsWith('database=')) continue;
      yield `${options.printable ? printableHeader(line) : line}\n`;
    }
    yield 'HEADER=END\n';
    for (const piece of body()) yield options.printable ? printable(piece) : piece;
    yield 'DATA=END\n';
  }
}

function printableHeader(line: string): string {
  if (line === 'format=bytevalue') return 'format=print';
  return line.startsWith(' ') ? printable(line) : line;
}

/** One document in pieces: keys and data in hex, record numbers as numbers. What `more` returns ends it. */
export function* jsonOf(
  { envelope }: CommandContext,
  { path, pageSize }: PrintedFile,
  databases: Iterable<PrintedDatabase>,
  more: () => object = () => ({}),
): Generator<string> {
  const head = toJson({ ...envelope, file: path, pageSize });
  yield `${head.slice(0, head.lastIndexOf('\n}'))},\n  "databases": [`;
  let separator = '\n';
  for (const { label, method, records } of databases) {
    yield `${separator}    { "database": ${toJson(label).trimEnd()}, "method": "${method}", "records": [`;
    separator = ',\n';
    yield* jsonRecords(records());
    yield '\n    ] }';
  }
  const rest = Object.entries(more()).map(([name, value]) => `,\n  "${name}": ${toJson(value).trimEnd()}`);
  yield `\n  ]${rest.join('')}\n}\n`;
}

const chunkSize = 1 << 16;

function* jsonRecords(records: Iterable<DatabaseRecord | undefined>): Generator<string> {
  let chunk = '';
  let separator = '\n';
  for (const record of records) {
    if (record) {
      const { key, data } = record;
      const jsonKey = key instanceof Uint8Array ? hex(key) : key;
      chunk += `${separator}      ${JSON.stringify({ key: jsonKey, data: hex(data) })}`;
      separator = ',\n';
    }
    if (record && chunk.length <= chunkSize) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
