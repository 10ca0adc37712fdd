import { type ScannedRecord } from './scanned-record.ts';

/** Learns from a log, record by record. */
export interface LogObserver {
  /**
   * Takes note of a record; to be called in order of the log, for every record. A class that says `notedCodes` needs to be
   * shown those alone. The record is valid during the call.
   */
  see(record: ScannedRecord): void;
}
