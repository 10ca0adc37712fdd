/** Whether a page is whole and not newer than the log: the one rule of backups, verification and recovery. */

import { type ErrorCode } from '../../errors.ts';
import { formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { checkPage } from '../../format/page/check.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { isBlank, Page } from '../../format/page/page.ts';

/** What is wrong with a page. */
export interface PageProblem {
  readonly code: ErrorCode;
  /** Follows "page N". */
  readonly problem: string;
  /** Of its last change, where that is what is wrong. */
  readonly lsn?: Lsn;
}

/**
 * What is wrong with a page as it is on disk: it is cut off or damaged (format document, 7.2), or its last change is not in the log
 * (recovery document, A.15). One between two changes of one operation is as it may be: whether the log brings it further is for the proof.
 *
 * @param beyond asked of every page that a log record has changed: what keeps the log from having that record, as the rest of a
 *   sentence; undefined when the log has it
 * @param onPassing told of a page between two changes of one operation, by its number
 */
export function problemOfPage(
  bytes: Uint8Array,
  pgno: number,
  format: DatabaseFormat,
  beyond: (lsn: Lsn) => string | undefined,
  onPassing?: (pgno: number) => void,
): PageProblem | undefined {
  if (bytes.length < format.pageSize) return { code: 'page-type', problem: 'is cut off' };
  const finding = checkPage(bytes, pgno, format);
  const { lsn, pgno: said } = new Page(bytes, format);
  if (finding && !(finding.isPassing && isLogged(lsn))) {
    return { code: finding.code, problem: `is damaged: ${finding.problem}` };
  }
  if (finding) onPassing?.(pgno);
  if (isBlank(bytes)) return undefined;
  // Where the number is turned round, so is the LSN (format document, 4.10.5).
  if (said !== pgno || !isLogged(lsn)) return undefined;
  const why = beyond(lsn);
  if (why === undefined) return undefined;
  return { code: 'not-recoverable', problem: `was last changed at ${formatLsn(lsn)}, ${why}`, lsn };
}
