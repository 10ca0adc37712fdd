import { type RetryOptions } from './retrying.ts';

/** What a URL does not say. */
export interface StoreSettings extends RetryOptions {
  /** Variables of the environment, as those that AWS's own tools and ssh heed. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** S3: the storage class of what is written, as `STANDARD_IA`; the store's own choice without. */
  readonly storageClass?: string;
  /** S3: the bucket in the path in place of the name of the host. Without, where an endpoint of one's own is configured. */
  readonly forcePathStyle?: boolean;
  /** S3: the most objects in one answer to a list. */
  readonly pageSize?: number;
  /** For how long a store may be silent, in ms. */
  readonly stallMs?: number;
}
