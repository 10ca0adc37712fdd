import { FigaroError } from '../errors.ts';
import { passwordHint } from './files.ts';

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
