import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { normalDirectory } from '../../format/names.ts';
import { shellWord } from '../../shell-words.ts';
import {
  filesOfKind,
  logPaths,
  type Environment,
  type EnvironmentFile,
  type FileOfKind,
} from '../environment/environment.ts';
import { findLogNearby, type LogNearby } from '../environment/log-nearby.ts';
import { problemOfPage } from '../environment/page-verdict.ts';
import { pagedFiles, type PagedFile } from '../environment/paged-files.ts';
import { type ExpectedFiles } from '../verify/intact.ts';
import { letWrite } from '../files/let-write.ts';
import { makeDirectories } from '../files/tree.ts';
import { type Files } from '../files/files.ts';
import { openLog, type LogFile } from '../log/log-files.ts';
import { type Watch } from '../pause.ts';
import { type Analysis } from './analysis.ts';
import { type BackgroundCopies } from './background-copies.ts';
import { PassingPages } from './passing-pages.ts';
import { copyAsItIs, copyInspected, readOnce, type CopiedFile, type Inspect } from './staged-copy.ts';

/** A copy of an environment, being recovered beside the target. */
export interface Stage {
  /** What becomes the target: everything but the databases is in its place here. */
  readonly home: string;
  /** Databases, under names of their own: those that recovery makes, and the others unless they are in place. */
  readonly pieces: string;
  /** The databases that are in `home` from the beginning, by their paths there: most keep their names. */
  readonly inPlace: ReadonlySet<string>;
  /** Where the copy of a file of the environment is, or will be; undefined for those left out, and for log files. */
  readonly pathOf: (name: string) => string | undefined;
  /** Where log files are, relative to `home`. */
  readonly logDirectory: string;
  /** Databases as they were copied, by their paths in `pieces`: recovery need not open them to know what they are. */
  readonly copied: Map<string, CopiedFile>;
  /** Of the databases that are copied. */
  readonly passing: PassingPages;
}

interface StageOptions {
  /** What is copied otherwise, by its path. */
  readonly others?: ReadonlySet<string>;
  /** The log files that hold anything, where they were looked at already. */
  readonly logs?: readonly LogFile[];
  /** Databases go under the names that they have, from which `placeDatabases` takes those that get others. */
  readonly isInPlace?: boolean;
}

/**
 * Makes the directories of a stage, and begins to copy what recovery does not work on: log files above all. They are big,
 * and being copied while the rest goes on.
 */
export function openStage(
  files: Files,
  environment: Environment,
  stage: string,
  copies: BackgroundCopies,
  { others = new Set(), logs = logFilesOf(files, environment), isInPlace = false }: StageOptions = {},
): Stage {
  const home = path.join(stage, 'environment');
  const pieces = path.join(stage, 'pieces');
  makeDirectories(files, home);
  makeDirectories(files, pieces);
  for (const directory of environment.directories) makeDirectories(files, path.join(home, directory));
  const paths = new Map<string, string>();
  const inPlace = new Set<string>();
  for (const file of environment.files) {
    if (file.kind === 'log') continue;
    const to = isPiece(file) && !isInPlace ? path.join(pieces, String(paths.size)) : path.join(home, file.name);
    paths.set(file.name, to);
    if (!isPiece(file) && !others.has(file.path)) copies.add(file.path, to);
    if (isPiece(file) && isInPlace) inPlace.add(to);
  }
  for (const directory of new Set([...inPlace].map((file) => path.dirname(file)))) makeDirectories(files, directory);
  const logDirectory = normalDirectory(environment.config.logDirectory ?? '.');
  const names = new Map(filesOfKind(environment, 'log').map(({ path: file, name }) => [file, name]));
  for (const { path: file, parts } of logs)
    if (!others.has(file)) copies.addLog(parts, path.join(home, names.get(file)!));
  return {
    home,
    pieces,
    inPlace,
    pathOf: (name) => paths.get(name),
    logDirectory,
    copied: new Map(),
    passing: new PassingPages(),
  };
}

/**
 * Copies the databases of an environment to its stage. Every page is checked on the way (format document, 7.2): a damaged
 * one is `page-checksum` or `page-type`, one from behind the end of the log, or without a log, `not-recoverable`.
 *
 * @param analysis of the log; undefined when there is none
 * @param expected of sets that nobody has read yet: throws `file-checksum` for what does not match
 * @returns warnings
 */
export async function copyDatabases(
  files: Files,
  environment: Environment,
  analysis: Analysis | undefined,
  stage: Stage,
  watch: Watch,
  expected?: ExpectedFiles,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  if (environment.withoutLog) {
    warnings.push(
      'the log was gone when this set was made: databases are as they were, and their pages keep the LSNs of that log, so that transactional environments may refuse them. --reset-lsns makes some that any environment can open',
    );
  }
  const hint = beyondLogHint(files, environment, analysis);
  const paged = pagedByPath(files, environment);
  for (const file of environment.files) {
    if (!isPiece(file)) continue;
    const to = stage.pathOf(file.name)!;
    const pages = paged.get(file.path);
    if (pages) {
      const check = new PageCheck(pages, analysis, hint, warnings, environment.withoutLog, stage.passing);
      stage.copied.set(to, await copyInspected(files, file, to, watch, { inspect: check.inspect, expected }));
      check.finish();
    } else if (expected?.has(file.path)) {
      await copyAsItIs(files, file, to, watch, expected);
      await files.sync(to);
    } else {
      await files.copy(file.path, to);
      letWrite(files, to);
    }
  }
  return warnings;
}

