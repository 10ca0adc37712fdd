/** What it means when a server with SFTP refuses something. */

import { FigaroError, type ErrorDetails } from '../../errors.ts';
import { formatBytes } from '../../measures.ts';
import { extensions, type FileSystem, type SftpClient } from './sftp-client.ts';
import { MalformedPacket, requests, statuses } from './sftp-packets.ts';
import path from 'node:path/posix';
import { type SftpPlace } from './sftp-place.ts';
import { RefusedRequest } from './sftp-session.ts';
import { Unreachable } from './unreachable.ts';

interface Attempt {
  readonly client: SftpClient;
  readonly place: SftpPlace;
  /** What was to be done: `write a/b`. */
  readonly what: string;
  /** How much was to be written; 0 where nothing was. */
  readonly bytes: number;
}

/** What is free beyond what was to be written is taken by directories and the like, in bytes. */
const marginBytes = 64 << 10;
const spaceHint = '`figaro-backup expire` makes room there; or have the disk enlarged or the quota raised.';
/** Requests by which a server learns that there is no room for what it took. */
const took = new Set<number | string>([requests.write, requests.close, extensions.fsync[0]]);
const spoken: Readonly<Record<number, string>> = {
  [statuses.noSuchFile]: 'there is no such file or directory',
  [statuses.unsupported]: 'the server has no such operation',
};

/** A failure as an error for the operator. */
export async function failureOf(error: unknown, attempt: Attempt): Promise<unknown> {
  const { place, what } = attempt;
  const subject = `${place.text}: cannot ${what}`;
  if (error instanceof MalformedPacket)
    return new Unreachable(`${subject}: the answer of the server cannot be understood`);
  if (!(error instanceof RefusedRequest)) return error;
  const { status, message } = error;
  const details = { cause: error };
  if (status === statuses.noConnection || status === statuses.connectionLost) {
    return new Unreachable(`${subject}: the connection was lost`, details);
  }
  if (status === statuses.permissionDenied) return notPermitted(subject, 'permission denied', details);
  if (status === statuses.noSpace || status === statuses.quotaExceeded || /no space|quota|disk full/i.test(message)) {
    return new FigaroError('no-space', `${subject}: ${message || 'no space left'}`, { ...details, hint: spaceHint });
  }
  if (status === statuses.failure && attempt.bytes > 0) return await failureToWrite(subject, error, attempt);
  const said = spoken[status] ?? (message || `status ${status}`);
  return new FigaroError('io', `${subject}: the server answers ${JSON.stringify(said)}`, details);
}

/** OpenSSH's server says "Failure" for most of what goes wrong; what it is shows elsewhere. */
async function failureToWrite(
  subject: string,
  error: RefusedRequest,
  { client, place, bytes }: Attempt,
): Promise<FigaroError> {
  const details = { cause: error };
  const disk = await diskOf(client, place);
  if (disk?.isReadOnly) return notPermitted(subject, 'the file system there is mounted read only', details);
  if (disk && (disk.free < bytes + marginBytes || disk.freeFiles === 0)) {
    const free =
      disk.freeFiles === 0 ? 'no file can be made there any more' : `${formatBytes(disk.free)} are free there`;
    return new FigaroError('no-space', `${subject}: no space left: ${free}, and it has ${formatBytes(bytes)}`, {
      ...details,
      hint: spaceHint,
    });
  }
  // The file was made, and then took no more.
  if (took.has(error.request)) {
    return new FigaroError('no-space', `${subject}: the server takes no more of it, and does not say why`, {
      ...details,
      hint: `is a quota of that account used up, or does the log of the server tell of faults of its disk? ${spaceHint}`,
    });
  }
  return new FigaroError(
    'io',
    `${subject}: the server answers ${JSON.stringify(error.message || 'Failure')}, and does not say why`,
    {
      ...details,
      hint: 'is something in the way that is not a directory, or not a file? The log of the server may say more.',
    },
  );
}

/** The file system of the store, or of where it would be made; undefined where the server does not tell. */
async function diskOf(client: SftpClient, { directory }: SftpPlace): Promise<FileSystem | undefined> {
  if (!client.can('statvfs')) return undefined;
  try {
    return await client.fileSystem(directory).catch(async () => await client.fileSystem(path.dirname(directory)));
  } catch {
    return undefined;
  }
}

function notPermitted(subject: string, why: string, details: ErrorDetails): FigaroError {
  return new FigaroError('not-permitted', `${subject}: ${why}`, {
    ...details,
    hint: 'what may that account do there? The directory of the repository has to belong to it.',
  });
}
