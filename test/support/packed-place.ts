/** A place with packed repositories in directories, and the keys that go with them. */

import fs from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { newKey } from './age-keys.ts';
import { demoApplication } from './demo-environment.ts';
import { type MemoryStore } from './memory-store.ts';
import { placeIn, type Place } from './place.ts';
import { figaro, type CliResult, type CliSurroundings } from './run-cli.ts';
import { fingerprint, namesIn } from './trees.ts';
import { slashed } from './windows.ts';

export type PackedKind = 'packed' | 'encrypted';

/** What opens an encrypted repository: of the machine that backs up, of whoever recovers, both, or nothing. */
export type Holder = 'machine' | 'owner' | 'both' | 'nobody';

export class PackedPlace {
  readonly place: Place;
  readonly kind: PackedKind;
  readonly application: ReturnType<typeof demoApplication>;
  /** The public key that it is encrypted to. */
  recipient = '';
  /** What `--repo @repo` stands for, in memory and not in a directory. */
  store: MemoryStore | undefined;

  private constructor(directory: string, kind: PackedKind) {
    this.place = placeIn(directory);
    this.kind = kind;
    this.application = demoApplication(this.place.home);
    fs.mkdirSync(path.join(directory, 'spool'), { recursive: true });
  }

  static async make(directory: string, kind: PackedKind): Promise<PackedPlace> {
    const place = new PackedPlace(directory, kind);
    const key = await newKey();
    place.recipient = key.recipient.text;
    fs.writeFileSync(place.inside('identity.txt'), `# created: today\n${key.secret}\n`);
    return place;
  }

  inside(name: string): string {
    return path.join(this.place.directory, name);
  }

  /** The secrets that nothing may print. */
  get secrets(): readonly string[] {
    const files = ['identity.txt', 'machine.key']
      .map((name) => this.inside(name))
      .filter((file) => fs.existsSync(file));
    return files.flatMap((file) => /AGE-SECRET-KEY-\S+/.exec(fs.readFileSync(file, 'utf8')) ?? []);
  }

  keysOf(holder: Holder): string[] {
    if (this.kind === 'packed') return [];
    const machine = ['--key-file', this.inside('machine.key')];
    const owner = ['--identity', this.inside('identity.txt')];
    return { machine, owner, both: [...machine, ...owner], nobody: [] }[holder];
  }

  async init(repository = 'repo', more = ''): Promise<void> {
    const recipient = this.kind === 'encrypted' ? ` --recipient ${this.recipient}` : '';
    await this.succeed(`init --repo @${repository} --packed${recipient}${more}`, 'machine');
  }

  /** Runs a command line; `@` begins a path of the place. No secret is printed, and no path of the mirror. */
  async run(line: string, holder: Holder = 'both', more: CliSurroundings = {}): Promise<CliResult> {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${this.place.directory}/`));
    const env = { FIGARO_BACKUP_SPOOL: this.inside('spool') };
    const result = await figaro([...words, ...this.keysOf(holder)], { env, directory: this.place.directory, ...more });
    const printed = result.stdout + result.stderr;
    for (const secret of this.secrets) expect(printed).not.toContain(secret);
    expect(printed).not.toContain('spooling');
    expect(namesIn(this.inside('spool')).filter((name) => name.includes('spooling'))).toEqual([]);
    return result;
  }

  async succeed(line: string, holder: Holder = 'both', more: CliSurroundings = {}): Promise<CliResult> {
    const result = await this.run(line, holder, more);
    expect([line, result.exitCode, result.stderr]).toEqual([line, 0, result.stderr]);
    return result;
  }

  /** Names of the sets in a packed directory. */
  sets(repository = 'repo'): string[] {
    return setsIn(this.inside(repository));
  }

  /** How many bytes of files of sets there are. */
  packed(repository = 'repo'): number {
    return namesOfFiles(this.inside(repository))
      .filter((name) => name.startsWith('packs/'))
      .reduce((sum, name) => sum + fs.statSync(this.inside(`${repository}/${name}`)).size, 0);
  }

  copyOf(repository: string, name: string): string {
    fs.cpSync(this.inside(repository), this.inside(name), { recursive: true, preserveTimestamps: true });
    return this.inside(name);
  }
}

export function setsIn(repository: string): string[] {
  const sets = path.join(repository, 'sets');
  return namesIn(sets).filter((id) => namesIn(path.join(sets, id)).some((name) => name.startsWith('manifest.json.')));
}

/** Files below a directory, by their names with `/`. */
export function namesOfFiles(directory: string): string[] {
  return fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => slashed(path.relative(directory, path.join(entry.parentPath, entry.name))))
    .sort();
}

/** Of databases: recovery writes the time into the log. */
export function databasesIn(directory: string): string[] {
  return fingerprint(directory)
    .filter((line) => !line.startsWith('log.'))
    .map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`);
}
