/** What is small of the sets of a packed repository: manifests, notes, and what says where the bytes of files are. */

import { createHash } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { checksumLines, manifestFrom, manifestLimit } from '../repository/repository.ts';
import { type Store } from '../store/store.ts';
import { contentsLimit, decodeContents, type Contents } from './contents.ts';
import { contentsName, manifestName, setsPrefix } from './layout.ts';
import { aroundManifest, decodeManifestObject, type ContentsNamed } from './manifest-object.ts';
import { type Sealing } from './sealing.ts';

/** What sealing adds, at most, in bytes: where nothing can be compressed, and for many recipients. */
const sealingMost = 1 << 20;

/** Of how many sets the contents are kept: a recovery reads one set's pages and another one's log by turns. */
const mostContents = 4;

/** Reads it. Throws `file-checksum`, `manifest-corrupt` and `set-incomplete` for what is not as it was written, and `password` where there is no key to it. */
export class SealedSets {
  readonly #store: Store;
  readonly #sealing: Sealing;
  /** By set; the one that was asked for last is the last. */
  readonly #contents = new Map<string, Promise<Contents>>();

  constructor(store: Store, sealing: Sealing) {
    this.#store = store;
    this.#sealing = sealing;
  }

  /** The bytes of an object of a set, `SET/NAME`; undefined where there is none. */
  async read(name: string, limit = manifestLimit): Promise<Uint8Array | undefined> {
    const object = this.objectName(name);
    const sealed = await this.#store.read(object, { start: 0, length: limit + sealingMost });
    return sealed && (await this.#sealing.open('notes', object, sealed, limit));
  }

  /** Undefined for a set that has none. */
  async manifestOf(set: string): Promise<ReturnType<typeof decodeManifestObject>> {
    const name = `${set}/${manifestName}`;
    const bytes = await this.read(name, manifestLimit + aroundManifest);
    const found = bytes && decodeManifestObject(bytes);
    if (bytes && !found) throw this.#damaged(name, 'there is no manifest in it');
    return found;
  }

  /** Where the files of a set are. What was read once is not read again: that of a set never changes. */
  contentsOf(set: string): Promise<Contents> {
    const found = this.#contents.get(set) ?? this.readContents(set);
    this.#contents.delete(set);
    this.#contents.set(set, found);
    // The next question may find it.
    found.catch(() => this.#contents.delete(set));
    for (const oldest of this.#contents.keys()) {
      if (this.#contents.size <= mostContents) break;
      this.#contents.delete(oldest);
    }
    return found;
  }

  /** The contents that the manifest of a set names, as they are now. */
  async readContents(set: string): Promise<Contents> {
    const found = await this.manifestOf(set);
    if (!found) throw this.#missing(set, manifestName, 'it was removed');
    const name = contentsName(found.named.origin);
    return this.decode(set, name, await this.readNamed(set, found.named));
  }

  /** The text of contents. */
  async readNamed(set: string, { origin, sha256 }: ContentsNamed): Promise<Uint8Array> {
    const name = contentsName(origin);
    const text = await this.read(`${set}/${name}`, contentsLimit);
    if (!text) throw this.#missing(set, name, `nothing says where the files of ${set} are`);
    if (sha256Of(text) !== sha256)
      throw this.#damaged(`${set}/${name}`, 'it is not what the manifest of the set names');
    return text;
  }

  #damaged(name: string, problem: string): FigaroError {
    const object = this.objectName(name);
    return new FigaroError('file-checksum', `${object} cannot be used: ${problem}`, {
      path: object,
      hint: 'bring it back from a copy of the repository.',
    });
  }

  #missing(set: string, name: string, problem: string): FigaroError {
    return new FigaroError('set-incomplete', `${this.objectName(`${set}/${name}`)} is not there: ${problem}`, {
      path: set,
      hint: 'bring it back from a copy of the repository.',
    });
  }

  decode(set: string, name: string, text: Uint8Array): Contents {
    return decodeContents(text, this.objectName(`${set}/${name}`));
  }

  /** Its SHA256SUMS, as a plain repository has them. */
  async sumsOf(set: string): Promise<Uint8Array | undefined> {
    const found = await this.manifestOf(set);
    return found && Buffer.from(checksumLines(manifestFrom(found.manifest, `${set}/${manifestName}`, set)));
  }

  /** What the store calls an object of a set. */
  objectName(name: string): string {
    return `${setsPrefix}${name}${this.#sealing.suffix}`;
  }
}

/** Hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
