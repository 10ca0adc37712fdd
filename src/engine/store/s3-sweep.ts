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
export async function sweepUploads(bucket: S3Bucket, again: Again, olderThanMs: number): Promise<number> {
  const uploads = await unfinished(bucket, again);
  const limit = Date.now() + bucket.client.config.systemClockOffset - olderThanMs;
  const old = uploads.filter(({ Initiated }) => Initiated !== undefined && Initiated.getTime() < limit);
  for (const upload of old) await again(() => discard(bucket, upload));
  return old.length;
}

async function unfinished(bucket: S3Bucket, again: Again): Promise<readonly MultipartUpload[]> {
  const { Bucket, Key: Prefix } = bucket.at('');
  const uploads: MultipartUpload[] = [];
  let from: { readonly KeyMarker?: string; readonly UploadIdMarker?: string } | undefined = {};
  while (from) {
    const command = new ListMultipartUploadsCommand({ Bucket, Prefix, EncodingType: 'url', ...from });
    const page: ListMultipartUploadsCommandOutput = await again(() =>
      bucket.ask('list unfinished uploads', (client, options) => client.send(command, options)),
    );
    for (const { Key, ...upload } of page.Uploads ?? [])
      uploads.push({ ...upload, Key: decoded(Key, page.EncodingType) });
    const KeyMarker = decoded(page.NextKeyMarker, page.EncodingType);
    from =
      page.IsTruncated && KeyMarker !== '' ? { KeyMarker, UploadIdMarker: page.NextUploadIdMarker ?? '' } : undefined;
  }
  return uploads;
}

async function discard(bucket: S3Bucket, { Key, UploadId }: MultipartUpload): Promise<void> {
  const command = new AbortMultipartUploadCommand({ Bucket: bucket.place.bucket, Key, UploadId });
  try {
    await bucket.ask('remove an unfinished upload', (client, options) => client.send(command, options));
  } catch (error) {
    // Its own run, or another one, was first.
    if (answerOf(error)?.name !== 'NoSuchUpload') throw error;
  }
}
