/** The beginning of a standby: a chain of sets, recovered to its end, without the records that end a recovery. */

import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type FileOfKind } from '../environment/environment.ts';
import { separateTwins } from '../environment/twins.ts';
import { makeDirectories, removeTree } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { standbyName } from '../places.ts';
import { type Watch } from '../pause.ts';
import { BackgroundCopies } from '../recovery/background-copies.ts';
import { syncTree } from '../files/sync-tree.ts';
import { plainBits } from '../recovery/owners.ts';
import { prepareRecovery } from '../recovery/rehearse.ts';
import { requireKey } from '../recovery/requirements.ts';
import { copyDatabases, isPiece, openStage, type PieceKind } from '../recovery/stage.ts';
import { chainEnvironment, excludedFrom, type Chain } from '../repository/chain.ts';
import { requireIntact } from '../verify/intact.ts';
import { programVersion } from '../version.ts';
import { applyLog } from './round.ts';
import { partsOf, signature, writeStandby, type Standby, type StandbyFile } from './standby.ts';

/** What a standby follows: a primary's directory, or a repository. */
export interface Followed {
  readonly home: string | undefined;
  readonly repo: string | undefined;
  /** Where the primary has its log, when only its application's code says so: as it does. */
  readonly logDirectory?: string | undefined;
}

/**
 * Makes a standby of a chain. Until `standby.json` is there, it is none, and the next run begins anew. Throws `usage` for a
 * chain of an environment without logs.
 */
export async function createStandby(
  files: Files,
  directory: string,
  chain: Chain,
  followed: Followed,
  watch: Watch,
): Promise<Standby> {
  const whole = chainEnvironment(files, chain);
  const { log } = chain.sets.at(-1)!.manifest;
  if (!log) {
    throw new FigaroError('usage', `${chain.id} is of an environment without logs: there is nothing to follow`, {
      hint: 'a standby needs an environment with transactions.',
    });
  }
  const [excluded] = excludedFrom(chain.sets);
  if (excluded !== undefined) {
    throw new FigaroError('container-missing', `${excluded} was excluded from ${chain.id}: a standby has to have it`, {
      path: excluded,
      hint: 'take a full set that excludes nothing, with `figaro-backup hot`.',
    });
  }
  requireKey(whole);
  await requireIntact(files, chain, whole, watch);
  const { analysis } = await prepareRecovery(files, whole, { watch });
  const { environment } = separateTwins(whole, (uid) => analysis.names.of(uid));
  const copies = new BackgroundCopies(files);
  const stage = openStage(files, environment, directory, copies);
  try {
    await copyDatabases(files, environment, analysis, stage, watch);
  } finally {
    await copies.finish();
  }
  // As in a set: whose they are is believed as far as it is on disk.
  for (const { name, stat } of environment.files.filter(isPiece)) {
    files.setOwner(stage.pathOf(name)!, { ...stat, mode: (stat.mode & plainBits) | 0o600 });
  }
  await syncTree(files, directory, watch);
  // As of the copies: the first round applies their log.
  const start = { file: log.firstFile, offset: 0 };
  const standby = writeStandby(files, directory, {
    ...signature(programVersion),
    phase: 'following',
    ...followed,
    host: hostname(),
    end: start,
    lastRecord: undefined,
    taken: { end: log.end, lastRecord: log.lastRecord },
    neededFrom: start,
    lastCommit: undefined,
    rounds: 0,
    lastRound: { finished: new Date().toISOString(), durationMs: 0, logBytes: 0 },
    files: environment.files.filter(isPiece).map((file) => pieceOf(file, stage.pathOf(file.name)!)),
    promoted: undefined,
  });
  return await applyLog(files, standby, { watch });
}

function pieceOf({ kind, name, logName, dataDirectory, stat }: FileOfKind<PieceKind>, at: string): StandbyFile {
  const { mode, uid, gid } = stat;
  return { kind, name, logName, dataDirectory, piece: path.basename(at), mode: mode & 0o777, uid, gid };
}

/** Makes room for a new standby: an empty directory, or what a run left that was ended while it made one. */
export function prepareDirectory(files: Files, directory: string): void {
  const parts = partsOf(directory);
  const ours = [parts.home, parts.pieces, parts.base, parts.incoming, parts.trouble].map((part) => path.basename(part));
  for (const name of files.listIfThere(directory) ?? []) {
    if (name.startsWith('lock') || name === `${standbyName}.tmp`) continue;
    if (!ours.includes(name)) {
      throw new FigaroError('target-not-empty', `${directory} already holds ${name}, and is not a standby`, {
        path: directory,
        hint: 'choose a directory that is empty or does not exist.',
      });
    }
  }
  makeDirectories(files, directory);
  for (const part of [parts.home, parts.pieces, parts.base, parts.incoming]) removeTree(files, part);
}
