/** Large objects in S3: sent in parts, and there once all of them are. */

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { fill } from './object-source.ts';
import { retries, type Again, type RetryOptions } from './retrying.ts';
import { unquoted, type S3Bucket, type S3Class, type Send } from './s3-bucket.ts';
import { answerOf } from './s3-failures.ts';
import { type ObjectSource } from './store.ts';

/** In bytes. S3 takes no smaller parts than 5 MiB but for the last one. */
export const smallestPart = 8 << 20;
const mostParts = 10_000;
const partsAtOnce = 3;
/** For how long an upload that failed is waited for to be removed, in ms. What is left of it is swept later. */
const abortMs = 10_000;

/** The size of the parts of an object, in bytes: as small as their number allows. Some of them are in memory at once. */
export function partSizeOf(size: number): number {
  const mebibyte = 1 << 20;
  return Math.max(smallestPart, Math.ceil(size / mostParts / mebibyte) * mebibyte);
}

/** An object as its store has it: what it calls it, and what it would call it where that is made of the MD5 of parts. */
export interface Written {
  readonly etag: string | undefined;
  readonly expected: string;
}

/** Writes an object in parts, each of which is tried again by itself. Where that fails, nothing is there, and no part of it. */
export class Upload {
  readonly #bucket: S3Bucket;
  readonly #name: string;
  readonly #source: ObjectSource;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #again: Again;
  /** Of parts that are on their way. None of them fails. */
  readonly #sending = new Set<Promise<void>>();
  readonly #buffers: Buffer[] = [];
  readonly #parts: CompletedPart[] = [];
  readonly #digests: Buffer[] = [];
  #id = '';
  #failure: { readonly reason: unknown } | undefined;

  constructor(bucket: S3Bucket, name: string, source: ObjectSource, options: RetryOptions) {
    this.#bucket = bucket;
    this.#name = name;
    this.#source = source;
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
    // Each part listens to it several times.
    setMaxListeners(0, this.#signal);
    this.#again = retries({ ...options, signal: this.#signal });
  }

  async run(storageClass: S3Class): Promise<Written> {
    const what = `begin ${this.#name}`;
    const command = new CreateMultipartUploadCommand({ ...this.#bucket.at(this.#name), ...storageClass });
    const { UploadId } = await this.#ask(what, (client, options) => client.send(command, options));
    this.#id = UploadId ?? '';
    try {
      await this.#sendParts();
      return await this.#complete();
    } catch (error) {
      await this.#abort();
      throw error;
    }
  }

  async #sendParts(): Promise<void> {
    const { size } = this.#source;
    const partSize = partSizeOf(size);
    try {
      for (let start = 0; start < size && !this.#failure; start += partSize) {
        const buffer = this.#buffers.pop() ?? Buffer.allocUnsafe(partSize);
        const bytes = buffer.subarray(0, Math.min(partSize, size - start));
        await fill(bytes, this.#source, start, this.#name);
        const sent = this.#sendPart(start / partSize, bytes)
          .then(() => void this.#buffers.push(buffer))
          .catch((error: unknown) => this.#fail(error))
          .finally(() => this.#sending.delete(sent));
        this.#sending.add(sent);
        if (this.#sending.size === partsAtOnce) await Promise.race(this.#sending);
      }
    } catch (error) {
      this.#fail(error);
    }
    // Whatever comes of it, nothing is on its way any more.
    await Promise.all(this.#sending);
    if (this.#failure) throw this.#failure.reason;
  }

  async #sendPart(index: number, bytes: Buffer): Promise<void> {
    const digest = createHash('md5').update(bytes).digest();
    const command = new UploadPartCommand({
      ...this.#bucket.at(this.#name),
      UploadId: this.#id,
      PartNumber: index + 1,
      Body: bytes,
      ContentMD5: digest.toString('base64'),
    });
    const { ETag } = await this.#ask(`write ${this.#name}`, (client, options) => client.send(command, options));
    this.#parts[index] = { PartNumber: index + 1, ETag };
    this.#digests[index] = digest;
  }

  /** The first failure counts: what comes after it may be its consequence. */
  #fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#stop.abort();
  }

  async #complete(): Promise<Written> {
    const digest = createHash('md5').update(Buffer.concat(this.#digests)).digest('hex');
    const expected = `${digest}-${this.#digests.length}`;
    const command = new CompleteMultipartUploadCommand({
      ...this.#bucket.at(this.#name),
      UploadId: this.#id,
      MultipartUpload: { Parts: this.#parts },
    });
    return await this.#again(async (isFirst) => {
      try {
        const what = `finish ${this.#name}`;
        const { ETag } = await this.#bucket.ask(what, (client, options) => client.send(command, options), this.#signal);
        return { etag: unquoted(ETag), expected };
      } catch (error) {
        if (isFirst || answerOf(error)?.name !== 'NoSuchUpload') throw error;
        // An earlier try may have finished it, and its answer been lost.
        const found = await this.#bucket.look(this.#name);
        if (found?.etag !== expected) throw error;
        return { etag: found.etag, expected };
      }
    });
  }

  /** What cannot be removed now is swept later. */
  async #abort(): Promise<void> {
    this.#stop.abort();
    const command = new AbortMultipartUploadCommand({ ...this.#bucket.at(this.#name), UploadId: this.#id });
    const what = `remove parts of ${this.#name}`;
    await this.#bucket
      .ask(what, (client, options) => client.send(command, options), AbortSignal.timeout(abortMs))
      .catch(() => {});
  }

  #ask<T>(what: string, send: Send<T>): Promise<T> {
    return this.#again(() => this.#bucket.ask(what, send, this.#signal));
  }
}
