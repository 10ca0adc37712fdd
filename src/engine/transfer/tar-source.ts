/** The entries of a tar that may be anybody's: directories and files by names that stay inside, and nothing else. */

import { extract, type Extract, type Header } from 'tar-stream';
import { FigaroError } from '../../errors.ts';
import { isInside } from '../fields.ts';
import { roomIn } from './room.ts';

/** An entry of a tar. */
export interface TarEntry {
  /** With `/`, and without one at its end; empty for the directory that all the others are in. */
  readonly name: string;
  readonly kind: 'directory' | 'file';
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /** As many as `size`; to be read before the next entry. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * Reads a tar, or several that follow one another. Throws `set-missing` for what is no tar, `set-incomplete` when it is cut short,
 * `file-checksum` when it is damaged, and `manifest-corrupt` for entries that lead elsewhere or are neither files nor
 * directories.
 */
export async function* readTar(input: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const extraction = extract();
  // It is thrown by who reads the entries.
  extraction.on('error', () => {});
  const progress = new Progress();
  // Whoever gives the input closes it, as it may be waiting for more.
  void feed(input, extraction, progress);
  try {
    for await (const entry of extraction) {
      progress.entries += 1;
      const { size, mode } = entry.header;
      yield { ...nameAndKind(entry.header), size, mode, bytes: bytesOf(entry, progress) };
      entry.resume();
    }
  } catch (error) {
    throw asFailure(error, progress);
  } finally {
    extraction.destroy(null);
  }
  if (progress.bytes > 0 && !progress.isAtEnd) throw cutShort(progress);
}

/** Two blocks of zeros end an archive. In bytes. */
const endBytes = 1024;

/** How far the input is. */
class Progress {
  entries = 0;
  bytes = 0;
  /** Nothing more comes. */
  hasEnded = false;
  /** What kept it from being read. */
  failure: unknown;
  /** So many zeros are at its end. */
  #zeros = 0;

  take(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    let zeros = 0;
    while (zeros < chunk.length && chunk[chunk.length - 1 - zeros] === 0) zeros += 1;
    this.#zeros = zeros === chunk.length ? this.#zeros + zeros : zeros;
  }

  get isAtEnd(): boolean {
    return this.#zeros >= endBytes;
  }
}

/** Gives all of the input to the library; what goes wrong, too. */
async function feed(input: AsyncIterable<Uint8Array>, extraction: Extract, progress: Progress): Promise<void> {
  try {
    for await (const chunk of input) {
      progress.take(chunk);
      if (!extraction.write(chunk) && !(await roomIn(extraction))) return;
    }
    progress.hasEnded = true;
    extraction.end(null);
  } catch (error) {
    progress.failure = error;
    extraction.destroy(error as Error);
  }
}

async function* bytesOf(entry: AsyncIterable<unknown>, progress: Progress): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of entry) yield bytes as Uint8Array;
  } catch (error) {
    throw asFailure(error, progress);
  }
}

/** In characters; what is below the names of a set and of its environment has the 4096 bytes of a path of Linux. */
const longestName = 5000;

function nameAndKind({ name: given, type, size, pax }: Header): Pick<TarEntry, 'name' | 'kind'> {
  const name = given.replace(/^(\.\/+)+/, '').replace(/\/+$/, '');
  const told = JSON.stringify(given.slice(0, 200));
  if (type !== 'file' && type !== 'directory') throw foreign(`${told} is neither a file nor a directory`);
  if (name.length > longestName) throw foreign(`${told} is longer than any path can be`);
  if (name !== '' && name !== '.' && !isInside(name)) throw foreign(`${told} leads out of where it belongs`);
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse'))) throw foreign(`${told} has holes`);
  if (!Number.isSafeInteger(size)) throw foreign(`${told} has ${size} bytes`);
  return { name: name === '.' ? '' : name, kind: type };
}

/** For what does not belong into a tar of sets. */
export function foreign(problem: string): FigaroError {
  return new FigaroError('manifest-corrupt', `the stream is not one of backup sets: ${problem}`, {
    hint: 'find out what wrote it. Nothing of it was kept.',
  });
}

function cutShort({ bytes }: Progress): FigaroError {
  return new FigaroError('set-incomplete', `the stream ends after ${bytes} bytes, in the middle of the archive`, {
    hint: 'what wrote it did not finish, or what carried it lost the rest. Take it from another place.',
  });
}

/** What the library has to say, as the operator has to know it. */
function asFailure(error: unknown, progress: Progress): unknown {
  if (progress.failure !== undefined) return progress.failure;
  if (error instanceof FigaroError || !(error instanceof Error)) return error;
  const isOfHeader = /header/i.test(error.message);
  if (progress.hasEnded && !isOfHeader) return cutShort(progress);
  if (progress.entries === 0) {
    return new FigaroError('set-missing', 'the stream does not begin as a tar does', {
      hint: 'a stream that was compressed or encrypted has to be brought back first: `zstd -d | figaro-backup …`.',
      cause: error,
    });
  }
  return new FigaroError('file-checksum', `the stream is damaged before byte ${progress.bytes}: ${error.message}`, {
    hint: 'take it from another place.',
    cause: error,
  });
}
