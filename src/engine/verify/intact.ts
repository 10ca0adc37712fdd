import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatSizes } from '../../measures.ts';
import { hashFile } from '../files/hash.ts';
import { type DatabaseFormat } from '../../format/page/meta.ts';
import { filesOfKind, type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { filesTaken, type Chain } from '../repository/chain.ts';
import { plainId } from '../repository/manifest.ts';
import { environmentOf } from '../repository/repository.ts';

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
    await this.requireThere(names);
    await this.requireSums((name) => !names || names.has(name));
  }

  /** As `requireIntact`, without reading files from end to end: bytes may be others. */
  async requireThere(names?: ReadonlySet<string>): Promise<void> {
    const there = new Map(filesThere(this.#files, this.#chain, this.#environment).map((file) => [file.path, file]));
    for (const { name, path: file } of there.values()) {
      if (!this.#expected.has(name)) throw damaged('file-checksum', file, 'it is not in the manifest of its set');
    }
    for (const [name, { home, file, size, set }] of this.#expected) {
      if (names && !names.has(name)) continue;
      if (!this.#files.statIfThere(file)) throw damaged('set-incomplete', file, `it is missing in ${set}`);
      const kind = whatItIs(this.#files, home, name);
      if (kind !== 'file') throw damaged('file-checksum', file, `it ${kind}`);
      // One that grew may have no end.
      const found = this.#files.statIfThere(file)!;
      if (found.size === size) continue;
      const [has, told] = formatSizes(found.size, size);
      throw damaged('file-checksum', file, `it has ${has}, not ${told}`);
    }
    // Manifests may be anybody's: what they tell of databases is believed where nothing is made of it.
    for (const file of filesOfKind(this.#environment, 'database')) {
      if (names && !names.has(file.name)) continue;
      const found = there.get(file.path);
      if (found?.kind === 'database' && isSame(file.format, found.format)) continue;
      await this.requireSums((name) => name === file.name);
      throw damaged('file-checksum', file.path, 'it is not the database that the manifest of its set tells');
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
}

/** Everything of an environment that lies in the sets, whether or not manifests name it. */
function filesThere(files: Files, { sets }: Chain, { config }: Environment): readonly EnvironmentFile[] {
  const choice = filesTaken(sets.flatMap(({ manifest }) => manifest.files));
  return sets.flatMap(({ directory }) => {
    const home = environmentOf(directory);
    return discoverEnvironment(files, home, { choice, inherited: config, wanted: 'copy' }).files;
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

/** `file` for a file of a set, in directories of the set; else what it is, as the end of a sentence: links lead elsewhere. */
export function whatItIs(files: Files, home: string, name: string): string {
  const parts = name.split('/');
  for (let i = 1; i < parts.length; i++) {
    const directory = parts.slice(0, i).join('/');
    if (files.statIfThere(path.join(home, directory))?.kind !== 'directory') return `is behind ${directory}, a link`;
  }
  const kind = files.statIfThere(path.join(home, name))?.kind;
  return kind === 'file' ? 'file' : kind === 'link' ? 'is a link' : 'is not a regular file';
}

function damaged(code: 'file-checksum' | 'set-incomplete', file: string, problem: string): FigaroError {
  return new FigaroError(code, `${file} is damaged: ${problem}`, {
    path: file,
    hint: 'use another chain, or end before this set: `figaro-backup recover --to-set SET`. `figaro-backup verify` shows all that is wrong.',
  });
}
