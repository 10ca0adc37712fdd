/** Databases that leave their log behind: with LSNs that no log has to know, any environment can open them. */

import path from 'node:path';
import { fromStored, toStored } from '../../format/page/checksum.ts';
import { isBlank, Page } from '../../format/page/page.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesOfKind } from '../environment/environment.ts';
import { pagedFiles } from '../environment/paged-files.ts';
import { withFile } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { pause, type Watch } from '../pause.ts';

/** "Not logged" (format document, 0): what native `db_load -r lsn` writes to every page. */
const notLogged = { file: 0, offset: 1 };

/**
 * Sets the LSN of every page of an environment to "not logged", whatever the access method, and removes the log, which is
 * no longer theirs. For a result that nobody uses yet.
 */
export async function resetLsns(files: Files, home: string, watch: Watch): Promise<void> {
  const environment = discoverEnvironment(files, home);
  for (const { file, format } of pagedFiles(files, environment)) {
    const stored = new Uint8Array(format.pageSize);
    const pages = withFile(files, file.path, (opened) => Math.floor(opened.stat().size / format.pageSize));
    const opened = files.openToWrite(file.path);
    try {
      for (let i = 0; i < pages; i++) {
        opened.readAt(stored, i * format.pageSize);
        // A page that was never written has none.
        if (isBlank(stored)) continue;
        const page = new Page(fromStored(stored.slice(), format), format);
        page.lsn = notLogged;
        opened.writeAt(toStored(page.bytes, format), i * format.pageSize);
        await pause(watch, { phase: `reset the LSNs of ${file.name}`, step: format.pageSize }, format.pageSize);
      }
    } finally {
      opened.close();
    }
  }
  for (const { path: log } of filesOfKind(environment, 'log')) files.remove(path.resolve(log));
}
