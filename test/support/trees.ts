import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { FigaroError, type ErrorCode } from '../../src/errors.ts';

/** Every name in a directory with size, mode, time and contents: equal exactly when nothing was touched. */
export function fingerprint(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const file = path.join(directory, name);
      const { size, mode, mtimeNs, ino } = lstatSync(file, { bigint: true });
      const isFile = lstatSync(file).isFile();
      const contents = isFile ? createHash('sha256').update(readFileSync(file)).digest('hex') : '';
      return [name, size, mode, mtimeNs, ino, contents].join(' ');
    });
}

/** Names in a directory, sorted; none when it is not there. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** Names in a repository, sorted, without what proofs left behind for the next ones: that has to be of sets that it holds. */
export function namesInRepository(repository: string): string[] {
  const names = namesIn(repository);
  for (const id of namesIn(path.join(repository, 'proofs'))) expect(names).toContain(id);
  return names.filter((name) => name !== 'proofs');
}

/** The error that work fails with. */
export async function failureOf(work: () => unknown): Promise<FigaroError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FigaroError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Expects a failure with a code; returns it. */
export async function expectFailure(code: ErrorCode, work: () => unknown): Promise<FigaroError> {
  const error = await failureOf(work);
  expect(`${error.code}: ${error.message}`).toMatch(new RegExp(`^${code}: `));
  return error;
}

/** The SHA-256 of every file below a directory, by its name in there. */
export function hashesBelow(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => lstatSync(path.join(directory, name)).isFile());
  return Object.fromEntries(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(path.join(directory, name)))
        .digest('hex'),
    ]),
  );
}
