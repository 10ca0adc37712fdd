/** The password of encrypted environments: from a file, never from the command line. */

import { type Command } from 'commander';
import { withFile } from '../engine/files/read.ts';
import { type Files } from '../engine/files/files.ts';
import { withCipher } from '../engine/files/files-with.ts';
import { FigaroError } from '../errors.ts';
import { formatBytes } from '../measures.ts';
import { Cipher, whyNoPassword } from '../format/crypto.ts';
import { type CommandContext } from './context.ts';

export interface PasswordOptions {
  readonly passwordFile?: string;
}

export function withPasswordOption(command: Command): Command {
  return command.option(
    '--password-file <file>',
    'the password of an encrypted environment is in here (or $FIGARO_BACKUP_PASSWORD_FILE)',
  );
}

/** The files of a run, with the key that the operator gave. Throws `password` when the file cannot be used. */
export function unlockedFiles({ files }: CommandContext, { passwordFile }: PasswordOptions): Files {
  if (passwordFile === undefined) return files;
  return withCipher(files, new Cipher(readPassword(files, passwordFile)));
}

/** More than this is no password but another file, in bytes. */
const longest = 4096;

function readPassword(files: Files, file: string): Uint8Array {
  const { bytes, size } = read(files, file);
  let end = bytes.length;
  // An editor ends the line; it is no part of the password.
  if (bytes[end - 1] === 10) end -= bytes[end - 2] === 13 ? 2 : 1;
  if (size > longest)
    throw unusable(file, `it has ${formatBytes(size)}, more than the ${formatBytes(longest)} of a password`);
  const password = bytes.subarray(0, Math.max(0, end));
  const problem = whyNoPassword(password);
  if (problem !== undefined) throw unusable(file, problem);
  return password;
}

function read(files: Files, file: string): { bytes: Uint8Array; size: number } {
  try {
    return withFile(files, file, (opened) => {
      const bytes = new Uint8Array(longest);
      return { bytes: bytes.subarray(0, opened.readAt(bytes, 0)), size: opened.stat().size };
    });
  } catch (cause) {
    if (!(cause instanceof FigaroError)) throw cause;
    throw new FigaroError('password', `the password cannot be read: ${cause.message}`, { path: file, cause });
  }
}

function unusable(file: string, problem: string): FigaroError {
  return new FigaroError('password', `the password cannot be read: ${file}: ${problem}`, {
    path: file,
    hint: 'give a file that holds the password and nothing else.',
  });
}
