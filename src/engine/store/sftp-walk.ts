/** Which files are on a server with SFTP. */

import path from 'node:path/posix';
import { isUtf8 } from 'node:buffer';
import { someAtOnce } from '../at-once.ts';
import { isPart, longestName } from './file-names.ts';
import { type Entry, type SftpClient } from './sftp-client.ts';
import { kindOf, type Attributes } from './sftp-packets.ts';
import { type StoredObject } from './store.ts';

/** Directories that are read at once. */
const atOnce = 16;

/** The files below a directory whose names begin with `prefix`, in no order. Links are not followed, and what is neither a file nor a directory is none of ours. */
export async function walk(client: SftpClient, root: string, prefix: string): Promise<StoredObject[]> {
  const files: StoredObject[] = [];
  const top = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  // What no name has may not lead out of the root.
  if (!top.split('/').slice(0, -1).every(isPart)) return files;
  // Directories of one level after those of the one above.
  let level = [top];
  while (level.length > 0) {
    const next: string[] = [];
    await someAtOnce(atOnce, level, async (directory) => {
      for (const entry of (await client.entries(path.join(root, directory))) ?? []) {
        const name = nameIn(directory, entry);
        if (name === undefined || !name.startsWith(prefix)) continue;
        const attributes = await complete(client, path.join(root, name), entry.attributes);
        const kind = kindOf(attributes);
        if (kind === 'directory') next.push(`${name}/`);
        if (kind === 'file') {
          files.push({ name, size: attributes.size ?? 0, changedMs: (attributes.changed ?? 0) * 1000 });
        }
      }
    });
    level = next;
  }
  return files;
}

/** The name of an entry below the root; undefined for one that cannot be that of an object. */
function nameIn(directory: string, { name: bytes }: Entry): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const name = bytes.toString();
  if (!isPart(name)) return undefined;
  return directory.length + name.length > longestName ? undefined : directory + name;
}

/** Servers may leave out attributes of what they list. */
async function complete(client: SftpClient, file: string, attributes: Attributes): Promise<Attributes> {
  if (attributes.mode !== undefined && attributes.size !== undefined && attributes.changed !== undefined)
    return attributes;
  return (await client.lstat(file)) ?? {};
}
