/** Documents as files of a new directory, which appears complete and synced, or not at all. */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files, type OpenFile } from '../files/files.ts';
import { makeDirectories } from '../files/tree.ts';
import { requireApart, requireLocal, requireNoneAbove, type Place } from '../places.ts';
import { beginStage, discardStage, sweepBeside } from '../recovery/leftovers.ts';
import { publish } from '../recovery/publish.ts';
import { requireEmptyTarget } from '../recovery/requirements.ts';
import { type XmlContainer } from './container.ts';
import { FileNames, indexName } from './file-names.ts';
import { metadataJson, type DocumentEntry } from './metadata.ts';
import { isRefusal } from './refusals.ts';

/** Throws `target-not-empty` for a directory that is not, and `usage` for one inside of what is only read. */
export function requireOutput(files: Files, directory: string, sources: readonly Place[]): void {
  const target = { what: 'the output', path: directory };
  requireLocal(files, target);
  requireNoneAbove(files, target);
  for (const source of sources) requireApart(files, target, source);
  requireEmptyTarget(files, path.resolve(directory));
}

interface WriteOptions {
  readonly entries: AsyncIterable<DocumentEntry>;
  /** Told of each document that could not be read; all others are written. */
  readonly onRefused: (error: FigaroError) => void;
  readonly warn: (warning: string) => void;
  /** Asked when all is written, and before it gets its name: an error leaves nothing. */
  readonly requireDone: () => void;
}

export interface WrittenDocuments {
  readonly count: number;
  /** Of their XML. */
  readonly bytes: number;
}

/** Writes documents, and `documents.json`, which says which file is which. Throws `target-in-use` and `no-space`. */
export async function writeDocuments(
  allFiles: Files,
  container: XmlContainer,
  directory: string,
  { entries, onRefused, warn, requireDone }: WriteOptions,
): Promise<WrittenDocuments> {
  const target = path.resolve(directory);
  const { stage, files, lease } = beginStage(allFiles, target);
  try {
    for (const warning of sweepBeside(files, target, stage)) warn(warning);
    const home = path.join(stage, 'environment');
    makeDirectories(files, home);
    const names = new FileNames();
    const index = new IndexFile(files.create(path.join(home, indexName)), container.name);
    let count = 0;
    let bytes = 0;
    try {
      for await (const entry of entries) {
        const file = names.nameFor(entry);
        try {
          const written = await writeDocument(files, path.join(home, file), container.content(entry, warn));
          const { problem } = entry;
          if (problem !== undefined) onRefused(container.damagedEntry(entry, problem));
          index.add({ file, ...fieldsOf(entry), ...written, ...(problem === undefined ? {} : { problem }) });
          count += 1;
          bytes += written.size;
        } catch (error) {
          if (!isRefusal(error)) throw error;
          files.remove(path.join(home, file));
          onRefused(error);
          index.add({ ...fieldsOf(entry), problem: error.message });
        }
      }
      requireDone();
      index.end();
    } finally {
      index.close();
    }
    files.syncDirectory(home);
    publish(files, stage, home, target);
    return { count, bytes };
  } catch (error) {
    const reason = lease.reasonOf(error);
    discardStage(allFiles, stage);
    throw reason;
  } finally {
    lease.stop();
  }
}

function fieldsOf({ id, name, metadata }: DocumentEntry): object {
  return { id, ...(name === undefined ? {} : { name }), metadata: metadata.map(metadataJson) };
}

async function writeDocument(
  files: Files,
  file: string,
  content: AsyncIterable<Uint8Array>,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const opened = files.create(file);
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const piece of content) {
      opened.writeAt(piece, size);
      hash.update(piece);
      size += piece.length;
    }
    opened.sync();
    return { size, sha256: hash.digest('hex') };
  } finally {
    opened.close();
  }
}

/** A list that does not have to fit into memory. */
class IndexFile {
  readonly #opened: OpenFile;
  #size = 0;
  #text: string;
  #separator = '\n';

  constructor(opened: OpenFile, container: string) {
    this.#opened = opened;
    this.#text = `{\n  "container": ${JSON.stringify(container)},\n  "documents": [`;
  }

  add(entry: object): void {
    this.#text += `${this.#separator}    ${JSON.stringify(entry)}`;
    this.#separator = ',\n';
    if (this.#text.length > 1 << 16) this.#write();
  }

  end(): void {
    this.#text += '\n  ]\n}\n';
    this.#write();
    this.#opened.sync();
  }

  #write(): void {
    const bytes = Buffer.from(this.#text);
    this.#opened.writeAt(bytes, this.#size);
    this.#size += bytes.length;
    this.#text = '';
  }

  close(): void {
    this.#opened.close();
  }
}
