/** Objects as files on a server with SFTP. */

import path from 'node:path/posix';
import { FigaroError } from '../../errors.ts';
import { someAtOnce } from '../at-once.ts';
import { isPart, isUnfinished } from './file-names.ts';
import { bytesAsSource } from './object-source.ts';
import { type StoreSettings } from './store-settings.ts';
import { isRefused, SftpClient, type Handle } from './sftp-client.ts';
import { failureOf } from './sftp-failures.ts';
import { kindOf, statuses } from './sftp-packets.ts';
import { parseSftpUrl, type SftpPlace } from './sftp-place.ts';
import { RefusedRequest, SftpSession } from './sftp-session.ts';
import { readBytes } from './sftp-transfer.ts';
import { walk } from './sftp-walk.ts';
import { createFile, rootMissing, serverTime, writeFile } from './sftp-writing.ts';
import { connectBySsh } from './ssh.ts';
import { byName, type ObjectSource, type Range, type Store, type StoredObject } from './store.ts';

const defaultStallMs = 60_000;
/** A server that is there may take so much longer for what it was asked, as when it syncs what it has in memory to slow disks. */
const patience = 10;
/** Removals that are under way at once. */
const atOnce = 16;

/** Opens the store of a URL `sftp://[user@]host[:port]/path`. Throws `usage` for another one. It is connected to when it is used. */
export function openSftpStore(url: string, settings: StoreSettings): Store {
  return new SftpStore(parseSftpUrl(url), settings);
}

class SftpStore implements Store {
  readonly #where: SftpPlace;
  readonly #settings: StoreSettings;
  #connecting: Promise<SftpClient> | undefined;
  /** What was found to be a file, and need not be looked at again before it is read. */
  readonly #files = new Set<string>();
  #isClosed = false;

  constructor(place: SftpPlace, settings: StoreSettings) {
    this.#where = place;
    this.#settings = settings;
  }

