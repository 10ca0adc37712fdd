import { FigaroError } from '../errors.ts';

/** For errors about what cannot be read without its password. */
export const passwordHint = 'give the file that holds the password: --password-file, or $FIGARO_BACKUP_PASSWORD_FILE.';

/** A database that the password does not open. */
export function lockedFile(file: string): FigaroError {
  return new FigaroError('password', `${file} does not open with this password`, {
    path: file,
    hint: 'it is another password, or the first page of the file is damaged.',
  });
}

/** An encrypted database, and no password. */
export function encryptedFile(file: string): FigaroError {
  return new FigaroError('password', `${file} is encrypted`, { path: file, hint: passwordHint });
}
