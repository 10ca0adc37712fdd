import { Writable } from 'node:stream';
import { run } from '../../src/cli.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { requireDocumented } from './json-schema.ts';

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliSurroundings {
  readonly env?: Record<string, string>;
  readonly files?: Files;
  readonly signal?: AbortSignal;
  /** Which streams say that they are terminals. */
  readonly terminal?: 'stdout' | 'stderr';
  /** How wide they say they are. */
  readonly columns?: number;
  /** Written in place of this directory's name, so that output can be a snapshot. */
  readonly directory?: string;
}

/** Runs a command line in this process. What it prints with `--json` has to be as the schema says. */
export async function figaro(args: readonly string[], surroundings: CliSurroundings = {}): Promise<CliResult> {
  const { env = {}, files, signal, terminal, columns, directory } = surroundings;
  const stdout = new CollectingStream(terminal === 'stdout', undefined, columns);
  const stderr = new CollectingStream(terminal === 'stderr', undefined, columns);
  const exitCode = await run(args, { stdout, stderr, env, ...(signal ? { signal } : {}) }, files);
  requireDocumented(args, stdout.text);
  const text = (stream: CollectingStream): string =>
    directory === undefined ? stream.text : stream.text.replaceAll(directory, '<dir>');
  return { exitCode, stdout: text(stdout), stderr: text(stderr) };
}

/** A stream that keeps what is written to it, or fails as told. */
export class CollectingStream extends Writable {
  text = '';
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
    if (!this.#failure) this.text += chunk.toString();
    done(this.#failure ?? null);
  }
}
