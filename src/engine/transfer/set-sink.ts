/** Where sets go when they are copied: a repository, or a stream. What knows how sets lie there is behind this. */

import { type FileOwner } from '../files/files.ts';
import { type WrittenManifest } from '../repository/repository.ts';

/** A file of a set, before its bytes. */
export interface FileHead extends FileOwner {
  /** In the environment of the set, with `/`. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** Takes sets, one after the other. */
export interface SetSink {
  /** Begins a set. Throws `no-space` where it cannot fit. */
  begin(id: string, bytes: number): Promise<SetDraft>;
}

/** A set on its way: it is none before it is published. */
export interface SetDraft {
  /** A directory of the environment; those above it come first, the environment itself as `''`. */
  makeDirectory(name: string, owner: FileOwner): Promise<void>;
  /** Begins a file; the one before it is finished. */
  create(head: FileHead): Promise<FileDraft>;
  /** Makes it a set, for good where the sink is a disk. */
  publish(written: WrittenManifest): Promise<void>;
  /** Takes back what there is of it, as far as that works. */
  discard(): void;
}

/** The bytes of a file, as many as its head says. */
export interface FileDraft {
  /** `bytes` may be used again when it returns. */
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
}
