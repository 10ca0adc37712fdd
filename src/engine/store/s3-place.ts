/** Where objects are in S3, by a URL: `s3://bucket/prefix`. */

import { FigaroError } from '../../errors.ts';

export interface S3Place {
  readonly bucket: string;
  /** What the keys of all objects begin with: empty, or with a `/` at its end. */
  readonly prefix: string;
  /** The URL as people know it. */
  readonly text: string;
}

const hint = 'write s3://bucket or s3://bucket/prefix.';

/**
 * The bucket and prefix of a URL, whose text they are as AWS's own tools take them: nothing in it is escaped. Throws `usage` for another
 * URL, without showing it where it may hold a secret.
 */
export function parseS3Url(url: string): S3Place {
  // Before anything of the URL is shown.
  if (/^s3:[/]*[^/]*@/i.test(url)) {
    throw new FigaroError('usage', 's3://…@…: a URL of a bucket has no user or password in it', {
      hint: 'keys come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE), from ~/.aws, or from the machine.',
    });
  }
  if (/[?#]/.test(url)) {
    throw new FigaroError(
      'usage',
      `${url.replace(/[?#].*/s, '')}: the URL of a bucket ends with a prefix, and takes no ? or #`,
      { hint },
    );
  }
  const found = /^s3:\/\/([^/]*)(.*)$/is.exec(url);
  if (!found) throw new FigaroError('usage', `${url} is not the URL of a bucket`, { hint });
  const [, bucket = '', path = ''] = found;
  if (bucket === '') throw new FigaroError('usage', `${url} names no bucket`, { hint });
  if (bucket.includes(':')) {
    throw new FigaroError('usage', `${url}: ${bucket} is not the name of a bucket`, {
      hint: 'a server of your own is named in AWS_ENDPOINT_URL, and the bucket alone in the URL.',
    });
  }
  if (!/^[a-z0-9][a-z0-9._-]*$/i.test(bucket)) {
    throw new FigaroError('usage', `${url}: ${bucket} is not the name of a bucket`, { hint });
  }
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..')) {
    throw new FigaroError('usage', `${url}: a prefix has no . or .. in it`, { hint });
  }
  return { bucket, prefix: parts.map((part) => `${part}/`).join(''), text: ['s3:/', bucket, ...parts].join('/') };
}
