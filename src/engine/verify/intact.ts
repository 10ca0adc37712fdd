import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { hashFile } from '../backup/copy-plain.ts';
import { type Environment } from '../environment/discover.ts';
import { type Files } from '../files.ts';
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
  const expected = new Map<string, { sha256: string; size: number; file: string; set: string }>();
  for (const { id, directory, manifest } of chain.sets) {
    for (const { path: name, sha256, size } of manifest.files) {
      expected.set(name, { sha256, size, file: path.join(environmentOf(directory), name), set: id });
    }
  }
  for (const { name, path: file } of environment.files) {
    if (!expected.has(name)) throw damaged('file-checksum', file, 'it is not in the manifest of its set');
  }
  for (const [name, { file, sha256, size, set }] of expected) {
    if (names && !names.has(name)) continue;
    if (files.statIfThere(file)?.kind !== 'file') throw damaged('set-incomplete', file, `it is missing in ${set}`);
    const found = await hashFile(files, file, watch);
    if (found.size !== size) throw damaged('file-checksum', file, `it has ${found.size} bytes, not ${size}`);
    if (found.sha256 !== sha256) throw damaged('file-checksum', file, 'it does not match its SHA-256 in the manifest');
  }
}

function damaged(code: 'file-checksum' | 'set-incomplete', file: string, problem: string): FigaroError {
  return new FigaroError(code, `${file} is damaged: ${problem}`, {
    path: file,
    hint: 'end before this set with --to-set, or use another chain. `figaro-backup verify` shows all that is wrong.',
  });
}
