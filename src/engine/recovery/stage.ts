import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { checkPage } from '../../format/page/check.ts';
import { compareLsn, formatLsn, isLogged, type Lsn } from '../../format/lsn.ts';
import { Page, isBlank } from '../../format/page/page.ts';
import { logPaths, normalDirectory, type Environment, type EnvironmentFile } from '../environment/discover.ts';
import { pagedFiles, type PagedFile } from '../environment/paged-files.ts';
import { makeDirectories, openToRead, type Files } from '../files.ts';
import { openLog } from '../log/log-files.ts';
import { pause, unitOf, type Watch } from '../pause.ts';
import { type BackgroundCopies } from './background-copies.ts';

/** A copy of an environment, being recovered beside the target. */
export interface Stage {
  /** What becomes the target: everything but the databases is in its place here. */
  readonly home: string;
  /** Databases, under names of their own. */
  readonly pieces: string;
  /** Where the copy of a file of the environment is, or will be; undefined for those left out. */
  readonly pathOf: (name: string) => string;
  /** Where log files are, relative to `home`. */
  readonly logDirectory: string;
}

/**
 * Makes the directories of a stage, and begins to copy what recovery does not work on: log files above all. They are big,
 * and being copied while the rest goes on.
 */
export function openStage(files: Files, environment: Environment, stage: string, copies: BackgroundCopies): Stage {
  const home = path.join(stage, 'environment');
  const pieces = path.join(stage, 'pieces');
  makeDirectories(files, home);
  makeDirectories(files, pieces);
  for (const directory of environment.directories) makeDirectories(files, path.join(home, directory));
  const paths = new Map<string, string>();
  const skipped = new Set(incompleteLogs(files, environment));
  for (const file of environment.files) {
    if (skipped.has(file.path)) continue;
    const to = isPiece(file) ? path.join(pieces, String(paths.size)) : path.join(home, file.name);
    paths.set(file.name, to);
    if (!isPiece(file)) copies.add(file.path, to);
  }
  const logDirectory = normalDirectory(environment.config.logDirectory ?? '.');
  return { home, pieces, pathOf: (name) => paths.get(name)!, logDirectory };
}

/**
 * Copies the databases of an environment to its stage. Every page is checked on the way (format document, 7.2): a damaged
 * one is `page-checksum` or `page-type`, one from behind the end of the log, or without a log, `not-recoverable`.
 *
 * @param end end of the log; undefined when there is none
 * @returns warnings
 */
export async function copyDatabases(
  files: Files,
  environment: Environment,
  end: Lsn | undefined,
  stage: Stage,
  watch: Watch,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const paged = pagedByPath(files, environment);
  for (const file of environment.files) {
    if (!isPiece(file)) continue;
    const to = stage.pathOf(file.name);
    const pages = paged.get(file.path);
    if (pages) await copyDatabase(files, file, to, pageCheck(pages, end, warnings), watch);
    else await files.copy(file.path, to);
  }
  return warnings;
}

/** True for files that recovery works on: they get their names last. */
export function isPiece({ kind }: EnvironmentFile): boolean {
  return kind === 'database' || kind === 'placeholder' || kind === 'queue-extent' || kind === 'external-file';
}

function incompleteLogs(files: Files, environment: Environment): readonly string[] {
  const paths = logPaths(environment);
  return paths.size === 0 ? [] : openLog(files, paths).incomplete;
}

/** Looks at the bytes of a copy as they pass: whole pages, from the first on. */
type Inspect = (bytes: Uint8Array, position: number) => void;

function pagedByPath(files: Files, environment: Environment): Map<string, PagedFile> {
  return new Map(pagedFiles(files, environment).map((paged) => [paged.file.path, paged]));
}

function pageCheck({ file, format, firstPgno }: PagedFile, end: Lsn | undefined, warnings: string[]): Inspect {
  const { pageSize } = format;
  if (file.stat.size % pageSize !== 0) {
    warnings.push(`${file.path} ends in the middle of a page; the part of a page is left out`);
  }
  return (bytes, position) => {
    for (let at = 0; at + pageSize <= bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      const pgno = firstPgno + (position + at) / pageSize;
      const finding = checkPage(page, pgno, format);
      if (finding) {
        throw new FigaroError(finding.code, `${file.path}: page ${pgno} is damaged: ${finding.problem}`, {
          path: file.path,
          pgno,
          hint: 'the log can not repair a page. Use an older copy of this file.',
        });
      }
      requireInsideLog(new Page(page, format), pgno, file, end);
    }
  };
}

async function copyDatabase(
  files: Files,
  file: EnvironmentFile,
  to: string,
  inspect: Inspect,
  watch: Watch,
): Promise<void> {
  const target = files.create(to, file.stat.mode);
  try {
    const write: Inspect = (bytes, position) => {
      inspect(bytes, position);
      target.writeAt(bytes, position);
    };
    await read(files, file, write, watch);
  } finally {
    target.close();
  }
}

async function read(files: Files, file: EnvironmentFile, inspect: Inspect, watch: Watch): Promise<void> {
  const source = openToRead(files, file.path);
  try {
    const { size } = file.stat;
    const buffer = new Uint8Array(Math.min(unitOf(watch), size));
    for (let position = 0; position < size; position += buffer.length) {
      inspect(buffer.subarray(0, source.readAt(buffer, position)), position);
      await pause(watch, { phase: `read ${file.name}`, done: position, total: size }, buffer.length);
    }
  } finally {
    source.close();
  }
}

/** Checks every page of every database, as `stageEnvironment` does, without copying. Returns warnings. */
export async function checkDatabases(
  files: Files,
  environment: Environment,
  end: Lsn | undefined,
  watch: Watch,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const paged of pagedFiles(files, environment)) {
    await read(files, paged.file, pageCheck(paged, end, warnings), watch);
  }
  return warnings;
}

/** Throws `not-recoverable` for a page whose last change lies behind the end of the log (A.15). */
function requireInsideLog(page: Page, pgno: number, file: EnvironmentFile, end: Lsn | undefined): void {
  const { bytes, lsn } = page;
  // Where the number is turned round, so is the LSN (format document, 4.10.5).
  if (isBlank(bytes) || page.pgno !== pgno) return;
  if (!isLogged(lsn) || (end && compareLsn(lsn, end) < 0)) return;
  const where = end ? `but the log ends at ${formatLsn(end)}` : 'but there is no log';
  throw new FigaroError(
    'not-recoverable',
    `${file.path}: page ${pgno} was last changed at ${formatLsn(lsn)}, ${where}`,
    {
      path: file.path,
      pgno,
      lsn: formatLsn(lsn),
      hint: 'log files are missing, or the file belongs to another environment.',
    },
  );
}
