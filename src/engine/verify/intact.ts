import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatSizes } from '../../measures.ts';
import { hashFile } from '../files/hash.ts';
import { recognizeFile, type DatabaseFormat } from '../../format/page/meta.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { readHead } from '../environment/file-head.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesTaken, type Chain } from '../repository/chain.ts';
import { plainId } from '../repository/manifest.ts';
import { directoryNames, environmentOf } from '../repository/repository.ts';
import { type BackupSet } from '../repository/backup-set.ts';

/** As `requireIntact`, of the log alone. */
export async function requireIntactLog(
  files: Files,
  chain: Chain,
  environment: Environment,
  watch: Watch,
): Promise<void> {
  const names = new Set(filesOfKind(environment, 'log').map(({ name }) => name));
  await requireIntact(files, chain, environment, watch, names);
}

/**
 * Makes sure that the environment of a chain is what the manifests of its sets say: every file there, none more, each
 * with its SHA-256, and each database the one that its manifest tells. Throws `set-incomplete` or `file-checksum` at the first
 * that is not. Log files that a later set holds further on are not looked at.
 *
 * @param names look at these alone
 */
export async function requireIntact(
  files: Files,
  chain: Chain,
  environment: Environment,
  watch: Watch,
  names?: ReadonlySet<string>,
): Promise<void> {
  await new ExpectedFiles(files, chain, environment, watch).requireIntact(names);
}

const noBytes = new Uint8Array(0);

interface Expected {
  readonly sha256: string;
  readonly size: number;
  /** The directory of its set that the environment is in. */
  readonly home: string;
  readonly file: string;
  readonly set: string;
}

/** What the manifests of a chain say of its files. */
export class ExpectedFiles {
  readonly #files: Files;
  readonly #chain: Chain;
  readonly #environment: Environment;
  readonly #watch: Watch;
  /** By name. */
  readonly #expected = new Map<string, Expected>();
  /** The SHA-256 of each by its path. */
  readonly #sums = new Map<string, string>();
  /** Paths of those that were read. */
  readonly #intact = new Set<string>();
  /** Of databases, by path. */
  #formats: ReadonlyMap<string, DatabaseFormat> | undefined;

