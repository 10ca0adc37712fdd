/** Stores by their URLs. What a kind of store needs is loaded when one is opened. */

import { setMaxListeners } from 'node:events';
import { FigaroError } from '../../errors.ts';
import { withRetries } from './retrying.ts';
import { type StoreSettings } from './store-settings.ts';
import { type Store } from './store.ts';

/** Opens the store of a URL. Throws `usage` for one that is none. Whether the store is there shows when it is used. */
export async function openStore(url: string, settings: StoreSettings): Promise<Store> {
  // Each request listens to it: more than Node takes for a leak, which it tells on stderr.
  if (settings.signal) setMaxListeners(0, settings.signal);
  const store = await open(url, settings);
  return withRetries(store, settings);
}

async function open(url: string, settings: StoreSettings): Promise<Store> {
  const scheme = /^[^:]*/.exec(url)![0].toLowerCase();
  if (scheme === 's3') return await (await import('./s3-store.ts')).openS3Store(url, settings);
  if (scheme === 'sftp') return (await import('./sftp-store.ts')).openSftpStore(url, settings);
  throw new FigaroError('usage', `${scheme}: is not a kind of store`, {
    hint: 'a repository is a directory, s3://bucket/prefix or sftp://user@host/directory. A directory with such a name is ./NAME.',
  });
}
