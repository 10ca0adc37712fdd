import { type Environment } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Log } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { type Analysis } from './analysis.ts';
import { type FileTable } from './file-table.ts';
import { type FileOperations } from './record-operations/fileops.ts';

/** Files of databases by unique id: those whose pages a recovery is about. */
export interface Scope {
  has(uid: string): boolean;
}

export const everything: Scope = { has: () => true };

/** A log that has been read: what recovery will have to do. */
export interface PreparedRecovery {
  readonly log: Log;
  readonly analysis: Analysis;
}

/** A recovery under way: from what, of what, and how far the files have come. */
export interface Recovery extends PreparedRecovery {
  readonly files: Files;
  /** As it was copied. */
  readonly environment: Environment;
  readonly table: FileTable;
  readonly fileOperations: FileOperations;
  readonly scope: Scope;
  readonly watch: Watch;
}