  constructor(files: Files, chain: Chain, environment: Environment, watch: Watch) {
    this.#files = files;
    this.#chain = chain;
    this.#environment = environment;
    this.#watch = watch;
    for (const { id, directory, manifest } of chain.sets) {
      for (const { path: name, sha256, size } of manifest.files) {
        const home = environmentOf(directory);
        this.#expected.set(name, { sha256, size, home, file: path.join(home, name), set: id });
      }
    }
    for (const { file, sha256 } of this.#expected.values()) this.#sums.set(file, sha256);
  }

  /** As `requireIntact`. */
  async requireIntact(names?: ReadonlySet<string>): Promise<void> {
    this.requireThere(names);
    for (const { name, path: file } of filesOfKind(this.#environment, 'database')) {
      if (names && !names.has(name)) continue;
      const head = readHead(this.#files, file) ?? noBytes;
      if (this.#isTold(file, head)) continue;
      await this.requireSums((one) => one === name);
      this.requireTold(file, head);
    }
    await this.requireSums((name) => !names || names.has(name));
  }

  /** As `requireIntact`, without opening what the manifests name: bytes may be others. */
  requireThere(names?: ReadonlySet<string>): void {
    for (const { name, path: file } of filesBeside(this.#files, this.#chain, this.#environment)) {
      if (!this.#expected.has(name)) throw damaged('file-checksum', file, 'it is not in the manifest of its set');
    }
    const directories = new Map<string, boolean>();
    const isDirectory = (directory: string): boolean => {
      let known = directories.get(directory);
      if (known === undefined) {
        known = this.#files.statIfThere(directory)?.kind === 'directory';
        directories.set(directory, known);
      }
      return known;
    };
    for (const [name, { home, file, size, set }] of this.#expected) {
      if (names && !names.has(name)) continue;
      const found = this.#files.statIfThere(file);
      if (!found) throw damaged('set-incomplete', file, `it is missing in ${set}`);
      const kind = whatItIs(found, home, name, isDirectory);
      if (kind !== 'file') throw damaged('file-checksum', file, `it ${kind}`);
      // One that grew may have no end.
      if (found.size === size) continue;
      const [has, told] = formatSizes(found.size, size);
      throw damaged('file-checksum', file, `it has ${has}, not ${told}`);
    }
  }

  /** Reads files that are there, by name and path, unless they were read here before. Throws `file-checksum` for the first without its SHA-256. */
  async requireSums(isMeant: (name: string, file: string) => boolean): Promise<void> {
    for (const [name, { file }] of this.#expected) {
      if (this.#intact.has(file) || !isMeant(name, file)) continue;
      this.requireSum(file, (await hashFile(this.#files, file, this.#watch)).sha256);
      this.#intact.add(file);
    }
  }

  /** The log alone, as `requireSums`. */
  async requireLogSums(): Promise<void> {
    const log = new Set(filesOfKind(this.#environment, 'log').map(({ path: file }) => file));
    await this.requireSums((_name, file) => log.has(file));
  }

  /** Whether a file is one of the chain, by its path. */
  has(file: string): boolean {
    return this.#sums.has(file);
  }

  /** Throws `file-checksum` where that is not the SHA-256 of a file of the chain, by its path. */
  requireSum(file: string, sha256: string): void {
    if (this.#sums.get(file) !== sha256)
      throw damaged('file-checksum', file, 'it does not match its SHA-256 in the manifest');
  }

  /**
   * Throws `file-checksum` where a file, by its path, is to be a database and does not begin as that. Manifests may be anybody's: what they
   * tell of databases is believed where nothing is made of it.
   *
   * @param head its first bytes, as many as `metaSize` where there are so many
   */
  requireTold(file: string, head: Uint8Array): void {
    if (!this.#isTold(file, head))
      throw damaged('file-checksum', file, 'it is not the database that the manifest of its set tells');
  }

  #isTold(file: string, head: Uint8Array): boolean {
    this.#formats ??= new Map(filesOfKind(this.#environment, 'database').map((one) => [one.path, one.format]));
    const told = this.#formats.get(file);
    if (!told) return true;
    const found = recognizeFile(head, this.#files.cipher);
    return found.kind === 'database' && isSame(told, found.format);
  }
}

/** Everything of an environment that lies in the sets which hold more than their manifests name. */
function filesBeside(files: Files, { sets }: Chain, { config }: Environment): readonly EnvironmentFile[] {
  const choice = filesTaken(sets.flatMap(({ manifest }) => manifest.files));
  return sets.flatMap((set) => {
    if (!holdsMore(files, set)) return [];
    return discoverEnvironment(files, environmentOf(set.directory), { choice, inherited: config, wanted: 'copy' })
      .files;
  });
}

/** Whether anything is in the directories of a set that its manifest does not name, whatever it is. */
function holdsMore(files: Files, { directory, manifest }: BackupSet): boolean {
  const home = environmentOf(directory);
  const directories = directoryNames(manifest);
  const named = new Set([...directories, ...manifest.files.map((file) => file.path)]);
  return directories.some((inside) => {
    const names = files.listIfThere(path.join(home, inside)) ?? [];
    return names.some((name) => !named.has(inside === '' ? name : `${inside}/${name}`));
  });
}

function isSame(told: DatabaseFormat, found: DatabaseFormat): boolean {
  return (
    plainId(told.uid) === plainId(found.uid) &&
    told.method === found.method &&
    told.version === found.version &&
    told.pageSize === found.pageSize &&
    told.littleEndian === found.littleEndian &&
    told.checksums === found.checksums &&
    told.encrypted === found.encrypted
  );
}

/**
 * `file` for a file of a set, in directories of the set; else what it is, as the end of a sentence: links lead elsewhere.
 *
 * @param isDirectory of a path: that it is a directory itself
 */
export function whatItIs(
  found: FileStat,
  home: string,
  name: string,
  isDirectory: (directory: string) => boolean,
): string {
  for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
    const directory = name.slice(0, at);
    if (!isDirectory(path.join(home, directory))) return `is behind ${directory}, a link`;
  }
  return found.kind === 'file' ? 'file' : found.kind === 'link' ? 'is a link' : 'is not a regular file';
}

function damaged(code: 'file-checksum' | 'set-incomplete', file: string, problem: string): FigaroError {
  return new FigaroError(code, `${file} is damaged: ${problem}`, {
    path: file,
    hint: 'use another chain, or end before this set: `figaro-backup recover --to-set SET`. `figaro-backup verify` shows all that is wrong.',
  });
}
