/** Repositories that a place in a store lies in: whatever is done with these would be done with it, too. */

import { FigaroError } from '../../errors.ts';
import { repositoryName } from '../places.ts';
import { type Store } from './store.ts';

/**
 * The URL of a repository that has the place of another URL in its own part of a store; undefined where there is none, or nobody here may look.
 *
 * @param open opens a store, which is closed again
 */
export async function repositoryAbove(
  url: string,
  open: (url: string) => Promise<Pick<Store, 'read' | 'close'>>,
): Promise<string | undefined> {
  const [, top = '', rest = ''] = /^(s3:\/*[^/]+|sftp:\/\/[^/]*\/+[^/]+)(.*)$/is.exec(url) ?? [];
  const parts = rest.split('/').filter((part) => part !== '' && part !== '.');
  if (top === '' || parts.length === 0) return undefined;
  // Of an SFTP server, URLs have names escaped.
  const names = /^sftp:/i.test(url) ? parts.map(decodeURIComponent) : parts;
  const store = await open(top);
  try {
    for (let i = 0; i < parts.length; i++) {
      const name = [...names.slice(0, i), repositoryName].join('/');
      if (await isThere(store, name)) return [top, ...parts.slice(0, i)].join('/');
    }
  } finally {
    await store.close();
  }
  return undefined;
}

/** Who may not look into the whole of a store may look into a part of it all the same. */
async function isThere(store: Pick<Store, 'read'>, name: string): Promise<boolean> {
  try {
    return (await store.read(name, { start: 0, length: 1 })) !== undefined;
  } catch (error) {
    if (isHidden(error)) return false;
    throw error;
  }
}

/** Keys and accounts may be good for their own part only. */
function isHidden(error: unknown): boolean {
  const codes: readonly string[] = ['not-permitted', 'repository-missing', 'io'];
  return error instanceof FigaroError && codes.includes(error.code);
}
