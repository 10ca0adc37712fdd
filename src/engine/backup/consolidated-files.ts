/** The files of a consolidated set: whose they are, and what the manifest says of each. */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { type Environment, type EnvironmentFile } from '../environment/environment.ts';
import { hashFile } from '../files/hash.ts';
import { type FileOwner, type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { giveOwners } from '../recovery/owners.ts';
import { filesTaken, type Chain } from '../repository/chain.ts';
import { type ManifestFile } from '../repository/manifest.ts';
import { describeFiles } from '../repository/set-environment.ts';

/** The files of a set when all of them are there. */
export interface FinishedFiles {
  /** As they lie in the set. */
  readonly environment: Environment;
  /** What the manifest says of them. */
  readonly entries: readonly ManifestFile[];
}

export class ConsolidatedFiles {
  readonly #files: Files;
  readonly #chain: Chain;
  readonly #source: Environment;
  readonly #home: string;
  /** What a file of the set was called in the chain, where the log has given it another name. */
  readonly #former = new Map<string, string | undefined>();

  /**
   * @param source what the chain holds
   * @param home the environment of the new set
   */
  constructor(files: Files, chain: Chain, source: Environment, home: string) {
    this.#files = files;
    this.#chain = chain;
    this.#source = source;
    this.#home = home;
  }

  /** Takes note of what a file is called in the set; `former` is undefined for one that the log creates. */
  rename(former: string | undefined, name: string): void {
    if (former !== name) this.#former.set(name, former);
  }

  /** Gives the files their owners, permissions and times, and reads them all. To be called when all of them are there. */
  async finish(watch: Watch): Promise<FinishedFiles> {
    const files = this.#files;
    this.#giveOwners();
    const known = new Map(this.#chain.sets.flatMap(({ manifest }) => manifest.files).map((file) => [file.path, file]));
    const newest = [...known.values()].findLast(({ kind }) => kind === 'log')!;
    const plain = new Set(this.#source.files.filter(({ kind }) => kind === 'plain').map(({ name }) => name));
    const choice = filesTaken([...known.values()].filter((file) => plain.has(file.path)));
    const environment = { ...discoverEnvironment(files, this.#home, { choice }), ...this.#surroundings() };
    const entries: ManifestFile[] = [];
    for (const file of environment.files) {
      const kind = plain.has(file.name) ? 'plain' : file.kind;
      const { size, sha256 } = await hashFile(files, file.path, watch);
      const name = this.#former.has(file.name) ? this.#former.get(file.name) : file.name;
      const former = name === undefined ? undefined : known.get(name);
      requireSame(file, kind, sha256, former);
      const { mode, uid = file.stat.uid, gid = file.stat.gid } = former ?? { ...newest, mode: file.stat.mode };
      const modifiedMs = (former?.sha256 === sha256 ? former : newest).modifiedMs;
      files.setTimes(file.path, modifiedMs);
      entries.push({
        path: file.name,
        kind,
        size,
        sha256,
        mode,
        uid,
        gid,
        modifiedMs,
        ...(kind === 'database' ? { databaseId: file.uid! } : {}),
        ...(former?.pageSize !== undefined || file.format
          ? { pageSize: file.format?.pageSize ?? former!.pageSize! }
          : {}),
        ...(former?.unlogged ? { unlogged: true, copiedIn: former.copiedIn ?? this.#chain.id } : {}),
      });
    }
    return { environment, entries: describeFiles(entries, environment) };
  }

  /** As of what a recovery of the chain would make; who may not give files away leaves them as they are. */
  #giveOwners(): void {
    const { files, owners } = this.#source;
    const known = new Map<string, FileOwner>([...files.map(({ name, stat }) => [name, stat] as const), ...owners]);
    const renamed = [...this.#former].flatMap(([name, former]) => {
      const owner = former === undefined ? undefined : known.get(former);
      return owner ? [[name, owner] as const] : [];
    });
    giveOwners(this.#files, { ...this.#source, owners: new Map([...owners, ...renamed]) }, this.#home);
  }

  /** What is known of the chain, and holds of the set. */
  #surroundings(): Partial<Environment> {
    const { originalHome, insideNames, excludes } = this.#source;
    return {
      ...(originalHome === undefined ? {} : { originalHome }),
      ...(insideNames ? { insideNames } : {}),
      ...(excludes ? { excludes } : {}),
    };
  }
}

/** What recovery does not work on has to be what the chain has. */
function requireSame(
  { path: file, name }: EnvironmentFile,
  kind: ManifestFile['kind'],
  sha256: string,
  former: ManifestFile | undefined,
): void {
  if ((kind !== 'plain' && kind !== 'config') || former?.sha256 === sha256) return;
  throw new FigaroError('file-checksum', `${file} is not what the chain has as ${name}`, {
    path: path.dirname(file),
    hint: 'it was copied wrongly, or changed since: look for the cause on the disk, and run the same command again.',
  });
}
