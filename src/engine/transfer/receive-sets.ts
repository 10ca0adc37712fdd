/** Sets out of a stream. All that comes may be anybody's: it becomes a set when it is what its manifest says, and nothing else. */

import { createHash } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { formatBytes, formatCount } from '../../measures.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';
import { repositoryName } from '../places.ts';
import { checksName } from '../repository/checks.ts';
import { lastLookName } from '../repository/last-look.ts';
import { setName, type Manifest } from '../repository/manifest.ts';
import { pinName } from '../repository/pins.ts';
import { manifestFrom, manifestLimit, type Repository } from '../repository/repository.ts';
import { RepositorySink } from './repository-sink.ts';
import { type SetDraft } from './set-sink.ts';
import { foreign, readTar, type TarEntry } from './tar-source.ts';

/** What lies beside the environment of a set and is not part of what it holds. */
const notes: ReadonlySet<string> = new Set(['SHA256SUMS', checksName, lastLookName, pinName]);

/** As large as the checksums of a set may be. In bytes. */
const noteLimit = manifestLimit;

/** As many as a manifest can tell, and more than any environment has. */
const mostEntries = 1_000_000;

interface Received {
  readonly size: number;
  readonly sha256: string;
}

/** A set that has begun to come. */
interface Arriving {
  readonly id: string;
  readonly draft: SetDraft;
  readonly files: Map<string, Received>;
  readonly directories: Set<string>;
}

/**
 * Brings the sets of a tar into a repository that nobody else writes to, and returns their names in order. Throws as
 * `readTar`; `set-incomplete` for a set without its manifest or without a file of it, `file-checksum` for a file that is not as its
 * manifest says, `manifest-corrupt` for what does not belong into a set, and `no-space`.
 */
export async function receiveSets(
  files: Files,
  repository: Repository,
  input: AsyncIterable<Uint8Array>,
  watch: Watch,
): Promise<readonly string[]> {
  const receiver = new Receiver(files, repository, watch);
  try {
    for await (const entry of readTar(input)) await receiver.take(entry);
    return receiver.finish();
  } catch (error) {
    receiver.abandon();
    throw error;
  }
}

class Receiver {
  readonly #files: Files;
  readonly #repository: Repository;
  readonly #sink: RepositorySink;
  readonly #watch: Watch;
  readonly #done: string[] = [];
  #arriving: Arriving | undefined;
  #entries = 0;
  #bytes = 0;

  constructor(files: Files, repository: Repository, watch: Watch) {
    this.#files = files;
    this.#repository = repository;
    this.#sink = new RepositorySink(files, repository);
    this.#watch = watch;
  }

