/** How objects get onto a server with SFTP: whole, or not at all. */

import path from 'node:path/posix';
import { FigaroError } from '../../errors.ts';
import { newUnfinished } from './file-names.ts';
import { isRefused, type Handle, type SftpClient } from './sftp-client.ts';
import { kindOf, statuses } from './sftp-packets.ts';
import { type SftpPlace } from './sftp-place.ts';
import { RefusedRequest } from './sftp-session.ts';
import { writeBytes } from './sftp-transfer.ts';
import { type ObjectSource } from './store.ts';

/** How often a directory is made again that another run has removed because it was empty. */
const mostTries = 3;

/** Writes a file in place of one of that name. */
export async function writeFile(
  client: SftpClient,
  place: SftpPlace,
  file: string,
  source: ObjectSource,
): Promise<void> {
  await writeUnfinished(client, place, file, source, async (temporary) => await replace(client, temporary, file));
}

/** Writes a file whose name has to be free; returns false where it is taken. */
export async function createFile(
  client: SftpClient,
  place: SftpPlace,
  file: string,
  source: ObjectSource,
): Promise<boolean> {
  if (await client.lstat(file)) return false;
  if (client.can('hardLink')) {
    const isCreated = await writeUnfinished(client, place, file, source, async (temporary) => {
      const isOurs = await link(client, temporary, file);
      await client.remove(temporary);
      return isOurs;
    });
    if (isCreated !== undefined) return isCreated;
  }
  // To rename is no way: what has the name would be replaced by some servers. So the name is taken first, and whoever reads it meanwhile finds less.
  return await writeTaken(client, place, file, source);
}

/** Whether the file has got the name; false where it is taken, and undefined where files have one name only. */
async function link(client: SftpClient, temporary: string, file: string): Promise<boolean | undefined> {
  try {
    await client.hardLink(temporary, file);
    return true;
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    return (await client.lstat(file)) ? false : undefined;
  }
}

/**
 * Writes a file under a passing name, and has it get its own by `publish`. It lasts once this returns, as far as the server lets us see to it.
 */
async function writeUnfinished<T>(
  client: SftpClient,
  place: SftpPlace,
  file: string,
  source: ObjectSource,
  publish: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = path.join(path.dirname(file), newUnfinished());
  const handle = await openNew(client, place, temporary);
  let isOpen = true;
  const close = async (): Promise<void> => {
    isOpen = false;
    await client.close(handle);
  };
  try {
    await writeBytes(client, handle, source, file);
    if (!client.can('fsync')) {
      // A server of files that writes late tells then that it could not.
      await close();
      return await publish(temporary);
    }
    await client.fsync(handle);
    const result = await publish(temporary);
    // SFTP cannot sync a directory. A new name changes the file as well, though, and file systems with a journal cannot sync that change
    // without the name, nor without the directories that were made before.
    await client.fsync(handle);
    client.release(handle);
    return result;
  } catch (error) {
    await tidy(client, temporary, isOpen ? handle : undefined);
    throw error;
  }
}

async function writeTaken(client: SftpClient, place: SftpPlace, file: string, source: ObjectSource): Promise<boolean> {
  let handle: Handle | undefined;
  try {
    handle = await openNew(client, place, file);
  } catch (error) {
    if (error instanceof RefusedRequest && (await client.lstat(file))) return false;
    throw error;
  }
  try {
    await writeBytes(client, handle, source, file);
    if (client.can('fsync')) await client.fsync(handle);
    const open = handle;
    handle = undefined;
    await client.close(open);
    return true;
  } catch (error) {
    await tidy(client, file, handle);
    throw error;
  }
}

/** Removes what was not finished, where that can be done: a later run sweeps what is left. */
async function tidy(client: SftpClient, file: string, handle: Handle | undefined): Promise<void> {
  await Promise.allSettled([...(handle ? [client.close(handle)] : []), client.remove(file)]);
}

/** What time it is for the files of the server, in ms since 1970. */
export async function serverTime(client: SftpClient, place: SftpPlace): Promise<number> {
  const file = path.join(place.directory, newUnfinished());
  const handle = await openNew(client, place, file);
  try {
    return ((await client.fstat(handle)).changed ?? 0) * 1000;
  } finally {
    await tidy(client, file, handle);
  }
}

async function replace(client: SftpClient, temporary: string, file: string): Promise<void> {
  if (client.can('posixRename')) return await client.posixRename(temporary, file);
  try {
    await client.rename(temporary, file);
  } catch (error) {
    // By the protocol, that is so where the name is taken. There is no way then to have always one of the two there.
    if (!(error instanceof RefusedRequest) || !(await client.lstat(file))) throw error;
    await client.remove(file);
    await client.rename(temporary, file);
  }
}

/** Makes a file, and the directories that it is in. */
async function openNew(client: SftpClient, place: SftpPlace, file: string): Promise<Handle> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.openNew(file);
    } catch (error) {
      if (!isRefused(error, statuses.noSuchFile) || tries === mostTries) throw error;
      await makeDirectory(client, place, path.dirname(file));
    }
  }
}

async function makeDirectory(client: SftpClient, place: SftpPlace, directory: string): Promise<void> {
  try {
    return await client.makeDirectory(directory);
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error;
    const there = await client.stat(directory);
    if (there && kindOf(there) === 'directory') return;
    if (there || error.status !== statuses.noSuchFile) throw error;
  }
  if (directory === place.directory) throw rootMissing(place);
  await makeDirectory(client, place, path.dirname(directory));
  await makeDirectory(client, place, directory);
}

/** That the directory above the store is missing, too: then it is the disk of the backups that is. */
export function rootMissing({ text, directory }: SftpPlace): FigaroError {
  const parent = path.dirname(directory);
  return new FigaroError('repository-missing', `${text}: there is no directory ${parent} on the server`, {
    hint: 'is the disk of the backups mounted there? Otherwise make that directory first. The path of a URL begins at /; that of the home directory is /~/.',
  });
}
