/** One request after the other to a bucket. */

import { HeadObjectCommand, ListObjectsV2Command, type S3Client, type StorageClass } from '@aws-sdk/client-s3';
import { unescape } from 'node:querystring';
import { setTimeout } from 'node:timers/promises';
import { interruption } from '../pause.ts';
import { answerOf, failureOf, failureOfKeys, isSkewed } from './s3-failures.ts';
import { type S3Place } from './s3-place.ts';

/** For how long keys are waited for, in ms: somebody may have to confirm on a telephone that they are given. */
const keysMs = 90_000;

/** Sends requests by a client. */
export type Send<T> = (client: S3Client, options: { readonly abortSignal?: AbortSignal }) => Promise<T>;

/** The storage class of what is written, for a request. */
export interface S3Class {
  readonly StorageClass?: StorageClass;
}

/** What the store says about an object. */
export interface S3Object {
  readonly size: number;
  /** In most stores the MD5 of what was written, in hexadecimal. */
  readonly etag: string | undefined;
}

export class S3Bucket {
  readonly place: S3Place;
  readonly client: S3Client;
  readonly #signal: AbortSignal | undefined;

  constructor(place: S3Place, client: S3Client, signal: AbortSignal | undefined) {
    this.place = place;
    this.client = client;
    this.#signal = signal;
  }

  /** Where an object is, as requests say it. */
  at(name: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + name };
  }

  /**
   * Sends requests, and turns their failure into an error for the operator, as `failureOf` of S3 does, or `interrupted`.
   *
   * @param what they do: `write a/b`
   * @param signal that stops them
   */
  async ask<T>(what: string, send: Send<T>, signal = this.#signal): Promise<T> {
    const options = signal ? { abortSignal: signal } : {};
    await this.#haveKeys(what);
    try {
      return await send(this.client, options).catch((error: unknown) => {
        // The client has learned the time of the store from that answer.
        if (isSkewed(error)) return send(this.client, options);
        throw error;
      });
    } catch (error) {
      if (signal?.aborted) throw interruption(signal);
      throw failureOf(this.place.text, what, error);
    }
  }

  /** The client keeps them, and gets new ones before they expire. What they come from may never answer. */
  async #haveKeys(what: string): Promise<void> {
    const late = new AbortController();
    const patience = setTimeout(keysMs, undefined, { signal: late.signal, ref: false }).then(() => {
      throw Object.assign(new Error(), { name: 'TimeoutError' });
    });
    try {
      await Promise.race([this.client.config.credentials(), patience]);
    } catch (error) {
      throw failureOfKeys(this.place.text, what, error);
    } finally {
      late.abort();
    }
  }

  /** What there is of a name; undefined where nothing is. */
  async look(name: string): Promise<S3Object | undefined> {
    const at = this.at(name);
    try {
      const { ContentLength, ETag } = await this.ask(`look at ${name}`, (client, options) =>
        client.send(new HeadObjectCommand(at), options),
      );
      return { size: ContentLength ?? 0, etag: unquoted(ETag) };
    } catch (error) {
      const status = answerOf(error)?.status;
      if (status === 404) return undefined;
      // Keys that may write and list, but not read.
      if (status === 403) return await this.#find(name);
      throw error;
    }
  }

  async #find(name: string): Promise<S3Object | undefined> {
    const { Bucket, Key } = this.at(name);
    const { Contents = [] } = await this.ask(`look for ${name}`, (client, options) =>
      client.send(new ListObjectsV2Command({ Bucket, Prefix: Key, MaxKeys: 1 }), options),
    );
    // Of all names that begin like this it is the first.
    const first = Contents.find((each) => each.Key === Key);
    return first && { size: first.Size ?? 0, etag: unquoted(first.ETag) };
  }
}

/** An entity tag without its quotation marks. */
export function unquoted(etag: string | undefined): string | undefined {
  return etag?.replace(/^"|"$/g, '');
}

/** A key of a list that was asked for in escaped form. Not all stores do that. */
export function decoded(key: string | undefined, encoding: string | undefined): string {
  if (key === undefined) return '';
  return encoding === 'url' ? unescape(key.replaceAll('+', ' ')) : key;
}
