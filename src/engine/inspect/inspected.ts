/** What an inspection tells of an environment. */

import { type InspectedLog } from './log.ts';
import { type DatabaseMethod } from '../database/database-file.ts';
import { type Risk } from '../environment/config-risks.ts';
import { type EnvironmentFileKind, type Environment, type DamagedFile } from '../environment/environment.ts';
import { type LogNearby } from '../environment/log-nearby.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';

export interface InspectedDatabase {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** The method of its first page: that of the list of names, when it holds several databases. */
  readonly method: DatabaseMethod;
  readonly format: DatabaseFormat;
  /** Databases in it; undefined when the file is one, or cannot be read. */
  readonly subDatabases: number | undefined;
  /** A container of Berkeley DB XML. */
  readonly isXml: boolean;
  /** Its changes are not in the log; undefined where that cannot be told. */
  readonly isUnlogged: boolean | undefined;
  readonly problem: string | undefined;
}

/** What the first region file tells of the library that runs the environment, or did last. */
export interface InspectedRegion {
  /** `5.3.28` */
  readonly library: string;
  /** The library found corruption. */
  readonly panic: boolean;
}

export interface InspectedEnvironment {
  readonly environment: Environment;
  readonly databases: readonly InspectedDatabase[];
  readonly damaged: readonly DamagedFile[];
  /** How many files there are of each kind, and their bytes. */
  readonly kinds: Readonly<Partial<Record<EnvironmentFileKind, { readonly files: number; readonly size: number }>>>;
  readonly region: InspectedRegion | undefined;
  readonly log: InspectedLog | undefined;
  /** Of an environment without log files: where they may be, and a database that was written through a log. */
  readonly logElsewhere: LogNearby | undefined;
  readonly loggedDatabase: string | undefined;
  /** The process that has it open, in words; undefined when none was seen, which proves nothing. */
  readonly usedBy: string | undefined;
  readonly risks: readonly Risk[];
}
