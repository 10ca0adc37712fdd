import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const fixtures = path.join(import.meta.dirname, '..', 'fixtures', 'corpus');
const whole = path.join(import.meta.dirname, '..', '..', '..', 'shared', 'corpus');

let directory: string | undefined;

/** A case of the corpus, unpacked. */
export interface UnpackedCase {
  readonly directory: string;
  readonly backup: string;
}

/** Unpacks a case of the corpus once per process, from the fixtures or, when it is there, from the whole corpus. */
export function unpackCase(id: string): UnpackedCase {
  directory ??= fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-corpus-'));
  const target = path.join(directory, id);
  if (!fs.existsSync(target)) {
    const archive = [fixtures, whole].map((place) => path.join(place, `${id}.tar.xz`)).find((file) => fs.existsSync(file));
    if (archive === undefined) throw new Error(`no case ${id}`);
    execFileSync('tar', ['xJf', archive, '-C', directory]);
  }
  return { directory: target, backup: path.join(target, 'backup') };
}

/** Removes what `unpackCase` made. */
export function removeUnpacked(): void {
  if (directory) fs.rmSync(directory, { recursive: true, force: true });
  directory = undefined;
}
