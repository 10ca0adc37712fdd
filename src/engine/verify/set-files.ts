/** What lies in a set, compared with its manifest: every file there, none more, each as it was written, each page whole. */

import path from 'node:path';
import { FigaroError, isSetDamage } from '../../errors.ts';
import { formatSizes } from '../../measures.ts';
import { unreadable } from '../environment/damaged.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { type Environment } from '../environment/environment.ts';
import { pagedFiles, type PagedFile } from '../environment/paged-files.ts';
import { readOwnIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { filesTaken, isUnsound } from '../repository/chain.ts';
import { checksName } from '../repository/checks.ts';
import { lastLookName } from '../repository/last-look.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { pinName } from '../repository/pins.ts';
import { checksumLines, environmentOf, manifestLimit } from '../repository/repository.ts';
import { type Finding } from './finding.ts';
import { whatItIs } from './intact.ts';
import { readFile, type FileReading } from './pages.ts';

/** What was read of a set. */
export interface CheckedFiles {
  readonly id: string;
  readonly chain: string;
  readonly files: number;
  readonly bytes: number;
  readonly pages: number;
}

interface Reading {
  /** Compare names and sizes alone. */
  readonly quick: boolean;
  readonly watch: Watch;
}

/** Checks the files of one set, and reports all that is wrong. Throws what keeps files from being read. */
export async function checkFiles(
  files: Files,
  set: BackupSet,
  report: (finding: Finding) => void,
  reading: Reading,
): Promise<CheckedFiles> {
  return await new SetCheck(files, set, report, reading).run();
}

/** Whether the environment of a set is there, as a directory. */
export function hasEnvironment(files: Files, { directory }: BackupSet): boolean {
  return files.statThrough(environmentOf(directory))?.kind === 'directory';
}

/** For what looks into files that are read one by one, too: what the store cannot give is told of each then. Undefined for that. */
export function unlessDamaged<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isSetDamage(error)) return undefined;
    throw error;
  }
}

class SetCheck {
  readonly #files: Files;
  readonly #set: BackupSet;
  readonly #home: string;
  readonly #report: (finding: Finding) => void;
  readonly #reading: Reading;
  #bytes = 0;
  #pages = 0;

  constructor(files: Files, set: BackupSet, report: (finding: Finding) => void, reading: Reading) {
    this.#files = files;
    this.#set = set;
    this.#home = environmentOf(set.directory);
    this.#report = report;
    this.#reading = reading;
  }

