import { FigaroError } from '../../errors.ts';
import { compareLsn, equalLsn, formatLsn, isNoLsn, type Lsn } from '../../format/lsn.ts';
import { type ScannedRecord } from './scanned-record.ts';

/**
 * Looks whether every record names the one before it of its transaction. Only encrypted logs need it: the MAC of a record
 * does not cover its initialization vector, so that damage there changes the first 16 bytes of the body, type, transaction
 * and record before, and nothing else.
 */
export class RecordLinks {
  readonly #start: Lsn;
  readonly #last = new Map<number, Lsn>();

  /** @param start of the log: what lies before it is not known */
  constructor(start: Lsn) {
    this.#start = start;
  }

  /** To be called for every record in order. Throws `log-corrupt`. */
  check({ lsn, txnId, prevLsn }: ScannedRecord): void {
    const before = txnId === 0 ? undefined : this.#last.get(txnId);
    const isRight =
      isNoLsn(prevLsn) ||
      (before ? equalLsn(before, prevLsn) : txnId !== 0 && prevLsn.file > 0 && compareLsn(prevLsn, this.#start) < 0);
    if (!isRight) {
      throw new FigaroError(
        'log-corrupt',
        `log record ${formatLsn(lsn)} of transaction ${txnId.toString(16)} names ${formatLsn(prevLsn)} as the record before it, not ${before ? formatLsn(before) : 'none'}`,
        {
          lsn: formatLsn(lsn),
          hint: 'the record is damaged where its MAC does not show it. Use another copy of the log.',
        },
      );
    }
    if (txnId !== 0) this.#last.set(txnId, lsn);
  }
}
