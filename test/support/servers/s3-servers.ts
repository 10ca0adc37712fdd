/** Stores that speak S3, and buckets in them. */

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { liveServer } from './live-servers.ts';

export interface S3Server {
  readonly title: string;
  /** A program of its packages, and what to install on Debian. */
  readonly program: string;
  readonly packages: string;
  /** Whether of several that create an object at once one is refused by the server itself. */
  readonly refusesTaken: boolean;
  /** Starts it where it does not run yet; what is to be in the environment of those who use it. */
  environment(): Promise<S3Environment>;
}

export interface S3Environment {
  readonly AWS_ENDPOINT_URL: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

export const rgw: S3Server = {
  title: 'Ceph RGW',
  program: 'radosgw',
  packages: 'radosgw ceph-mon ceph-osd ceph-mgr ceph-common',
  refusesTaken: true,
  environment: async () => ({
    AWS_ENDPOINT_URL: `http://127.0.0.1:${await liveServer('rgw.sh', 3)}`,
    AWS_ACCESS_KEY_ID: 'AKTEST0000000000',
    AWS_SECRET_ACCESS_KEY: 'SKTEST0000000000',
  }),
};

/** Other keys of the same user of Ceph RGW, `test:other`, who may do in a bucket what its policy says. */
export const otherUser: Omit<S3Environment, 'AWS_ENDPOINT_URL'> = {
  AWS_ACCESS_KEY_ID: 'AKOTHER000000000',
  AWS_SECRET_ACCESS_KEY: 'SKTESTOTHER00000',
};

export const swift: S3Server = {
  title: 'OpenStack Swift',
  program: 'swift-proxy-server',
  packages: 'swift-proxy swift-account swift-container swift-object python3-swift memcached',
  refusesTaken: false,
  environment: async () => ({
    AWS_ENDPOINT_URL: `http://127.0.0.1:${await liveServer('swift.sh', 5)}`,
    AWS_ACCESS_KEY_ID: 'test:tester',
    AWS_SECRET_ACCESS_KEY: 'testing',
  }),
};

export const s3Servers: readonly S3Server[] = [rgw, swift];

/** For what the product does not do. */
export function s3Client(environment: S3Environment): S3Client {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  return new S3Client({
    endpoint: environment.AWS_ENDPOINT_URL,
    region: 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: environment.AWS_ACCESS_KEY_ID, secretAccessKey: environment.AWS_SECRET_ACCESS_KEY },
  });
}

let buckets = 0;

/** A bucket that nobody else uses. Gone with the server. */
export async function newBucket(environment: S3Environment): Promise<string> {
  const client = s3Client(environment);
  const name = `test-${process.pid}-${buckets++}-${Date.now().toString(36)}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return name;
}
