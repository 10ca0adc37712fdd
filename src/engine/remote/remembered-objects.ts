/**
 * What is small of a repository, as this machine has read or written it: from one run to the next, for keys that may write and list, and not read. The
 * bytes are those that are stored, sealed as they are. What has another size or tag in the list of the store is something else.
 */

import { createHash } from 'node:crypto';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { keyName } from '../packed/companions.ts';
import { isContentsName, isFull, isPagesName, setsPrefix } from '../packed/layout.ts';
import { repositoryName } from '../places.ts';
import { setName } from '../repository/manifest.ts';
import { bytesAsSource, fill } from '../store/object-source.ts';
import { type ObjectSource, type Range, type Store, type StoredObject } from '../store/store.ts';
import { type OpenedStore } from '../store/stores.ts';
import { spoolPlace } from '../transfer/spool.ts';
import { KeptObjects, storeMark, type KeptSet } from './kept-objects.ts';
import { isOfChecks, locksPrefix, manifestName, noteNames } from './objects.ts';

/** What is kept under: one file each. Sets have one of their own. */
const headGroup = 'repository';
/** By which the next full set finds what changed: of the newest one and the one before alone, since it is large. */
const pagesGroup = 'pages';

/** More is too much to have in memory once more, in bytes: of tables of pages, what those of some 16 GiB take. */
const mostRemembered = 64 << 20;

/** For how long what is not listed is kept all the same, in ms. */
const staysMs = 24 * 3_600_000;

/** Where an object is kept; undefined for what is not. */
function groupOf(name: string): string | undefined {
  if (name === repositoryName || name === keyName) return headGroup;
  const [, set = '', rest = ''] = /^(?:sets\/)?([^/]+)\/([^/]+)$/.exec(name) ?? [];
  if (!setName.test(set)) return undefined;
  const plain = rest.replace(/\.zst(?:\.age)?$/, '');
  if (plain === manifestName || noteNames.includes(plain) || isOfChecks(plain)) return set;
  return (isContentsName(plain) || isPagesName(plain)) && isFull(set) ? pagesGroup : undefined;
}

/** Two stores that are the same, such as that of the work and that of its end, have it in common. */
export class RememberedObjects {
  readonly #kept: KeptObjects;
  /** As they were when they were looked at last. */
  readonly #groups = new Map<string, KeptSet>();

  constructor(kept: KeptObjects) {
    this.#kept = kept;
  }

