/**
 * Sets as one tar: unpacked, it is a repository. The files of a set come in the order of its manifest, then its checksums, and its
 * manifest last, so that what was cut short is no set.
 */

import path from 'node:path';
import { pack, type Pack } from 'tar-stream';
import { type FileOwner } from '../files/files.ts';
import { repositoryName } from '../places.ts';
import { plainBits } from '../recovery/owners.ts';
import { encodeHead } from '../repository/head.ts';
import { checksumLines, type Repository } from '../repository/repository.ts';
import { roomIn } from './room.ts';
import { type FileDraft, type SetDraft, type SetSink } from './set-sink.ts';

/** Where bytes go that are not kept. */
export interface ByteSink {
  /** Returns when there is room for more; `bytes` is the sink's from then on. */
  write(bytes: Uint8Array): Promise<void>;
  /** Returns when all that was written has left the process. */
  finish(): Promise<void>;
}

/** What a header of a tar has room for, and the library in it: seconds as a number of 32 bits. */
const lastSecond = 2 ** 31 - 1;
const mostOwner = 0o777777;

type Attributes = Pick<FileOwner, 'mode'> & Partial<FileOwner> & { readonly mtimeMs?: number };

export class TarSink implements SetSink {
  readonly #out: ByteSink;
  readonly #pack = pack();
  readonly #sent: Promise<void>;
  /** Why nobody takes what is written. */
  #failure: unknown;

  constructor(out: ByteSink) {
    this.#out = out;
    // What stops it is thrown where it was found.
    this.#pack.on('error', () => {});
    this.#sent = this.#send();
    this.#sent.catch(() => {});
  }

  /** @param repository that the sets are of */
  async open(repository: Repository): Promise<void> {
    await this.#whole(repositoryName, Buffer.from(encodeHead({ id: repository.id })));
  }

  async begin(id: string): Promise<SetDraft> {
    await this.#directory(id, { mode: 0o750 });
    return {
      makeDirectory: (name, owner) => this.#directory(path.posix.join(id, 'environment', name), owner),
      create: (head) => Promise.resolve(this.#create(path.posix.join(id, 'environment', head.path), head.size, head)),
      publish: async ({ manifest, text }) => {
        await this.#whole(path.posix.join(id, 'SHA256SUMS'), Buffer.from(checksumLines(manifest)));
        await this.#whole(path.posix.join(id, 'manifest.json'), text);
      },
      // Without its manifest and the end of the archive, nobody takes it for a set.
      discard: () => {},
    };
  }

  /** Writes the end of the archive. Returns when everything has left the process. */
  async close(): Promise<void> {
    this.#pack.finalize();
    await this.#sent;
    await this.#out.finish();
  }

  /** Ends it where it is. */
  abandon(): void {
    this.#pack.destroy(null);
  }

  async #send(): Promise<void> {
    for await (const chunk of this.#pack) {
      try {
        await this.#out.write(chunk as Uint8Array);
      } catch (error) {
        this.#failure = error;
        throw error;
      }
    }
  }

  async #directory(name: string, attributes: Attributes): Promise<void> {
    await this.#entry({ name: `${name}/`, type: 'directory', ...headerOf(attributes) }).done;
  }

  async #whole(name: string, contents: Uint8Array): Promise<void> {
    const file = this.#create(name, contents.length, { mode: 0o640 });
    await file.write(contents);
    await file.finish();
  }

  #create(name: string, size: number, attributes: Attributes): FileDraft {
    const { sink, done } = this.#entry({ name, type: 'file', size, ...headerOf(attributes) });
    return {
      write: async (bytes) => {
        // The library keeps what it is given until it is read.
        if (!sink.write(Buffer.from(bytes)) && !(await roomIn(sink))) await done;
      },
      finish: async () => {
        sink.end(null);
        await done;
      },
    };
  }

  #entry(header: Parameters<Pack['entry']>[0]): {
    readonly sink: ReturnType<Pack['entry']>;
    readonly done: Promise<unknown>;
  } {
    let end: (error?: Error | null) => void;
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) => (error ? reject(error) : resolve());
    });
    const sink = this.#pack.entry(header, (error) => end(error));
    sink.on('error', () => {});
    const done = ended.catch((error: unknown) => {
      throw this.#failure ?? error;
    });
    done.catch(() => {});
    return { sink, done };
  }
}

function headerOf({ mode, uid = 0, gid = 0, mtimeMs = Date.now() }: Attributes): {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Date;
  readonly pax: object | null;
} {
  const seconds = Math.min(lastSecond, Math.max(0, Math.floor(mtimeMs / 1000)));
  const large = Object.entries({ uid, gid }).filter(([, owner]) => owner > mostOwner);
  return {
    mode: mode & plainBits,
    uid: Math.min(uid, mostOwner),
    gid: Math.min(gid, mostOwner),
    mtime: new Date(seconds * 1000),
    pax: large.length === 0 ? null : Object.fromEntries(large),
  };
}
