/** Undo and redo of what the log does to files, and to nothing else: the names that databases will have. */

import { compareLsn } from '../../format/lsn.ts';
import { LogReader } from '../log/log-reader.ts';
import { pause } from '../pause.ts';
import { lastLsn } from './analysis.ts';
import { type Recovery } from './recovery.ts';
import { isFileOperation } from './record-operations/fileops.ts';
import { followUndoChains, undoStride } from './undo-chains.ts';

/** As `Passes` with a scope that has no file. Only the records are read that are about files. */
export class FileOperationPasses {
  readonly #recovery: Omit<Recovery, 'scope'>;
  #done = 0;

  constructor(recovery: Omit<Recovery, 'scope'>) {
    this.#recovery = recovery;
  }

  async run(): Promise<void> {
    const { files, log, analysis } = this.#recovery;
    if (analysis.fileOperations.length === 0) return;
    const reader = new LogReader(files, log);
    try {
      await this.#undoBehindCut(reader);
      await followUndoChains(this.#recovery, reader, this.#recovery.watch, (record, check) => {
        if (!check && !record.isDebug && isFileOperation(record.code)) this.#recovery.fileOperations.undo(record);
      });
      await this.#redo(reader);
    } finally {
      reader.close();
    }
  }

  async #undoBehindCut(reader: LogReader): Promise<void> {
    const { transactions, fileOperations } = this.#recovery.analysis;
    const { cut } = transactions;
    for (let i = fileOperations.length - 1; cut && i >= 0; i--) {
      const lsn = fileOperations[i]!;
      if (compareLsn(lsn, cut) <= 0) return;
      const record = reader.read(lsn);
      const { txnId, isDebug } = record;
      const isUndone = txnId !== 0 && transactions.fateBehindCut(txnId, lsn.file, lsn.offset) === 'undone';
      if (isUndone && !isDebug) this.#recovery.fileOperations.undo(record);
      await this.#pause('undo');
    }
  }

  async #redo(reader: LogReader): Promise<void> {
    const { analysis } = this.#recovery;
    const last = lastLsn(analysis);
    for (const lsn of analysis.fileOperations) {
      if (compareLsn(lsn, last) > 0) return;
      const record = reader.read(lsn);
      const { txnId, isDebug } = record;
      if (txnId === 0 || isDebug) continue;
      if (analysis.transactions.fateOf(txnId, lsn.file, lsn.offset) !== 'committed') continue;
      this.#recovery.fileOperations.redo(record);
      await this.#pause('redo');
    }
  }

  async #pause(phase: string): Promise<void> {
    if (++this.#done % undoStride === 0) await pause(this.#recovery.watch, { phase, done: this.#done });
  }
}