  get place(): string {
    return this.#where.text;
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    return await this.#doing(`list ${prefix === '' ? 'objects' : prefix}`, async (client) => {
      const objects = await this.#walk(client, prefix);
      return objects.filter(({ name }) => !isUnfinished(name)).sort(byName);
    });
  }

  async read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    const file = this.#pathOf(name);
    return await this.#doing(`read ${name}`, async (client) => {
      if (!this.#files.has(name)) {
        const attributes = await client.lstat(file);
        // Nobody knows where a link leads to, and a pipe would keep the server waiting for ever.
        if (attributes && kindOf(attributes) !== 'file') {
          throw new FigaroError('io', `${this.place}: ${name} is not a file`);
        }
        if (attributes) this.#files.add(name);
      }
      const bytes = this.#files.has(name) ? await readFile(client, file, range) : undefined;
      if (!bytes) {
        this.#files.delete(name);
        await this.#requireParent(client);
      }
      return bytes;
    });
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    const file = this.#pathOf(name);
    await this.#doing(
      `write ${name}`,
      async (client) => await writeFile(client, this.#where, file, source),
      source.size,
    );
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    const file = this.#pathOf(name);
    return await this.#doing(
      `create ${name}`,
      async (client) => await createFile(client, this.#where, file, bytesAsSource(bytes)),
      bytes.length,
    );
  }

  async remove(names: readonly string[]): Promise<void> {
    const files = names.map((name) => this.#pathOf(name));
    await this.#doing('remove objects', async (client) => await this.#remove(client, files));
  }

  async sweep(olderThanMs: number): Promise<number> {
    return await this.#doing('remove what was left unfinished', async (client) => {
      const left = (await this.#walk(client, '')).filter(({ name }) => isUnfinished(name));
      if (left.length === 0) return 0;
      const before = (await serverTime(client, this.#where)) - olderThanMs;
      const old = left.filter(({ changedMs }) => changedMs <= before);
      await this.#remove(
        client,
        old.map(({ name }) => path.join(this.#where.directory, name)),
      );
      return old.length;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connecting?.then(
      async ({ session }) => await session.end(),
      () => {},
    );
  }

  async #walk(client: SftpClient, prefix: string): Promise<StoredObject[]> {
    const objects = await walk(client, this.#where.directory, prefix);
    if (objects.length === 0) await this.#requireParent(client);
    return objects;
  }

  /** A directory that is missing is made by what is written, as a directory of this machine is. The one above it is not. */
  async #requireParent(client: SftpClient): Promise<void> {
    const { directory } = this.#where;
    if (!(await client.stat(directory)) && !(await client.stat(path.dirname(directory))))
      throw rootMissing(this.#where);
  }

  /** Removes files, and the directories that are empty then. */
  async #remove(client: SftpClient, files: readonly string[]): Promise<void> {
    let isMissing = false;
    await someAtOnce(atOnce, files, async (file) => {
      try {
        await client.remove(file);
      } catch (error) {
        if (!isRefused(error, statuses.noSuchFile)) throw error;
        isMissing = true;
      }
    });
    if (isMissing) await this.#requireParent(client);
    await someAtOnce(atOnce, new Set(files.map((file) => path.dirname(file))), async (directory) => {
      await this.#removeEmpty(client, directory);
    });
  }

  async #removeEmpty(client: SftpClient, directory: string): Promise<void> {
    if (directory === this.#where.directory) return;
    try {
      await client.removeDirectory(directory);
    } catch (error) {
      // It is not empty, or another run has removed it.
      if (error instanceof RefusedRequest) return;
      throw error;
    }
    await this.#removeEmpty(client, path.dirname(directory));
  }

  /** Names come from manifests, which are files that anybody may have written. */
  #pathOf(name: string): string {
    if (!name.split('/').every(isPart) || isUnfinished(name)) {
      throw new FigaroError('io', `${this.place}: ${JSON.stringify(name)} cannot be the name of an object`);
    }
    return path.join(this.#where.directory, name);
  }

  /** Does something on the server; its failures are those of our own. */
  async #doing<T>(what: string, work: (client: SftpClient) => Promise<T>, bytes = 0): Promise<T> {
    const client = await this.#client();
    try {
      return await work(client);
    } catch (error) {
      throw await failureOf(error, { client, place: this.#where, what, bytes });
    }
  }

  /** The connection, which is made again once it was lost. */
  async #client(): Promise<SftpClient> {
    if (this.#isClosed) throw new FigaroError('io', `${this.place}: the connection was closed`);
    const connecting = (this.#connecting ??= this.#connect());
    try {
      const client = await connecting;
      if (!client.session.isOver) return client;
    } catch (error) {
      if (this.#connecting === connecting) this.#connecting = undefined;
      throw error;
    }
    if (this.#connecting === connecting) this.#connecting = undefined;
    return await this.#client();
  }

  async #connect(): Promise<SftpClient> {
    const { env, stallMs = defaultStallMs } = this.#settings;
    const transport = await connectBySsh(this.#where, { env, stallMs });
    const session = await SftpSession.begin(transport, {
      place: this.place,
      connectMs: stallMs,
      silenceMs: patience * stallMs,
    });
    try {
      return await SftpClient.of(session);
    } catch (error) {
      await session.end();
      throw error;
    }
  }
}

/** A file, or a part of it; undefined where there is none. What is open is of one version: files are replaced, and never changed. */
async function readFile(client: SftpClient, file: string, range?: Range): Promise<Uint8Array | undefined> {
  let handle: Handle;
  try {
    handle = await client.openToRead(file);
  } catch (error) {
    if (isRefused(error, statuses.noSuchFile)) return undefined;
    throw error;
  }
  try {
    return await readBytes(client, handle, range ?? { start: 0, length: (await client.fstat(handle)).size ?? 0 });
  } finally {
    client.release(handle);
  }
}
