/** What nobody has read of a chain yet goes to the stage in one pass, and is read there from then on. */

import path from 'node:path';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { filesWith } from '../files/files-with.ts';
import { smallBytes } from '../files/syncs-beside.ts';
import { openOnceIfThere, type Files } from '../files/files.ts';
import { type LogFile } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { type ExpectedFiles } from '../verify/intact.ts';
import { type BackgroundCopies } from './background-copies.ts';
import { isPiece, type Stage } from './stage.ts';
import { copyAsItIs } from './staged-copy.ts';

/**
 * Files that are copied before recovery begins: all but databases, and log files that are in parts, which are read where they are.
 *
 * @param logs those that hold anything
 */
export function unseenFiles(
  environment: Environment,
  logs: readonly LogFile[],
  expected: ExpectedFiles,
): EnvironmentFile[] {
  const whole = new Set(
    logs.flatMap(({ parts }) => (parts.length === 1 && parts[0]!.from === 0 ? [parts[0]!.path] : [])),
  );
  return environment.files.filter(
    (file) => !isPiece(file) && expected.has(file.path) && (file.kind !== 'log' || whole.has(file.path)),
  );
}

/**
 * Copies them. Throws `file-checksum` for the first that does not match its SHA-256.
 *
 * @returns files that have their bytes from the stage, under the names that they have in the sets: until recovery changes the log there
 */
export async function stageUnseen(
  files: Files,
  unseen: readonly EnvironmentFile[],
  stage: Stage,
  copies: BackgroundCopies,
  expected: ExpectedFiles,
  watch: Watch,
): Promise<Files> {
  const staged = new Map<string, string>();
  for (const file of unseen) {
    const to = path.join(stage.home, file.name);
    await copyAsItIs(files, file, to, watch, expected);
    // The disk may begin with large ones: in the end all that is on the stage is synced.
    if (file.stat.size > smallBytes) copies.addSync(to);
    staged.set(file.path, to);
  }
  const placeOf = (file: string): string => staged.get(file) ?? file;
  return filesWith(files, {
    openIfThere: (file) => files.openIfThere(placeOf(file)),
    openOnceIfThere: (file) => openOnceIfThere(files, placeOf(file)),
  });
}
