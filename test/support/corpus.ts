import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { bodyOf, databaseLabel } from '../../src/engine/database/dump.ts';
import { databasesOf } from '../../src/engine/database/records.ts';
import { type Environment } from '../../src/engine/environment/environment.ts';
import { discoverLayers } from '../../src/engine/environment/layers.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { unlocked } from './unlocked.ts';

/** A database as native recovery left it. */
export interface ExpectedDatabase {
  readonly file: string;
  readonly subdb: string | null;
  /** Missing for stray files that are no databases. */
  readonly type?: string | null;
  readonly records?: number;
  readonly sha256?: string;
}

interface Reference {
  readonly databases: readonly ExpectedDatabase[];
}

/** What case.json says; its README is beside the corpus. */
export interface CaseDescription {
  readonly id: string;
  readonly family: string;
  readonly bdbVersion: string;
  readonly logVersion: number;
  readonly snapshot: string;
  readonly encrypted: boolean;
  readonly password?: string;
  readonly nativeRecover: { readonly exit: number } | null;
  readonly databases?: readonly ExpectedDatabase[];
  readonly reference?: Reference;
  readonly nativeMissingFiles?: readonly string[];
  readonly nativeDamagedFiles?: readonly string[];
  readonly filesByLog?: readonly string[];
  readonly pitr?: readonly {
    readonly time: string;
    readonly databases: readonly ExpectedDatabase[];
    readonly filesByLog?: readonly string[];
    readonly nativeMissingFiles?: readonly string[];
    readonly nativeExtraFiles?: readonly string[];
  }[];
  readonly pitrTooEarly?: { readonly time: string };
}

export const fixtures = path.join(import.meta.dirname, '..', 'fixtures', 'corpus');

/** A case of the corpus. */
export class CorpusCase {
  readonly id: string;
  readonly #archive: string;
  #directory: string | undefined;

  constructor(archive: string) {
    this.id = path.basename(archive, '.tar.xz');
    this.#archive = archive;
  }

  /** Where the case is unpacked: beside its archive, where somebody did so who can, or in the temporary directory. */
  get directory(): string {
    const beside = path.join(path.dirname(this.#archive), this.id);
    if (fs.existsSync(beside)) return beside;
    if (this.#directory === undefined) {
      execFileSync('tar', ['xJf', this.#archive, '-C', temporaryDirectory()]);
      this.#directory = path.join(temporaryDirectory(), this.id);
    }
    return this.#directory;
  }

  get backup(): string {
    return path.join(this.directory, 'backup');
  }

  get description(): CaseDescription {
    return JSON.parse(fs.readFileSync(path.join(this.directory, 'case.json'), 'utf8')) as CaseDescription;
  }

  /** The directories to recover from, in order. */
  get input(): readonly string[] {
    if (this.description.snapshot !== 'full+incremental') return [this.backup];
    const steps = fs.readdirSync(this.backup).filter((name) => name !== 'full');
    return ['full', ...steps.sort()].map((name) => path.join(this.backup, name));
  }

  /** The real files, with the password of this case. */
  get files(): Files {
    const { password } = this.description;
    return password === undefined ? nodeFiles : unlocked(password);
  }

  /** The environment to recover. */
  get environment(): Environment {
    return discoverLayers(this.files, this.input);
  }

  /** What a right recovery produces: native's result, or the reference where native loses a file. */
  get expected(): readonly ExpectedDatabase[] {
    const { databases = [], reference, nativeMissingFiles, nativeDamagedFiles } = this.description;
    const nativeIsWrong = nativeMissingFiles?.length || nativeDamagedFiles?.length;
    return (nativeIsWrong ? reference!.databases : databases).filter(({ type }) => typeof type === 'string');
  }

  /** Frees the disk; the case can be unpacked again. */
  forget(): void {
    if (this.#directory) fs.rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }
}

let temporary: string | undefined;

function temporaryDirectory(): string {
  if (temporary === undefined) {
    temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-corpus-'));
    process.once('exit', removeUnpacked);
  }
  return temporary;
}

/** Removes everything that was unpacked. */
export function removeUnpacked(): void {
  if (temporary) fs.rmSync(temporary, { recursive: true, force: true });
  temporary = undefined;
}

/** One case of the fixtures. */
export function corpusCase(id: string): CorpusCase {
  return new CorpusCase(path.join(fixtures, `${id}.tar.xz`));
}

/** How the databases in a directory differ from those expected, in words. */
export function compareDatabases(
  directory: string,
  expected: readonly ExpectedDatabase[],
  files: Files = nodeFiles,
): string[] {
  const differences: string[] = [];
  for (const { file, subdb, type, sha256 } of expected) {
    const label = subdb === null ? file : `${file} ${subdb}`;
    const found = findFile(directory, file);
    if (found === undefined) {
      differences.push(`${label} is missing`);
      continue;
    }
    const opened = new DatabaseFile(files, found);
    try {
      const database = databasesOf(opened).find((candidate) => databaseLabel(candidate) === (subdb ?? undefined));
      if (!database) differences.push(`${label} is missing`);
      else if (database.method !== type) differences.push(`${label} is a ${database.method}, not a ${type}`);
      else if (hashOfBody(database) !== sha256) differences.push(`${label} has other records`);
    } finally {
      opened.close();
    }
  }
  return differences;
}

function hashOfBody(database: Parameters<typeof bodyOf>[0]): string {
  const hash = createHash('sha256');
  const numbered = database.method === 'recno' || database.method === 'queue';
  for (const chunk of bodyOf(database, numbered)) hash.update(chunk);
  return hash.digest('hex');
}

/** The file, in the directory itself or in one of its data directories. */
function findFile(directory: string, name: string): string | undefined {
  const direct = path.join(directory, name);
  if (fs.existsSync(direct)) return direct;
  const all = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const found = all.find((entry) => entry.endsWith(path.normalize(`/${name}`)));
  return found === undefined ? undefined : path.join(directory, found);
}
