/** Sending a set somewhere: every file is compared with the manifest on its way, and the manifest goes last. */

import { createHash } from 'node:crypto';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { directoryNames, environmentOf, readManifest } from '../repository/repository.ts';
import { type SetDraft, type SetSink } from './set-sink.ts';

/** How many bytes the files of a set have. */
export function bytesOf({ manifest }: BackupSet): number {
  return manifest.files.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Sends a set. Throws `set-missing` when it was removed meanwhile, `set-incomplete` and `file-checksum` for a file that is not as
 * its manifest says; then the sink has no set.
 */
export async function sendSet(files: Files, set: BackupSet, sink: SetSink, watch: Watch): Promise<void> {
  const { id, directory } = set;
  const written = readManifest(files, directory, id);
  if (!written) throw new FigaroError('set-missing', `${id} was removed meanwhile`, { path: directory });
  const { manifest } = written;
  const draft = await sink.begin(id, bytesOf({ id, directory, manifest }));
  try {
    for (const name of directoryNames(manifest)) {
      const stat = files.statIfThere(path.join(environmentOf(directory), name));
      if (stat?.kind === 'directory') await draft.makeDirectory(name, stat);
    }
    for (const file of manifest.files) await sendFile(files, directory, file, draft, watch);
    await draft.publish(written);
  } catch (error) {
    draft.discard();
    throw error;
  }
}

async function sendFile(
  files: Files,
  directory: string,
  { path: name, size, sha256 }: ManifestFile,
  draft: SetDraft,
  watch: Watch,
): Promise<void> {
  const file = path.join(environmentOf(directory), name);
  const opened = files.openOwnIfThere(file);
  if (!opened) throw notAsTold('set-incomplete', file, 'it is missing');
  try {
    const stat = opened.stat();
    if (stat.size !== size) throw notAsTold('file-checksum', file, `it has ${stat.size} bytes, not ${size}`);
    const copy = await draft.create({ ...stat, path: name });
    const hash = createHash('sha256');
    const buffer = new Uint8Array(Math.max(1, Math.min(unitOf(watch), size)));
    for (let done = 0; done < size;) {
      const wanted = buffer.subarray(0, Math.min(buffer.length, size - done));
      const bytes = wanted.subarray(0, opened.readAt(wanted, done));
      if (bytes.length === 0) throw notAsTold('file-checksum', file, `it ends after ${done} bytes of ${size}`);
      hash.update(bytes);
      await copy.write(bytes);
      done += bytes.length;
      await pause(watch, { phase: `copy ${path.basename(directory)}/${name}`, done, total: size }, bytes.length);
    }
    if (hash.digest('hex') !== sha256) {
      throw notAsTold('file-checksum', file, 'it does not match its SHA-256 in the manifest');
    }
    await copy.finish();
  } finally {
    opened.close();
  }
}

function notAsTold(code: 'file-checksum' | 'set-incomplete', file: string, problem: string): FigaroError {
  return new FigaroError(code, `${file} is damaged: ${problem}`, {
    path: file,
    hint: '`figaro-backup verify` shows all that is wrong. What was copied of its set was taken back.',
  });
}
