/** Objects in a bucket of S3, or of what speaks like it. */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type GetObjectCommandOutput,
  type StorageClass,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { type Readable } from 'node:stream';
import { FigaroError } from '../../errors.ts';
import { someAtOnce } from '../at-once.ts';
import { fill } from './object-source.ts';
import { type StoreSettings } from './store-settings.ts';
import { retries, type Again } from './retrying.ts';
import { decoded, S3Bucket, unquoted, type S3Class } from './s3-bucket.ts';
import { openClient } from './s3-client.ts';
import { answerOf } from './s3-failures.ts';
import { parseS3Url } from './s3-place.ts';
import { sweepUploads } from './s3-sweep.ts';
import { smallestPart, Upload, type Written } from './s3-upload.ts';
import { byName, type ObjectSource, type Range, type Store, type StoredObject } from './store.ts';
import { Unreachable } from './unreachable.ts';

const removalsAtOnce = 8;

/** Opens the store of a URL `s3://bucket/prefix`. Throws `usage` for another one, and for an endpoint that is no URL. */
export async function openS3Store(url: string, settings: StoreSettings): Promise<Store> {
  const place = parseS3Url(url);
  return new S3Store(new S3Bucket(place, await openClient(settings), settings.signal), settings);
}

class S3Store implements Store {
  readonly place: string;
  readonly #bucket: S3Bucket;
  readonly #settings: StoreSettings;
  readonly #class: S3Class;
  /** For the steps of what takes many requests. */
  readonly #again: Again;
  /** False once it is known that the store cannot refuse a name that is taken by itself. */
  #refusesTaken = true;
  readonly #uploads = new Set<Promise<unknown>>();

  constructor(bucket: S3Bucket, settings: StoreSettings) {
    this.place = bucket.place.text;
    this.#bucket = bucket;
    this.#settings = settings;
    // Stores have classes of their own beside those of Amazon.
    this.#class = settings.storageClass ? { StorageClass: settings.storageClass as StorageClass } : {};
    this.#again = retries(settings);
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const { Bucket, Key } = this.#bucket.at(prefix);
    const objects: StoredObject[] = [];
    let from: string | undefined;
    do {
      // Escaped, since XML has no room for all characters that names may have.
      const command = new ListObjectsV2Command({
        Bucket,
        Prefix: Key,
        EncodingType: 'url',
        MaxKeys: this.#settings.pageSize,
        ContinuationToken: from,
      });
      const page = await this.#again(() =>
        this.#bucket.ask('list its objects', (client, options) => client.send(command, options)),
      );
      for (const { Key: key, Size: size = 0, LastModified, ETag } of page.Contents ?? []) {
        const name = decoded(key, page.EncodingType).slice(this.#bucket.place.prefix.length);
        // Consoles make an empty object for the prefix itself.
        if (name === '') continue;
        const tag = unquoted(ETag);
        objects.push({ name, size, changedMs: LastModified?.getTime() ?? 0, ...(tag === undefined ? {} : { tag }) });
      }
      from = page.NextContinuationToken;
      if (page.IsTruncated && from === undefined) {
        throw new FigaroError(
          'io',
          `${this.place}: cannot list its objects: the store does not say how the list goes on`,
        );
      }
    } while (from !== undefined);
    return objects.sort(byName);
  }

