/** Uploads to S3 that nobody finished: parts that cost money and that no list of objects shows. */

import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { type Again } from './retrying.ts';
import { decoded, type S3Bucket } from './s3-bucket.ts';
import { answerOf } from './s3-failures.ts';

/** Removes what uploads have sent that began longer ago than this, by the clock of the store. Returns how many there were. */
export async function sweepUploads(
  bucket: S3Bucket,
  again: Again,
  olderThanMs: number,
  pageSize?: number,
): Promise<number> {
  const uploads = await unfinished(bucket, again, pageSize);
  const limit = Date.now() + bucket.client.config.systemClockOffset - olderThanMs;
  const old = uploads.filter(({ Initiated }) => Initiated !== undefined && Initiated.getTime() < limit);
  for (const upload of old) await again(() => discard(bucket, upload));
  return old.length;
}

/** What is listed of an upload. */
type Unfinished = Pick<MultipartUpload, 'Key' | 'UploadId' | 'Initiated'>;

async function unfinished(
  bucket: S3Bucket,
  again: Again,
  pageSize: number | undefined,
): Promise<readonly Unfinished[]> {
  const { Bucket, Key: Prefix } = bucket.at('');
  const uploads: Unfinished[] = [];
  for (let last: Unfinished | undefined; ;) {
    // Stores do not agree on whether the mark they give for where to go on is escaped: it is made of the last upload.
    const from = last && { KeyMarker: unescapedKey(last), UploadIdMarker: last.UploadId };
    const command = new ListMultipartUploadsCommand({
      Bucket,
      Prefix,
      EncodingType: 'url',
      MaxUploads: pageSize,
      ...from,
    });
    const page: ListMultipartUploadsCommandOutput = await again(() =>
      bucket.ask('list unfinished uploads', (client, options) => client.send(command, options)),
    );
    uploads.push(...(page.Uploads ?? []));
    if (!page.IsTruncated || uploads.at(-1)?.UploadId === last?.UploadId) return uploads;
    last = uploads.at(-1);
  }
}

/** Not all stores say that they have escaped it. */
function unescapedKey({ Key }: Unfinished): string {
  return decoded(Key, 'url');
}

async function discard(bucket: S3Bucket, upload: Unfinished): Promise<void> {
  // Where the store has not escaped the key, there is no such upload, and one of that key as it came.
  for (const Key of new Set([unescapedKey(upload), upload.Key])) {
    const command = new AbortMultipartUploadCommand({ Bucket: bucket.place.bucket, Key, UploadId: upload.UploadId });
    try {
      await bucket.ask('remove an unfinished upload', (client, options) => client.send(command, options));
      return;
    } catch (error) {
      if (answerOf(error)?.name !== 'NoSuchUpload') throw error;
    }
  }
}
