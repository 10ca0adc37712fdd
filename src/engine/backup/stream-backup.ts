/** A full set that is kept nowhere but in a stream: made and proven in a spool, so that nothing changes while it is written. */

import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Files } from '../files/files.ts';
import { requireOutside } from '../places.ts';
import { sendSet } from '../transfer/send-set.ts';
import { withSpool } from '../transfer/spool.ts';
import { TarSink, type ByteSink } from '../transfer/tar-sink.ts';
import { takeBackup } from './backup.ts';
import { type BackupOptions } from './backup-options.ts';
import { type BackupSet } from '../repository/backup-set.ts';

interface StreamOptions extends Omit<BackupOptions, 'repository' | 'chain' | 'onCreated'> {
  /** The directory that the set is made in; that of temporary files by default. */
  readonly spool?: string;
}

/** A set that is gone from here. */
interface StreamedSet extends BackupSet {
  /** About what earlier runs left in the spool. */
  readonly leftovers: readonly string[];
}

/**
 * Takes a full set as `takeBackup` does, and writes it to `out` as a tar. Throws as `takeBackup`, `no-space` and `usage` for the
 * spool, and what `out` throws: then what it got is no set.
 */
export async function streamBackup(
  files: Files,
  kind: 'offline' | 'hot',
  { spool = tmpdir(), ...options }: StreamOptions,
  out: ByteSink,
): Promise<StreamedSet> {
  const home = { what: 'the environment', path: path.resolve(options.home) };
  requireOutside(files, { what: 'the spool', path: spool }, home);
  return await withSpool(files, spool, async ({ repository, files: held, warnings }) => {
    const set = await takeBackup(held, kind, { ...options, repository: repository.directory });
    const tar = new TarSink(out);
    try {
      await tar.open(repository);
      await sendSet(held, set, tar, options.watch ?? {});
      await tar.close();
    } finally {
      tar.abandon();
    }
    return { ...set, leftovers: warnings };
  });
}