  async read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    if (range?.length === 0) return (await this.#bucket.look(name)) && new Uint8Array();
    const command = new GetObjectCommand({ ...this.#bucket.at(name), ...(range ? { Range: headerOf(range) } : {}) });
    const what = `read ${name}`;
    try {
      return await this.#bucket.ask(what, async (client, options) => {
        const answer = await client.send(command, options);
        return await this.#bytesOf(answer, what, range);
      });
    } catch (error) {
      // Empty objects, too, have no such part.
      if (answerOf(error)?.status === 416) return new Uint8Array();
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #bytesOf(answer: GetObjectCommandOutput, what: string, range: Range | undefined): Promise<Uint8Array> {
    const { ContentLength: length, ContentRange } = answer;
    const body = answer.Body as Readable;
    const isAsAsked = !range || length === 0 || ContentRange?.startsWith(`bytes ${range.start}-`);
    if (!isAsAsked || (range && length !== undefined && length > range.length)) {
      body.destroy();
      throw new FigaroError(
        'io',
        `${this.place}: cannot ${what}: the store answers with another part than it was asked for`,
      );
    }
    const pieces: Uint8Array[] = [];
    let received = 0;
    for await (const piece of body) {
      pieces.push(piece as Uint8Array);
      received += (piece as Uint8Array).length;
    }
    if (length !== undefined && received !== length) {
      throw new Unreachable(`${this.place}: cannot ${what}: ${received} of ${length} bytes came`);
    }
    return Buffer.concat(pieces, received);
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    const written = source.size > smallestPart ? await this.#upload(name, source) : await this.#put(name, source);
    if (written.etag === written.expected) return;
    // Where objects are encrypted by the store, its tag says nothing.
    const found = await this.#again(() => this.#bucket.look(name));
    if (found?.size === source.size) return;
    const size = found ? `${found.size} bytes of it` : 'nothing';
    throw new FigaroError('io', `${this.place}: ${name} was written with ${source.size} bytes, and there is ${size}`);
  }

  async #put(name: string, source: ObjectSource): Promise<Written> {
    const bytes = Buffer.allocUnsafe(source.size);
    await fill(bytes, source, 0, name);
    return await this.#putBytes(name, bytes);
  }

  async #putBytes(name: string, bytes: Uint8Array, condition: { readonly IfNoneMatch?: '*' } = {}): Promise<Written> {
    const md5 = createHash('md5').update(bytes).digest();
    const command = new PutObjectCommand({
      ...this.#bucket.at(name),
      ...this.#class,
      ...condition,
      Body: bytes,
      ContentMD5: md5.toString('base64'),
    });
    const { ETag } = await this.#bucket.ask(`write ${name}`, (client, options) => client.send(command, options));
    return { etag: unquoted(ETag), expected: md5.toString('hex') };
  }

  async #upload(name: string, source: ObjectSource): Promise<Written> {
    const upload = new Upload(this.#bucket, name, source, this.#settings).run(this.#class);
    // Who is told to stop does not wait for it; the end of the store does.
    const ended = upload.then(
      () => {},
      () => {},
    );
    this.#uploads.add(ended);
    try {
      return await upload;
    } finally {
      this.#uploads.delete(ended);
    }
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    // Ceph takes names that are taken, asked or not, in buckets that keep versions.
    if (await this.#bucket.look(name)) return false;
    if (this.#refusesTaken) {
      try {
        await this.#putBytes(name, bytes, { IfNoneMatch: '*' });
        return true;
      } catch (error) {
        const status = answerOf(error)?.status;
        if (status === 412) return false;
        const isUnknownThere = status === 501 || (status === 400 && !(error instanceof Unreachable));
        if (!isUnknownThere) throw error;
      }
    }
    await this.#putBytes(name, bytes);
    this.#refusesTaken = false;
    return true;
  }

  async remove(names: readonly string[]): Promise<void> {
    // One by one: lists of names to remove are not understood by all stores.
    await someAtOnce(removalsAtOnce, names, (name) => this.#again(() => this.#remove(name)));
  }

  async #remove(name: string): Promise<void> {
    const command = new DeleteObjectCommand(this.#bucket.at(name));
    try {
      await this.#bucket.ask(`remove ${name}`, (client, options) => client.send(command, options));
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  sweep(olderThanMs: number): Promise<number> {
    return sweepUploads(this.#bucket, this.#again, olderThanMs, this.#settings.pageSize);
  }

  async close(): Promise<void> {
    await Promise.all(this.#uploads);
    this.#bucket.client.destroy();
  }
}

function headerOf({ start, length }: Range): string {
  return `bytes=${start}-${start + length - 1}`;
}

/** True where there is no such object, in a bucket that is there. */
function isAbsent(error: unknown): boolean {
  const answer = answerOf(error);
  return answer?.status === 404 && answer.name !== 'NoSuchBucket';
}
