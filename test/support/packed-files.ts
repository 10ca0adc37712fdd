/** Files to be packed, and stores that they are packed in. */

import { compressed } from '../../src/engine/packed/sealing.ts';
import { PackedStore, type PackedKeys } from '../../src/engine/packed/packed-store.ts';
import { Packing, type Before, type Packed, type PackingLimits } from '../../src/engine/packed/packing.ts';
import { Unpacking } from '../../src/engine/packed/unpacking.ts';
import { decodeContents, encodeContents } from '../../src/engine/packed/contents.ts';
import { packName } from '../../src/engine/packed/layout.ts';
import { type UnfinishedSets } from '../../src/engine/packed/unfinished.ts';
import { bytesAsSource } from '../../src/engine/store/object-source.ts';
import { type KnownSets, type ObjectSource } from '../../src/engine/store/store.ts';
import { metaAt } from '../../src/format/page/meta.ts';
import { MemoryStore } from './memory-store.ts';
import { randomNumbers } from './random-numbers.ts';

/** Bytes that cannot be compressed, other ones for each seed. */
export function noise(seed: number, length: number): Buffer {
  const random = randomNumbers(seed + 1);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = random(256);
  return bytes;
}

/** What looks like a database with pages of this size; each is said by a number, and other numbers are other pages. */
export function databaseOf(pageSize: number, uid: number, pages: readonly number[]): Buffer {
  const meta = Buffer.alloc(pageSize);
  meta.writeUInt32LE(0x053162, metaAt.magic);
  meta.writeUInt32LE(9, metaAt.version);
  meta.writeUInt32LE(pageSize, metaAt.pageSize);
  meta[metaAt.type] = 9;
  meta.fill(uid, metaAt.uid, metaAt.uid + 20);
  return Buffer.concat([meta, ...pages.map((page) => noise(page + 1000 * uid, pageSize))]);
}

/** As files of a spool come: in pieces of this size. */
export function inPieces(bytes: Uint8Array, piece: number, size = bytes.length): ObjectSource {
  return {
    size,
    async *open(start, length) {
      const end = Math.min(start + length, bytes.length);
      for (let at = start; at < end; at += piece) yield bytes.subarray(at, Math.min(at + piece, end));
    },
  };
}

export const testKey = Buffer.from('the key of hashes');

export type FilesByName = Readonly<Record<string, Uint8Array>>;

/** Packs files, as a set of the number `n`, in the order in which they stand there. */
export async function pack(
  store: MemoryStore,
  n: number,
  files: FilesByName,
  { before, limits }: { readonly before?: Packed & Partial<Before>; readonly limits?: PackingLimits } = {},
): Promise<Packed> {
  const nameOf = (i: number): string => packName(setId(n), '00000000', i);
  const upon = before && { lost: new Set<number>(), ...before };
  const packing = new Packing(store, compressed, nameOf, testKey, upon, limits);
  for (const [name, bytes] of Object.entries(files)) await packing.add(name, bytesAsSource(bytes));
  const { contents, pages } = await packing.finish();
  // As it is read back.
  return { contents: decodeContents(encodeContents(contents), 'contents'), pages };
}

/** All of the files, read out of their packs. */
export async function unpack(store: MemoryStore, { contents }: Pick<Packed, 'contents'>): Promise<FilesByName> {
  const unpacking = new Unpacking(store, compressed);
  const files: Record<string, Uint8Array> = {};
  for (const [name, pieces] of contents.files) {
    files[name] = Buffer.from(await unpacking.read(contents, pieces, { start: 0, length: pieces.size }));
  }
  return files;
}

/** How many bytes of files were put into packs of the store. */
export function packedBytes(store: MemoryStore): number {
  return [...store.objects].reduce(
    (sum, [name, { bytes }]) => (name.startsWith('packs/') ? sum + bytes.length : sum),
    0,
  );
}

export function setId(n: number, kind = 'hot'): string {
  return `20261122T0815${String(n).padStart(2, '0')}Z-${kind}-7f3a9c`;
}

export const testHead = { id: '0123456789abcdef', packed: { mostDepth: 3 } };

export const plainKeys: PackedKeys = {
  sealing: compressed,
  hashKey: testKey,
  companions: () => Promise.resolve(new Map([['README.txt', Buffer.from('read me\n')]])),
};

export function openTestStore(store: MemoryStore, unfinished?: UnfinishedSets, keys = plainKeys): PackedStore {
  return new PackedStore(store, testHead, keys, unfinished);
}

/** Writes a set as uploads do, built upon the last one by name; its manifest is no more than its files and their sizes. */
export async function writeSet(
  store: PackedStore,
  id: string,
  files: FilesByName,
  known?: Partial<KnownSets>,
): Promise<void> {
  const complete = (await store.list('')).filter(({ name }) => name.endsWith('/manifest.json'));
  const full = complete.map(({ name }) => name.split('/')[0]!).filter((name) => !name.includes('-incremental-'));
  store.buildUpon({ newest: full.at(-1), doubted: [], ...known });
  for (const [name, bytes] of Object.entries(files))
    await store.write(`${id}/environment/${name}`, bytesAsSource(bytes));
  await store.finish(id);
  await store.create(`${id}/manifest.json`, Buffer.from(`${JSON.stringify({ id })}\n`));
}

export async function readSet(store: PackedStore, id: string, names: readonly string[]): Promise<FilesByName> {
  const files: Record<string, Uint8Array> = {};
  for (const name of names) {
    const bytes = await store.read(`${id}/environment/${name}`);
    if (bytes) files[name] = Buffer.from(bytes);
  }
  return files;
}

/** The names of objects without what comes before them and behind: of those of sets that begin so. */
export function objectsOf(store: MemoryStore, prefix: string): readonly string[] {
  return [...store.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
}