  async run(): Promise<CheckedFiles> {
    if (hasEnvironment(this.#files, this.#set)) await this.#checkAll();
    else this.#tellMissing();
    const { id, manifest } = this.#set;
    return { id, chain: manifest.chain, files: manifest.files.length, bytes: this.#bytes, pages: this.#pages };
  }

  #find(finding: Omit<Finding, 'set'>): void {
    this.#report({ set: this.#set.id, ...finding });
  }

  #tellMissing(): void {
    const isLink = this.#files.statIfThere(this.#home)?.kind === 'link';
    const message = `environment ${isLink ? 'is a link that leads nowhere' : 'is missing'}`;
    this.#find({ code: 'set-incomplete', message, path: 'environment' });
  }

  async #checkAll(): Promise<void> {
    const { files } = this.#set.manifest;
    const environment = unlessDamaged(() =>
      discoverEnvironment(this.#files, this.#home, { choice: filesTaken(files) }),
    );
    const plain = new Set(files.filter(({ kind }) => kind === 'plain').map(({ path: name }) => name));
    const paged = this.#pagedFiles(environment, plain);
    const left = new Set(this.#list(''));
    for (const file of files) {
      const isThere = left.delete(file.path);
      if (isThere) await this.#checkFile(file, paged.get(file.path));
      else this.#find({ code: 'set-incomplete', message: `${file.path} is missing`, path: file.path });
    }
    for (const name of left) {
      this.#find({ code: 'file-checksum', message: `${name} is not in the manifest`, path: name });
    }
    for (const { name, problem, code } of environment?.damaged ?? []) {
      if (plain.has(name) || isUnsound(this.#set)) continue;
      const { message } = unreadable({ path: name, problem, code }, '');
      this.#find({ code, message, path: name, pgno: 0 });
    }
    this.#checkFrame();
  }

  /** What consists of pages that are to be whole, by name. */
  #pagedFiles(environment: Environment | undefined, plain: ReadonlySet<string>): ReadonlyMap<string, PagedFile> {
    const found = (environment && unlessDamaged(() => pagedFiles(this.#files, environment))) ?? [];
    const checked = isUnsound(this.#set) ? [] : found.filter(({ file }) => !plain.has(file.name));
    return new Map(checked.map((candidate) => [candidate.file.name, candidate]));
  }

  async #checkFile(file: ManifestFile, paged: PagedFile | undefined): Promise<void> {
    const full = path.join(this.#home, file.path);
    const found = this.#files.statIfThere(full)!;
    const isDirectory = (directory: string): boolean => this.#files.statIfThere(directory)?.kind === 'directory';
    const kind = whatItIs(found, this.#home, file.path, isDirectory);
    if (kind !== 'file') {
      this.#find({ code: 'file-checksum', message: `${file.path} ${kind}`, path: file.path });
      return;
    }
    const { size } = found;
    // What grew since is not ours to read: it may have no end.
    if (this.#reading.quick || size > file.size) {
      this.#bytes += size;
      this.#compare(file, { size, sha256: file.sha256 });
      return;
    }
    const reading = await this.#read(file, full, paged);
    if (!reading) return;
    this.#bytes += reading.size;
    this.#pages += reading.pages;
    this.#compare(file, reading);
    for (const { code, pgno, problem } of reading.problems) {
      this.#find({ code, message: `${file.path}: page ${pgno} ${problem}`, path: file.path, pgno });
    }
  }

  /** Undefined where the store cannot give the file as it was written there, which is found then. */
  async #read(
    { path: name }: ManifestFile,
    file: string,
    paged: PagedFile | undefined,
  ): Promise<FileReading | undefined> {
    const { manifest } = this.#set;
    try {
      const end = manifest.withoutLog ? 'gone' : manifest.log?.end;
      return await readFile(this.#files, file, paged, end, this.#reading.watch);
    } catch (error) {
      if (!isSetDamage(error)) throw error;
      this.#find({ code: error.code, message: `${name} cannot be read: ${error.message}`, path: name });
      return undefined;
    }
  }

  #compare(file: ManifestFile, { size, sha256 }: { size: number; sha256: string }): void {
    const [has, told] = formatSizes(size, file.size);
    const problem =
      size !== file.size
        ? `has ${has}, not ${told} as in the manifest`
        : sha256 !== file.sha256
          ? 'does not match its SHA-256 in the manifest'
          : undefined;
    if (problem === undefined) return;
    this.#find({ code: 'file-checksum', message: `${file.path} ${problem}`, path: file.path });
  }

  /** What is in a set beside the environment. */
  #checkFrame(): void {
    const known = ['environment', 'manifest.json', 'SHA256SUMS', checksName];
    for (const name of [pinName, lastLookName]) known.push(name, `${name}.tmp`);
    for (const name of this.#files.listIfThere(this.#set.directory) ?? []) {
      if (known.includes(name)) continue;
      this.#find({ code: 'file-checksum', message: `${name} does not belong into a set`, path: name });
    }
    const message = this.#whatIsWrongWithSums();
    if (message !== undefined) this.#find({ code: 'file-checksum', message, path: 'SHA256SUMS' });
  }

  #whatIsWrongWithSums(): string | undefined {
    const { directory, manifest } = this.#set;
    try {
      const sums = readOwnIfThere(this.#files, path.join(directory, 'SHA256SUMS'), manifestLimit);
      if (!sums) return 'SHA256SUMS is missing';
      const isRight = Buffer.from(sums).toString('utf8') === checksumLines(manifest);
      return isRight ? undefined : 'SHA256SUMS differs from the manifest';
    } catch (error) {
      // Of what stands in its place and is none.
      if (error instanceof FigaroError && error.details.cause === undefined) return error.message;
      throw error;
    }
  }

  /** Names of all files in a directory of the environment, relative to the environment. */
  #list(inside: string): string[] {
    const names = this.#files.listIfThere(path.join(this.#home, inside)) ?? [];
    return names.flatMap((name) => {
      const entry = inside === '' ? name : `${inside}/${name}`;
      const kind = this.#files.statIfThere(path.join(this.#home, entry))?.kind;
      return kind === 'directory' ? this.#list(entry) : [entry];
    });
  }
}
