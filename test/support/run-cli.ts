import path from 'node:path';
import { Readable, Writable } from 'node:stream';
import { run } from '../../src/cli.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { type MemoryStore } from './memory-store.ts';
import { requireTrueHints } from './hints.ts';
import { openingStore } from './store-commands.ts';
import { requireDocumented } from './json-schema.ts';
import { inQuotes } from './windows.ts';

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSurroundings {
  readonly env?: Record<string, string>;
  readonly files?: Files;
  readonly signal?: AbortSignal;
  /** What is behind the URLs of stores. */
  readonly store?: MemoryStore;
  /** What standard input gives. */
  readonly stdin?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** Which streams say that they are terminals. */
  readonly terminal?: 'stdout' | 'stderr';
  /** How wide they say they are. */
  readonly columns?: number;
  /** Written in place of this directory's name, so that output can be a snapshot. */
  readonly directory?: string;
}

/** Runs a command line in this process. What it prints with `--json` has to be as the schema says, and what a hint names has to be there. */
export async function figaro(args: readonly string[], surroundings: CliSurroundings = {}): Promise<CliResult> {
  const { bytes: _bytes, ...result } = await streaming(args, surroundings);
  return result;
}

/** As `figaro`, with the bytes that went to standard output. */
export async function streaming(
  args: readonly string[],
  surroundings: CliSurroundings = {},
): Promise<CliResult & { readonly bytes: Buffer }> {
  const { env = {}, files, signal, store, stdin, terminal, columns, directory } = surroundings;
  const stdout = new CollectingStream(terminal === 'stdout', undefined, columns);
  const stderr = new CollectingStream(terminal === 'stderr', undefined, columns);
  const input = stdin ? { stdin: Readable.from(stdin, { objectMode: false }) } : {};
  const exitCode = await run(
    args,
    { ...input, stdout, stderr, env, ...(signal ? { signal } : {}) },
    files,
    store && openingStore(store),
  );
  requireDocumented(args, args.includes('--to-stdout') ? stderr.text : stdout.text);
  // To the width of a terminal, hints are broken into lines.
  if (exitCode !== 0 && terminal !== 'stderr') await requireTrueHints(args, stdout.text + stderr.text);
  const text = (stream: CollectingStream): string =>
    directory === undefined ? stream.text : withoutDirectory(stream.text, directory);
  return { exitCode, stdout: text(stdout), stderr: text(stderr), bytes: Buffer.concat(stdout.chunks) };
}

/** Text with `<dir>` for a directory; paths in there are as on Linux. */
export function withoutDirectory(text: string, directory: string): string {
  const short = text.replaceAll(inQuotes(directory), '<dir>').replaceAll(directory, '<dir>');
  return path.sep === '/' ? short : short.replaceAll(/<dir>[^\s'"`]*/g, (each) => each.replaceAll(/\\+/g, '/'));
}

/** A stream that keeps what is written to it, or fails as told. */
export class CollectingStream extends Writable {
  readonly chunks: Buffer[] = [];
  readonly isTTY: boolean;
  readonly columns: number;
  readonly #failure: Error | undefined;

  constructor(isTTY = false, failure?: Error, columns = 0) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.columns = columns;
    this.#failure = failure;
    this.on('error', () => {});
  }

  override _write(chunk: string | Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (!this.#failure) this.chunks.push(Buffer.from(chunk));
    done(this.#failure ?? null);
  }

  /** What was written. A character may have come in two parts. */
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}
