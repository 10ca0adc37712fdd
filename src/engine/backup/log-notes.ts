import { register, registerBefore61, registration } from '../../format/log/records/dbreg.ts';
import { checkpoint, commit, recycle } from '../../format/log/records/txn.ts';
import { equalLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { type LastCheckpoint } from '../log/find-checkpoint.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { type ManifestCommit } from '../repository/manifest.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';

/** What a backup has to know of the log it copies. */
export class LogNotes implements LogObserver {
  checkpoint: LastCheckpoint | undefined;
  firstCommit: ManifestCommit | undefined;
  lastCommit: ManifestCommit | undefined;
  /** Time of the newest commit or checkpoint, in seconds since 1970. */
  newestTime = 0;
  /** Nothing was left to do when the newest checkpoint was taken. */
  #quiet = false;
  /** Nothing was written since but what goes with closing. */
  #closed = false;
  /** The last record that is not part of taking a checkpoint. */
  #beforeCheckpoint: Lsn = noLsn;

  see(record: ScannedRecord): void {
    const taken = bodyAs(record, checkpoint);
    if (taken) {
      const { redoFrom, timestamp } = taken;
      this.checkpoint = { lsn: record.lsn, redoFrom };
      this.newestTime = Math.max(this.newestTime, timestamp);
      this.#quiet = equalLsn(redoFrom, this.#beforeCheckpoint);
      this.#closed = true;
      return;
    }
    const registered = bodyAs(record, register, registerBefore61);
    if (registered) {
      const kind = registered.opcode & 0xf;
      const closes = kind === registration.close || kind === registration.recoveryClose;
      const goesWithCheckpoint =
        kind === registration.checkpoint ||
        kind === registration.exclusiveCheckpoint ||
        kind === registration.recoveryClose;
      if (!closes) this.#closed = false;
      if (!goesWithCheckpoint) this.#beforeCheckpoint = record.lsn;
      return;
    }
    this.#beforeCheckpoint = record.lsn;
    if (!bodyAs(record, recycle)) this.#closed = false;
    const committed = bodyAs(record, commit);
    if (!committed) return;
    this.firstCommit ??= { lsn: record.lsn, time: committed.timestamp };
    this.lastCommit = { lsn: record.lsn, time: committed.timestamp };
    this.newestTime = Math.max(this.newestTime, committed.timestamp);
  }

  /**
   * True when the log ends in a checkpoint with no transaction open and nothing to redo behind it: the containers are
   * complete as they are (recovery document, section H).
   */
  get endsInCheckpoint(): boolean {
    return this.#quiet && this.#closed;
  }
}