  /** The bytes of an object as it is listed; undefined where this machine does not know them. */
  find(object: StoredObject): Uint8Array | undefined {
    const group = groupOf(object.name);
    if (group === undefined || object.tag === undefined) return undefined;
    const known = bytesOf(this.#groups.get(group), object);
    if (known) return known;
    // Another run may have been waited for.
    const kept = this.#kept.nowOf(group);
    this.#groups.set(group, kept);
    return bytesOf(kept, object);
  }

  /** @param object as it was listed, of which the bytes are known to be these */
  remember(object: StoredObject, bytes: Uint8Array): void {
    const group = groupOf(object.name);
    const isWhole = bytes.length === object.size && bytes.length <= mostRemembered;
    if (group === undefined || object.tag === undefined || !isWhole || this.find(object)) return;
    const others = [...this.#groups.get(group)!.values()].filter((each) => each.object.name !== object.name);
    // Whoever has read or written them goes on with theirs.
    const all = [...others, { object, bytes: bytes.slice() }];
    const sets = [...new Set(all.map((each) => setIn(each.object.name)))];
    // A set that is begun may never be one: until then, the one before is the newest.
    const kept = group === pagesGroup ? all.filter((each) => sets.slice(-2).includes(setIn(each.object.name))) : all;
    this.#groups.set(group, new Map(kept.map((each) => [each.object.name, each])));
    this.#kept.put(group, kept);
  }

  /** @param objects all that there are of sets */
  forgetOthers(objects: readonly StoredObject[]): void {
    const there = new Set([headGroup, pagesGroup, ...objects.flatMap(({ name }) => groupOf(name) ?? [])]);
    // Another run of this machine may have made a set since they were listed.
    const since = Date.now() - staysMs;
    this.#kept.forgetOthers((group, keptMs) => there.has(group) || keptMs > since);
  }
}

function bytesOf(kept: KeptSet | undefined, { name, size, tag }: StoredObject): Uint8Array | undefined {
  const { object, bytes } = kept?.get(name) ?? {};
  return object?.size === size && object.tag === tag ? bytes : undefined;
}

/** What the name of an object of a set begins with. */
function setIn(name: string): string {
  return name.slice(0, name.lastIndexOf('/'));
}

/** The same stores, with what this user keeps of them in a spool. Throws as `spoolPlace`. */
export function rememberingStores(disk: Files, opened: OpenedStore, spool: string): OpenedStore {
  const { store, ending } = opened;
  const kept = new KeptObjects(disk, `${spoolPlace(disk, spool)}.known`, storeMark(store.place));
  const objects = new RememberedObjects(kept);
  return { ...opened, store: remembering(store, objects), ending: remembering(ending, objects) };
}

/** The same store, for keys that may not read all of it: what this machine knows of it is read from there where the store does not allow it, and nowhere else. */
export function remembering(store: Store, remembered: RememberedObjects): Store {
  const memory = new RememberingStore(store, remembered);
  return {
    place: store.place,
    list: (prefix) => memory.list(prefix),
    read: (name, range) => memory.read(name, range),
    write: (name, source) => memory.write(name, source),
    create: (name, bytes) => memory.create(name, bytes),
    remove: (names) => memory.remove(names),
    ...(store.sweep ? { sweep: (olderThanMs: number) => store.sweep!(olderThanMs) } : {}),
    close: () => store.close(),
  };
}

class RememberingStore {
  readonly #store: Store;
  readonly #remembered: RememberedObjects;
  /** What could be remembered of what was listed last. */
  #listed = new Map<string, StoredObject>();
  /** Some of it may not be read. */
  #isHidden = false;

  constructor(store: Store, remembered: RememberedObjects) {
    this.#store = store;
    this.#remembered = remembered;
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const objects = await this.#store.list(prefix);
    const others = [...this.#listed].filter(([name]) => !name.startsWith(prefix));
    const known = objects.flatMap((object) => (groupOf(object.name) ? [[object.name, object] as const] : []));
    this.#listed = new Map([...others, ...known]);
    if (prefix === '' || prefix === setsPrefix) this.#remembered.forgetOthers(objects);
    const head = this.#listed.get(repositoryName);
    if (head && repositoryName.startsWith(prefix)) await this.#learn(head);
    return objects;
  }

  /** The one object that is written again: which bytes are those that are listed shows between two lists. */
  async #learn(object: StoredObject): Promise<void> {
    if (this.#remembered.find(object)) return;
    await ifPossible(async () => {
      const bytes = await this.#store.read(object.name, { start: 0, length: object.size });
      const after = await this.#find(object.name);
      if (bytes && after?.tag === object.tag) this.#remembered.remember(object, bytes);
    });
  }

  async read(name: string, range?: Range): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#store.read(name, range);
      const object = this.#listed.get(name);
      const isOfSet = name !== repositoryName && groupOf(name) !== pagesGroup;
      if (bytes && object && isOfSet && !range?.start) this.#remembered.remember(object, bytes);
      return bytes;
    } catch (error) {
      if (!isRefused(error) || groupOf(name) === undefined) throw error;
      this.#isHidden = true;
      const bytes = await this.#recall(name, error);
      return range ? bytes?.slice(range.start, range.start + range.length) : bytes?.slice();
    }
  }

  /** Undefined where there is no such object: that it may not be read is said of those, too. */
  async #recall(name: string, refusal: FigaroError): Promise<Uint8Array | undefined> {
    // Of all that is remembered it alone decides for whom others are sealed.
    const listed = name === repositoryName ? undefined : this.#listed.get(name);
    const object = listed ?? (await this.#find(name));
    const bytes = object && this.#remembered.find(object);
    if (!object || bytes) return bytes;
    throw new FigaroError(refusal.code, `${refusal.message}, and this machine does not know it`, {
      ...refusal.details,
      path: name,
      hint: 'keys that may write and list are enough for backups where this machine knows the repository: run `figaro-backup list` on it once, with keys that may read and the same --spool. Otherwise check what the policy of the bucket and the user lets these keys do.',
    });
  }

  async write(name: string, source: ObjectSource): Promise<void> {
    if (groupOf(name) === undefined || source.size > mostRemembered) return await this.#store.write(name, source);
    const bytes = new Uint8Array(source.size);
    await fill(bytes, source, 0, name);
    this.#expect(name, bytes);
    await this.#store.write(name, bytesAsSource(bytes));
    await this.#rememberWritten(name, bytes);
  }

  async create(name: string, bytes: Uint8Array): Promise<boolean> {
    this.#expect(name, bytes);
    const isCreated = await this.#store.create(name, bytes);
    if (isCreated && groupOf(name) !== undefined) await this.#rememberWritten(name, bytes);
    return isCreated;
  }

  /** What a set lacks by the list alone, which some stores bring up to date a moment late, is no reason to remove the rest of it. */
  async remove(names: readonly string[]): Promise<void> {
    const kept = this.#isHidden ? names.find((name) => !name.startsWith(locksPrefix)) : undefined;
    if (kept === undefined) return await this.#store.remove(names);
    throw new FigaroError('not-permitted', `${this.#store.place}: ${kept} is not removed with keys that may not read`, {
      path: kept,
      hint: 'run the same command with keys that may read and remove.',
    });
  }

  /** A run that is killed, or loses the answer, may have written it: most stores have the MD5 of an object for its tag. */
  #expect(name: string, bytes: Uint8Array): void {
    const tag = createHash('md5').update(bytes).digest('hex');
    this.#remembered.remember({ name, size: bytes.length, changedMs: 0, tag }, bytes);
  }

  /** Only one run writes at a time, and what it wrote is there, whether or not it can be remembered. */
  async #rememberWritten(name: string, bytes: Uint8Array): Promise<void> {
    await ifPossible(async () => {
      const object = await this.#find(name);
      if (object) this.#remembered.remember(object, bytes);
    });
  }

  async #find(name: string): Promise<StoredObject | undefined> {
    return (await this.#store.list(name)).find((object) => object.name === name);
  }
}

function isRefused(error: unknown): error is FigaroError {
  return error instanceof FigaroError && error.code === 'not-permitted';
}

/** What this machine does not know, it may read. */
async function ifPossible(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
  }
}
