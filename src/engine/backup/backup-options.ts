/** What is asked of a backup, and what comes of it. */

import { type Repository, type LockWait } from '../repository/repository.ts';
import { type Room } from './room.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { type SetKind } from '../repository/manifest.ts';
import { type InsideNames, type Environment } from '../environment/environment.ts';
import { type Chain } from '../repository/chain.ts';
import { type FileChoice } from '../environment/file-choice.ts';

/** Sets that are taken of an environment. */
export type BackupKind = Exclude<SetKind, 'consolidated'>;

export interface BackupOptions extends LockWait {
  /** Directory of the environment. */
  readonly home: string;
  /** Directory of the repository. A full set makes one where it is empty or does not exist. */
  readonly repository: string;
  /** Incrementals: any set of the chain to continue; the newest chain by default. */
  readonly chain?: string;
  /** Files of the application's own that are taken, and what is passed over: glob patterns. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  /** Directories that the application's code names, and DB_CONFIG does not. */
  readonly dataDirectories?: readonly string[] | undefined;
  readonly logDirectory?: string | undefined;
  /** Full sets: keep a damaged source as a set that is marked unsound. */
  readonly keepDamaged?: boolean;
  /** Full sets: databases that earlier sets have and the source has not are meant to be gone. */
  readonly acceptMissing?: boolean;
  /** Full sets: from now on the repository is of this environment, whatever it was of. */
  readonly newSource?: boolean;
  /** Offline: take databases whose log is gone as they are. */
  readonly withoutLog?: boolean;
  /** The application orders keys in a way of its own, which the proof cannot know. */
  readonly anyOrder?: boolean;
  /** Hot: see `settle`. */
  readonly smallBytes?: number;
  /** Told of the room that the set takes, and of what there is, before anything is copied. */
  readonly onRoom?: (room: Room) => void;
  /** Told of a repository that was made for this set. */
  readonly onCreated?: (repository: Repository) => void;
}

/** A set that was made, or, of an incremental that found nothing new, the one that it would have followed. */
export interface BackupResult extends BackupSet {
  readonly nothingNew?: NothingNew;
}

/** That no set was made, since the newest has everything. */
export interface NothingNew {
  /** When that was looked at. */
  readonly time: Date;
  readonly warnings: readonly string[];
}

/** What a backup works with, once it has looked around. */
export interface BackupParts extends Omit<BackupOptions, 'chain'> {
  readonly kind: BackupKind;
  readonly started: Date;
  readonly environment: Environment;
  readonly chain: Chain | undefined;
  readonly choice: FileChoice;
  readonly insideNames: InsideNames;
  /** Full sets: the chains that are there, the oldest first. */
  readonly earlier: readonly Chain[];
  /** What the operator has to know of the source before anything is copied. */
  readonly notes: readonly string[];
}