/** Files that recovery works on: what they are called in the end is known last. */
export const pieceKinds = ['database', 'placeholder', 'queue-extent', 'external-file'] as const;

export type PieceKind = (typeof pieceKinds)[number];

export function isPiece(file: EnvironmentFile): file is FileOfKind<PieceKind> {
  return pieceKinds.some((kind) => kind === file.kind);
}

/** What to do about a page that was changed by a record which the log does not have. */
function beyondLogHint(files: Files, environment: Environment, analysis: Analysis | undefined): string {
  const nearby = analysis ? undefined : findLogNearby(files, environment);
  if (!nearby)
    return 'log files are missing, or the file belongs to another environment. Where there are none any more, --reset-lsns takes databases as they are.';
  return `there are log files in ${nearby.path}: ${withLogNearby(nearby)}`;
}

/** How to recover with a log that is elsewhere, as a sentence. */
export function withLogNearby({ home, path: log }: LogNearby): string {
  return home === log
    ? `give that directory, \`--from ${shellWord(home)}\`.`
    : `give that directory as well, \`--from ${shellWord(home)} --from ${shellWord(log)}\`.`;
}

/** Those that hold anything. */
export function logFilesOf(files: Files, environment: Environment): readonly LogFile[] {
  const paths = logPaths(environment);
  return paths.size === 0 ? [] : openLog(files, paths).files;
}

function pagedByPath(files: Files, environment: Environment): Map<string, PagedFile> {
  return new Map(pagedFiles(files, environment).map((paged) => [paged.file.path, paged]));
}

/** Looks at every page of a file, and tells what is to be said of the file. */
class PageCheck {
  readonly #paged: PagedFile;
  readonly #analysis: Analysis | undefined;
  readonly #hint: string;
  readonly #warnings: string[];
  readonly #withoutLog: true | undefined;
  readonly #passing: PassingPages;
  /** Some page carries the LSN of a log record. */
  #isLogged = false;

  constructor(
    paged: PagedFile,
    analysis: Analysis | undefined,
    hint: string,
    warnings: string[],
    withoutLog: true | undefined,
    passing: PassingPages,
  ) {
    this.#withoutLog = withoutLog;
    this.#passing = passing;
    this.#hint = hint;
    this.#paged = paged;
    this.#analysis = analysis;
    this.#warnings = warnings;
    const { file, format } = paged;
    if (file.stat.size % format.pageSize !== 0) {
      warnings.push(`${file.path} ends in the middle of a page; the part of a page is left out`);
    }
  }

  readonly inspect: Inspect = (bytes, position) => {
    const { file, format, firstPgno } = this.#paged;
    const { pageSize } = format;
    for (let at = 0; at + pageSize <= bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      const pgno = firstPgno + (position + at) / pageSize;
      const found = problemOfPage(page, pgno, format, this.#beyond, this.#notePassing);
      if (!found) continue;
      const { code, problem, lsn } = found;
      throw new FigaroError(code, `${file.path}: page ${pgno} ${problem}`, {
        path: file.path,
        pgno,
        ...(lsn && { lsn: formatLsn(lsn) }),
        hint: lsn ? this.#hint : 'the log cannot repair a page. Use an older copy of this file.',
      });
    }
  };

  readonly #beyond = (lsn: Lsn): string | undefined => {
    this.#isLogged = true;
    const end = this.#analysis?.end.lsn;
    if (!end) return this.#withoutLog ? undefined : 'but there is no log';
    return compareLsn(lsn, end) < 0 ? undefined : `but the log ends at ${formatLsn(end)}`;
  };

  readonly #notePassing = (pgno: number): void => {
    const { uid } = this.#paged.file;
    if (uid !== undefined) this.#passing.add(uid, pgno);
  };

  /** To be called after the last page. */
  finish(): void {
    const { file } = this.#paged;
    if (!this.#analysis || this.#isLogged || file.kind !== 'database') return;
    if (this.#analysis.bindings.knows(file.uid)) return;
    this.#warnings.push(`${file.name} is written without the log: it comes out as it was copied`);
  }
}

/**
 * Checks every page of every database, as `copyDatabases` does, without copying. Returns warnings.
 *
 * @param passing pages that are found to be such are added to it
 */
export async function checkDatabases(
  files: Files,
  environment: Environment,
  analysis: Analysis | undefined,
  watch: Watch,
  passing: PassingPages,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const hint = beyondLogHint(files, environment, analysis);
  for (const paged of pagedFiles(files, environment)) {
    const check = new PageCheck(paged, analysis, hint, warnings, environment.withoutLog, passing);
    await readOnce(files, paged.file, watch, check.inspect);
    check.finish();
  }
  return warnings;
}
