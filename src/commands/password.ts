/** The password of encrypted environments: from a file, never from the command line. */

import { type Command } from 'commander';
import { readIfThere, type Files } from '../engine/files.ts';
import { FigaroError } from '../errors.ts';
import { Cipher } from '../format/crypto.ts';
import { type CommandContext } from './context.ts';

export interface PasswordOptions {
  readonly passwordFile?: string;
}

const variable = 'FIGARO_BACKUP_PASSWORD_FILE';

export function withPasswordOption(command: Command): Command {
  return command.option(
    '--password-file <file>',
    `the password of an encrypted environment is in here (or $${variable})`,
  );
}

/** The files of a run, with the key that the operator gave. Throws `password` when the file can not be used. */
export function unlockedFiles({ files, io }: CommandContext, { passwordFile }: PasswordOptions): Files {
  const file = passwordFile ?? (io.env[variable] || undefined);
  if (file === undefined) return files;
  const bytes = readIfThere(files, file);
  if (!bytes) throw new FigaroError('password', `${file}: there is no such password file`, { path: file });
  let end = bytes.length;
  // An editor ends the line; it is no part of the password.
  if (bytes[end - 1] === 10) end -= bytes[end - 2] === 13 ? 2 : 1;
  if (end === 0) throw new FigaroError('password', `${file}: the password file is empty`, { path: file });
  return { ...files, cipher: new Cipher(bytes.subarray(0, end)) };
}
