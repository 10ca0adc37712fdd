/** Where objects are on a server with SFTP, by a URL: `sftp://[user@]host[:port]/path`. */

import { FigaroError } from '../../errors.ts';

export interface SftpPlace {
  /** As ssh takes it: a name of the network, or one of its configuration. */
  readonly host: string;
  /** Without one, ssh decides, as about all else that the URL does not say. */
  readonly user?: string;
  readonly port?: string;
  /** The directory that names of objects begin in: absolute, or from where the server lets the account begin. */
  readonly directory: string;
  /** The URL as people know it. */
  readonly text: string;
}

const hint =
  'write sftp://user@host/directory, or sftp://user@host/~/directory for one in the home directory of that account.';

/**
 * The place of a URL. Throws `usage` for another URL, and for one with a password, which it does not show.
 *
 * The path is absolute, as for curl and by draft-ietf-secsh-scp-sftp-ssh-uri-04, and `/~/` is the directory in which the account begins.
 * `//` means `/`: so what restic and the program sftp take for absolute paths is the same here.
 */
export function parseSftpUrl(url: string): SftpPlace {
  const found = /^sftp:\/\/([^/?#]*)([^?#]*)(.*)$/is.exec(url);
  const shown = url.replace(/^(sftp:\/*)[^@]*:.*@/is, '$1…@');
  if (!found) throw new FigaroError('usage', `${shown} is not the URL of a server with SFTP`, { hint });
  const [, authority = '', rawPath = '', rest = ''] = found;
  const at = authority.lastIndexOf('@');
  const login = at < 0 ? undefined : authority.slice(0, at);
  if (login?.includes(':')) {
    throw new FigaroError('usage', `${shown}: a URL has no password in it: other users could see it`, {
      hint: 'use a key: `ssh-keygen`, then `ssh-copy-id`; with a passphrase, an agent has to hold it.',
    });
  }
  if (rest !== '') {
    throw new FigaroError('usage', `${shown} has a ? or # in it, which no path of a URL has`, {
      hint: 'write %3F for ?, and %23 for #.',
    });
  }
  const hostAndPort = /^(\[[0-9a-f:.]+(?:%[\w.-]+)?\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(authority.slice(at + 1));
  if (!hostAndPort) throw new FigaroError('usage', `${shown} names no host`, { hint });
  const [, bracketed = '', port] = hostAndPort;
  const host = decode(bracketed.replace(/^\[|\]$/g, ''), shown);
  const user = login === undefined ? undefined : decode(login, shown);
  // What ssh would take for an option, or a shell for a command: users and hosts get into commands of its configuration.
  for (const name of [host, user ?? 'user']) {
    if (!/^[\p{L}\p{N}_][\p{L}\p{N}_.:%@+\\-]*$/u.test(name) && !/^[0-9a-f:.]+$/i.test(name)) {
      throw new FigaroError(
        'usage',
        `${shown}: ${JSON.stringify(name)} is not the name of a ${name === host ? 'host' : 'user'}`,
        { hint },
      );
    }
  }
  const parts = partsOf(decode(rawPath, shown));
  if (parts.includes('..') || parts.some((part) => part.includes('\0'))) {
    throw new FigaroError('usage', `${shown}: a path has no .. in it`, { hint });
  }
  if (parts.length === 0) throw new FigaroError('usage', `${shown} names no directory`, { hint });
  const directory = parts[0] === '~' ? parts.slice(1).join('/') || '.' : `/${parts.join('/')}`;
  return {
    host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    directory,
    text: ['sftp:/', authority, ...partsOf(rawPath)].join('/'),
  };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function decode(text: string, shown: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new FigaroError('usage', `${shown}: % in a URL begins a byte, as %20 for a space`, {
      hint: 'write %25 for %.',
    });
  }
}
