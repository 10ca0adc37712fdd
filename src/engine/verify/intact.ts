import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { hashFile } from '../files/hash.ts';
import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { type Chain } from '../repository/chain.ts';
import { environmentOf } from '../repository/repository.ts';

/**
 * Makes sure that the environment of a chain is what the manifests of its sets say: every file there, none more, each
 * with its SHA-256. Throws `set-incomplete` or `file-checksum` at the first that is not. Log files that a later set holds
 * further on are not looked at.
 *
 * @param names look at these alone
 */
export async function requireIntact(
  files: Files,
  chain: Chain,
  environment: Environment,
  watch: Watch,
  names?: ReadonlySet<string>,
): Promise<void> {
  const expected = new Map<string, { sha256: string; size: number; home: string; file: string; set: string }>();
  for (const { id, directory, manifest } of chain.sets) {
    for (const { path: name, sha256, size } of manifest.files) {
      const home = environmentOf(directory);
      expected.set(name, { sha256, size, home, file: path.join(home, name), set: id });
    }
  }
  for (const { name, path: file } of environment.files) {
    if (!expected.has(name)) throw damaged('file-checksum', file, 'it is not in the manifest of its set');
  }
  for (const [name, { home, file, sha256, size, set }] of expected) {
    if (names && !names.has(name)) continue;
    if (!files.statIfThere(file)) throw damaged('set-incomplete', file, `it is missing in ${set}`);
    const kind = whatItIs(files, home, name);
    if (kind !== 'file') throw damaged('file-checksum', file, `it ${kind}`);
    // One that grew may have no end.
    const found = files.statIfThere(file)!;
    if (found.size !== size) throw damaged('file-checksum', file, `it has ${found.size} bytes, not ${size}`);
    const hash = await hashFile(files, file, watch);
    if (hash.sha256 !== sha256) throw damaged('file-checksum', file, 'it does not match its SHA-256 in the manifest');
  }
}

/** `file` for a file of a set, in directories of the set; else what it is, as the end of a sentence: links lead elsewhere. */
export function whatItIs(files: Files, home: string, name: string): string {
  const parts = name.split('/');
  for (let i = 1; i < parts.length; i++) {
    const directory = parts.slice(0, i).join('/');
    if (files.statIfThere(path.join(home, directory))?.kind !== 'directory') return `is behind ${directory}, a link`;
  }
  const kind = files.statIfThere(path.join(home, name))?.kind;
  return kind === 'file' ? 'file' : kind === 'link' ? 'is a link' : 'is not a regular file';
}

function damaged(code: 'file-checksum' | 'set-incomplete', file: string, problem: string): FigaroError {
  return new FigaroError(code, `${file} is damaged: ${problem}`, {
    path: file,
    hint: 'end before this set with --to-set, or use another chain. `figaro-backup verify` shows all that is wrong.',
  });
}