  async take(entry: TarEntry): Promise<void> {
    this.#entries += 1;
    if (this.#entries > mostEntries) throw foreign(`it has more than ${formatCount(mostEntries, 'entry', 'entries')}`);
    const { name, kind } = entry;
    // Of whatever repository they are.
    if (name === '' && kind === 'directory') return;
    if (name === repositoryName && kind === 'file') return await this.#skip(entry);
    const [id = '', part = '', ...rest] = name.split('/');
    if (!setName.test(id)) throw foreign(`${JSON.stringify(name.slice(0, 200))} is not part of a set`);
    const set = await this.#setOf(id);
    if (part === '' && kind === 'directory') return;
    if (part === 'environment') return await this.#takePart(set, rest.join('/'), entry);
    if (rest.length > 0 || kind !== 'file') throw foreign(`${JSON.stringify(name.slice(0, 200))} is not part of a set`);
    if (part === 'manifest.json') return await this.#publish(set, entry);
    if (!notes.has(part)) throw foreign(`${JSON.stringify(name.slice(0, 200))} is not part of a set`);
    await this.#skip(entry);
  }

  /** Returns the sets that came. */
  finish(): readonly string[] {
    if (this.#arriving) throw withoutManifest(this.#arriving.id);
    if (this.#done.length === 0) {
      throw new FigaroError('set-missing', 'the stream holds no set', {
        hint: 'it is empty, or ended before anything came. What wrote it says why.',
      });
    }
    return this.#done;
  }

  abandon(): void {
    this.#arriving?.draft.discard();
  }

  async #setOf(id: string): Promise<Arriving> {
    if (this.#arriving?.id === id) return this.#arriving;
    if (this.#arriving) throw withoutManifest(this.#arriving.id);
    if (this.#done.includes(id)) throw foreign(`${id} goes on after its manifest, or comes twice`);
    const draft = await this.#sink.begin(id, 0);
    this.#arriving = { id, draft, files: new Map(), directories: new Set(['']) };
    return this.#arriving;
  }

  async #takePart(set: Arriving, name: string, entry: TarEntry): Promise<void> {
    const { draft, files } = set;
    if (entry.kind === 'directory') return await this.#makeDirectories(set, name, entry.mode);
    if (name === '' || files.has(name) || set.directories.has(name)) {
      throw foreign(`${JSON.stringify(entry.name.slice(0, 200))} comes twice`);
    }
    const parent = name.lastIndexOf('/');
    if (parent !== -1) await this.#makeDirectories(set, name.slice(0, parent));
    requireRoom(this.#files, this.#repository, entry);
    const hash = createHash('sha256');
    const file = await draft.create({ ...this.#mine(entry.mode), path: name, size: entry.size, mtimeMs: Date.now() });
    let size = 0;
    for await (const bytes of entry.bytes) {
      hash.update(bytes);
      await file.write(bytes);
      size += bytes.length;
      await this.#pause(`receive ${entry.name}`, bytes.length);
    }
    await file.finish();
    files.set(name, { size, sha256: hash.digest('hex') });
  }

  /** @param mode of one that comes by itself, not with a file in it */
  async #makeDirectories(set: Arriving, name: string, mode?: number): Promise<void> {
    const parent = name.lastIndexOf('/');
    if (parent !== -1) await this.#makeDirectories(set, name.slice(0, parent));
    if (set.files.has(name)) throw foreign(`${JSON.stringify(name.slice(0, 200))} is a file and a directory`);
    if (set.directories.has(name) && mode === undefined) return;
    set.directories.add(name);
    await set.draft.makeDirectory(name, this.#mine(mode ?? 0o750));
  }

  /** The user who runs this: what a stream says of owners is anybody's. */
  #mine(mode: number): { readonly mode: number; readonly uid: number; readonly gid: number } {
    const { uid, gid } = this.#files.statIfThere(this.#repository.directory)!;
    return { mode, uid, gid };
  }

  async #publish({ id, draft, files }: Arriving, entry: TarEntry): Promise<void> {
    const text = await this.#read(entry);
    const manifest = manifestFrom(text, entry.name, id);
    compare(manifest, files);
    await draft.publish({ manifest, text });
    this.#done.push(id);
    this.#arriving = undefined;
  }

  /** The bytes of a small file. */
  async #read(entry: TarEntry): Promise<Uint8Array> {
    requireNote(entry);
    const chunks: Uint8Array[] = [];
    for await (const bytes of entry.bytes) {
      chunks.push(bytes);
      await this.#pause(`receive ${entry.name}`, bytes.length);
    }
    return Buffer.concat(chunks);
  }

  async #skip(entry: TarEntry): Promise<void> {
    requireNote(entry);
    for await (const bytes of entry.bytes) await this.#pause(`receive ${entry.name}`, bytes.length);
  }

  async #pause(phase: string, bytes: number): Promise<void> {
    this.#bytes += bytes;
    await pause(this.#watch, { phase, done: this.#bytes, step: bytes });
  }
}

function requireNote({ name, size }: TarEntry): void {
  if (size > noteLimit) throw foreign(`${name} has ${size} bytes, more than the ${noteLimit} that it can have`);
}

/** What says that it has more than the disk can take is not begun. */
function requireRoom(files: Files, { directory }: Repository, { name, size }: TarEntry): void {
  const free = files.freeSpace(directory);
  if (size <= free) return;
  throw new FigaroError(
    'no-space',
    `${directory} has ${formatBytes(free)} free, and ${name} has ${formatBytes(size)}`,
    {
      path: directory,
      hint: 'choose a place on a larger disk.',
    },
  );
}

/** Every file of the manifest has come as it says, and none more. */
function compare({ id, files }: Manifest, received: ReadonlyMap<string, Received>): void {
  for (const { path: name, size, sha256 } of files) {
    const found = received.get(name);
    if (!found) throw damaged('set-incomplete', id, `${name} is missing`);
    if (found.size !== size) throw damaged('file-checksum', id, `${name} has ${found.size} bytes, not ${size}`);
    if (found.sha256 !== sha256)
      throw damaged('file-checksum', id, `${name} does not match its SHA-256 in the manifest`);
  }
  if (received.size === files.length) return;
  const known = new Set(files.map(({ path: name }) => name));
  const more = [...received.keys()].find((name) => !known.has(name));
  throw damaged('file-checksum', id, `${more} is not in the manifest`);
}

function damaged(code: 'file-checksum' | 'set-incomplete', id: string, problem: string): FigaroError {
  return new FigaroError(code, `${id} came damaged: ${problem}`, { hint: 'take it from another place.' });
}

function withoutManifest(id: string): FigaroError {
  return new FigaroError('set-incomplete', `${id} came without its manifest, which is the last of a set`, {
    hint: 'what wrote the stream did not finish. Take it from another place.',
  });
}
