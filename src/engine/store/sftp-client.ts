/** What can be asked of an SFTP server about files, each as one request or a few. */

import { answers, openFlags, requests, statuses, type Attributes, type PacketReader } from './sftp-packets.ts';
import { RefusedRequest, type SftpSession } from './sftp-session.ts';

/** A name in a directory. */
export interface Entry {
  /** Bytes: servers name files as their disks do. */
  readonly name: Buffer;
  readonly attributes: Attributes;
}

/** An open file, as the server knows it. */
export type Handle = Buffer;

/** What OpenSSH's server can do beyond the protocol, as its document PROTOCOL has it. Others have some of it. */
export const extensions = {
  posixRename: ['posix-rename@openssh.com', '1'],
  hardLink: ['hardlink@openssh.com', '1'],
  fsync: ['fsync@openssh.com', '1'],
  statvfs: ['statvfs@openssh.com', '2'],
  limits: ['limits@openssh.com', '1'],
} as const;
export type Extension = keyof typeof extensions;

export interface FileSystem {
  /** In bytes. */
  readonly free: number;
  readonly freeFiles: number;
  readonly isReadOnly: boolean;
}

/** A bit of the flags of a file system. */
const readOnly = 1;

/** True for a request that was refused with this status. */
export function isRefused(error: unknown, status: number): error is RefusedRequest {
  return error instanceof RefusedRequest && error.status === status;
}

export class SftpClient {
  readonly session: SftpSession;
  #requestBytes = { read: defaultRequestBytes, write: defaultRequestBytes };

  private constructor(session: SftpSession) {
    this.session = session;
  }

  static async of(session: SftpSession): Promise<SftpClient> {
    const client = new SftpClient(session);
    if (client.can('limits')) await client.#learnLimits();
    return client;
  }

  async #learnLimits(): Promise<void> {
    const reader = await this.#extended('limits', answers.extended);
    // Of a packet, which we stay below.
    reader.u64();
    const [read, write] = [reader.u64(), reader.u64()];
    this.#requestBytes = { read: atOnce(read), write: atOnce(write) };
  }

  /** How much one request may read and write. */
  get requestBytes(): { readonly read: number; readonly write: number } {
    return this.#requestBytes;
  }

  can(extension: Extension): boolean {
    const [name, version] = extensions[extension];
    return this.session.extensions.get(name) === version;
  }

  async openToRead(path: string): Promise<Handle> {
    return (await this.session.ask(answers.handle, requests.open, path, openFlags.read, 0)).bytes();
  }

  /** Makes a file, where there is none. */
  async openNew(path: string): Promise<Handle> {
    const flags = openFlags.write | openFlags.create | openFlags.exclusive;
    return (await this.session.ask(answers.handle, requests.open, path, flags, 0)).bytes();
  }

  async close(handle: Handle): Promise<void> {
    await this.session.ask(answers.status, requests.close, handle);
  }

  /** Closes a file that nothing can go wrong with any more, without waiting for it. */
  release(handle: Handle): void {
    this.close(handle).catch(() => {});
  }

  /** Of the name itself, be it a link; undefined where there is nothing. */
  async lstat(path: string): Promise<Attributes | undefined> {
    return await unlessMissing(this.session.ask(answers.attributes, requests.lstat, path).then((a) => a.attributes()));
  }

  /** Of what a name leads to; undefined where there is nothing. */
  async stat(path: string): Promise<Attributes | undefined> {
    return await unlessMissing(this.session.ask(answers.attributes, requests.stat, path).then((a) => a.attributes()));
  }

  async fstat(handle: Handle): Promise<Attributes> {
    return (await this.session.ask(answers.attributes, requests.fstat, handle)).attributes();
  }

  /** What is in a directory; undefined where there is none. */
  async entries(path: string): Promise<readonly Entry[] | undefined> {
    const opened = await unlessMissing(this.session.ask(answers.handle, requests.opendir, path));
    if (!opened) return undefined;
    const handle = opened.bytes();
    const entries: Entry[] = [];
    try {
      for (;;) {
        const answer = await this.session.ask(answers.name, requests.readdir, handle);
        for (let left = answer.u32(); left > 0; left--) {
          const name = answer.bytes();
          // The line that `ls -l` would print.
          answer.bytes();
          entries.push({ name, attributes: answer.attributes() });
        }
      }
    } catch (error) {
      this.release(handle);
      if (!isRefused(error, statuses.endOfFile)) throw error;
    }
    return entries;
  }

  async remove(path: string): Promise<void> {
    await this.session.ask(answers.status, requests.remove, path);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.session.ask(answers.status, requests.mkdir, path, 0);
  }

  async removeDirectory(path: string): Promise<void> {
    await this.session.ask(answers.status, requests.rmdir, path);
  }

  /** By the protocol, this fails where the new name is taken. Some servers replace what has it. */
  async rename(from: string, to: string): Promise<void> {
    await this.session.ask(answers.status, requests.rename, from, to);
  }

  /** Replaces what has the new name. */
  async posixRename(from: string, to: string): Promise<void> {
    await this.#extended('posixRename', answers.status, from, to);
  }

  /** Gives a file a second name; fails where that is taken. */
  async hardLink(from: string, to: string): Promise<void> {
    await this.#extended('hardLink', answers.status, from, to);
  }

  async fsync(handle: Handle): Promise<void> {
    await this.#extended('fsync', answers.status, handle);
  }

  /** The file system that a path is on. */
  async fileSystem(path: string): Promise<FileSystem> {
    const reader = await this.#extended('statvfs', answers.extended, path);
    const numbers = Array.from({ length: 11 }, () => reader.u64());
    const [, blockBytes, , , freeBlocks, , , freeFiles, , flags] = numbers as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return { free: freeBlocks * blockBytes, freeFiles, isReadOnly: (flags & readOnly) !== 0 };
  }

  async #extended(
    extension: Extension,
    expected: number,
    ...fields: readonly (string | Handle)[]
  ): Promise<PacketReader> {
    const [name] = extensions[extension];
    try {
      return await this.session.ask(expected, requests.extended, name, ...fields);
    } catch (error) {
      throw error instanceof RefusedRequest ? new RefusedRequest(name, error.status, error.message) : error;
    }
  }
}

/** What every server takes: 34,000 bytes with what is around them (section 3 of the draft). */
const defaultRequestBytes = 32 << 10;
/** More at a time costs less, up to here. OpenSSH's server takes a little less. */
const largestRequestBytes = 256 << 10;

/** @param limit what a server says; 0 where it has none to tell */
function atOnce(limit: number): number {
  return limit === 0 ? defaultRequestBytes : Math.min(limit, largestRequestBytes);
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isRefused(error, statuses.noSuchFile)) return undefined;
    throw error;
  }
}
