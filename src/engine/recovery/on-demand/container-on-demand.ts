/** A container as of a restore point of which only those pages are recovered that are read. */

import { filesOfKind, type Environment } from '../../environment/environment.ts';
import { type Files } from '../../files/files.ts';
import { type Watch } from '../../pause.ts';
import { type StoredFile } from '../page-store.ts';
import { filesOf, requireLogged } from '../recovered-files.ts';
import { type PreparedRecovery } from '../recovery.ts';
import { withFilesAtTheEnd } from '../rehearse.ts';
import { nameInside } from '../select-containers.ts';
import { NotOnDemand } from './not-on-demand.ts';
import { PageByPage } from './page-by-page.ts';
import { indexPages } from './page-index.ts';
import { bytesPerRecord } from './page-records.ts';

export interface OnDemandOptions {
  /** Memory for records and pages, in bytes. */
  readonly cacheBytes: number;
  readonly watch: Watch;
}

/**
 * Has a container looked at by its name at the restore point. Throws `NotOnDemand` where pages cannot be had one by one, also while it is
 * read; and whatever is wrong with the pages that are read, or with their part of the log. Of others it finds out nothing.
 */
export async function withContainerOnDemand<T>(
  files: Files,
  environment: Environment,
  prepared: PreparedRecovery,
  name: string,
  { cacheBytes, watch }: OnDemandOptions,
  look: (files: Files, uid: string) => Promise<T>,
): Promise<T> {
  return await withFilesAtTheEnd(files, environment, prepared, watch, async ({ table, initial }) => {
    const file = [...table].find((one) => nameInside(one) === name);
    const copied = filesOfKind(environment, 'database').find(({ uid }) => uid === file?.uid);
    if (!file || !copied || !initial.has(file)) throw new NotOnDemand(`${name} is not in the copy`);
    requireSimple(file);
    const options = { mostRecords: Math.floor(cacheBytes / 2 / bytesPerRecord), watch };
    const index = await indexPages(files, prepared, copied, options);
    const pages = new PageByPage(files, prepared, index, file);
    try {
      await pages.followLength(watch);
      return await look(viewOf(files, name, file, pages, prepared, cacheBytes / 2), copied.uid);
    } finally {
      pages.close();
    }
  });
}

/** Throws for a file that is more than btrees in whole pages, or that the log has written to as a file. */
function requireSimple(file: StoredFile): void {
  if (!file.isDatabase || file.isRewritten) throw new NotOnDemand('not only its pages change');
  const { method, pageSize } = file.format;
  if (method !== 'btree') throw new NotOnDemand(`a file of method ${method}`);
  if (file.piece.size % pageSize !== 0) throw new NotOnDemand('it ends in the middle of a page');
}

/** A disk with this one file. */
function viewOf(
  files: Files,
  name: string,
  file: StoredFile,
  pages: PageByPage,
  { analysis }: PreparedRecovery,
  cacheBytes: number,
): Files {
  const { pageSize } = file.format;
  const kept = new Map<number, Uint8Array>();
  const pageOf = (pgno: number): Uint8Array => {
    const known = kept.get(pgno);
    if (known) return known;
    const bytes = pages.recover(pgno);
    requireLogged(bytes, pgno, file, analysis.end.lsn);
    if ((kept.size + 1) * pageSize > cacheBytes) kept.delete(kept.keys().next().value!);
    kept.set(pgno, bytes);
    return bytes;
  };
  return filesOf(files, name, { size: pages.pageCount * pageSize }, (target, position) => {
    for (let done = 0; done < target.length;) {
      const at = (position + done) % pageSize;
      const part = pageOf((position + done - at) / pageSize).subarray(at, at + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  });
}
