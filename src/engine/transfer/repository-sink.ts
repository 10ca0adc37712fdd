/** A repository in a directory, as a place that sets are copied to. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { type FileOwner, type Files, type OpenFile } from '../files/files.ts';
import { plainBits } from '../recovery/owners.ts';
import {
  discardSet,
  environmentOf,
  publishSet,
  type Repository,
  type WrittenManifest,
} from '../repository/repository.ts';
import { type FileDraft, type FileHead, type SetDraft, type SetSink } from './set-sink.ts';

export class RepositorySink implements SetSink {
  readonly #files: Files;
  readonly #repository: Repository;

  /** @param files of who holds its lock */
  constructor(files: Files, repository: Repository) {
    this.#files = files;
    this.#repository = repository;
  }

  begin(id: string, bytes: number): Promise<SetDraft> {
    const { directory } = this.#repository;
    const bytesFree = this.#files.freeSpace(directory);
    if (bytesFree < bytes) {
      throw new FigaroError(
        'no-space',
        `${directory} has ${formatBytes(bytesFree)} free, and ${id} needs ${formatBytes(bytes)}`,
        {
          path: directory,
          hint: 'what was copied before it is whole. Make room there, with `figaro-backup expire` for one, then run the same command again.',
        },
      );
    }
    return Promise.resolve(new StoredDraft(this.#files, this.#repository, id));
  }
}

/** A set as files, not yet with its manifest. */
class StoredDraft implements SetDraft {
  readonly #files: Files;
  readonly #repository: Repository;
  readonly #directory: string;
  #open: OpenFile | undefined;

  constructor(files: Files, repository: Repository, id: string) {
    this.#files = files;
    this.#repository = repository;
    this.#directory = path.join(repository.directory, id);
    if (!files.makeDirectory(this.#directory)) {
      throw new FigaroError('busy', `${this.#directory} is there already`, { path: this.#directory });
    }
    files.makeDirectory(environmentOf(this.#directory));
  }

  makeDirectory(name: string, owner: FileOwner): Promise<void> {
    const directory = path.join(environmentOf(this.#directory), name);
    if (name !== '') this.#files.makeDirectory(directory);
    // To add files to it and to remove it again, its owner has to have all rights.
    this.#files.setOwner(directory, { ...owner, mode: (owner.mode & plainBits) | 0o700 });
    return Promise.resolve();
  }

  create(head: FileHead): Promise<FileDraft> {
    const file = path.join(environmentOf(this.#directory), head.path);
    const opened = this.#files.create(file);
    this.#open = opened;
    let size = 0;
    return Promise.resolve({
      write: (bytes) => {
        opened.writeAt(bytes, size);
        size += bytes.length;
        return Promise.resolve();
      },
      finish: () => {
        opened.sync();
        this.#close();
        // What was copied is verified, and synced by its name.
        this.#files.setOwner(file, { ...head, mode: (head.mode & plainBits) | 0o400 });
        this.#files.setTimes(file, head.mtimeMs);
        return Promise.resolve();
      },
    });
  }

  publish(written: WrittenManifest): Promise<void> {
    publishSet(this.#files, this.#repository, this.#directory, written);
    return Promise.resolve();
  }

  discard(): void {
    try {
      this.#close();
      discardSet(this.#files, this.#directory);
    } catch {
      // The first failure is the one to be told; the next run sweeps what is left.
    }
  }

  #close(): void {
    this.#open?.close();
    this.#open = undefined;
  }
}
