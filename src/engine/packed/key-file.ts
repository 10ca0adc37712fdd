/**
 * The key file of a machine that backs up: an identity file that begins with its key. What follows are keys that it had before, which open what
 * was sealed then.
 */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { newIdentity } from '../age/identities.ts';
import { createDurably } from '../files/durable.ts';
import { readIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';

const firstLines =
  '# The key of a machine that backs up with figaro-backup. It opens what is known of sets, and not what is in them.\n';

/** Makes a key file that nobody else can read. Of the kind that the recipients are of: both have to open the same objects. Throws `busy` where there is one by now. */
export async function createKeyFile(files: Files, file: string, isPostQuantum: boolean): Promise<void> {
  if (createDurably(files, file, textOf([await newIdentity(isPostQuantum)]), 0o600)) return;
  throw new FigaroError('busy', `${file} was made by another run meanwhile`, { hint: 'run the same command again.' });
}

function textOf([line, ...earlier]: readonly string[]): string {
  const before = earlier.length === 0 ? '' : `# Before:\n${earlier.join('\n')}\n`;
  return `${firstLines}${line}\n${before}`;
}

/** A key that is to take the place of that in a key file. It lies in a file beside it until its repository knows it, so that neither can be lost. */
export class NextKeyFile {
  readonly #files: Files;
  readonly #file: string;
  readonly #next: string;

  /** Throws `usage` for a key file that is encrypted: it cannot be written as it is. */
  constructor(files: Files, file: string) {
    this.#files = files;
    this.#file = files.realPath(file);
    this.#next = `${this.#file}.next`;
    if (linesIn(files, this.#file).length > 0) return;
    throw new FigaroError('usage', `${file} is encrypted, and a new key cannot be written to it`, {
      path: file,
      hint: 'decrypt it with `age -d`, run the same command with the file that comes of it, and encrypt that again.',
    });
  }

  /** What it holds already, as an earlier run left it: its key, and those before. */
  get pending(): readonly string[] | undefined {
    const lines = linesIn(this.#files, this.#next);
    return lines.length === 0 ? undefined : lines;
  }

  /** Makes the key, and returns what is in the file then. */
  async make(before: readonly string[], isPostQuantum: boolean): Promise<readonly string[]> {
    const lines = [await newIdentity(isPostQuantum), ...before];
    this.#files.remove(this.#next);
    if (!createDurably(this.#files, this.#next, textOf(lines), 0o600)) {
      throw new FigaroError('busy', `${this.#next} was made by another run meanwhile`, {
        hint: 'run the same command again.',
      });
    }
    const { uid, gid, mode } = this.#files.statIfThere(this.#file)!;
    this.#files.setOwner(this.#next, { uid, gid, mode: mode & 0o777 });
    return lines;
  }

  /** Puts it in the place of the key file. */
  take(): void {
    this.#files.rename(this.#next, this.#file);
    this.#files.syncDirectory(path.dirname(this.#file));
  }
}

/** The identities in a file, as far as it is no other file; none where there is no such file. */
function linesIn(files: Files, file: string): readonly string[] {
  const text = Buffer.from(readIfThere(files, file) ?? []).toString('latin1');
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'));
}
