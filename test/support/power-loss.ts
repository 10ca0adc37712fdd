/** A disk in memory that loses power: what was not synced may be gone, directory entries included. */

import path from 'node:path';
import { FigaroError } from '../../src/errors.ts';
import { type FileStat, type Files, type OpenFile } from '../../src/engine/files/files.ts';

/** What becomes of changes that were not synced when the power goes. */
export type Survival =
  /** They are gone. */
  | 'none'
  /** Names survive, contents do not: files that were written and renamed without a sync are empty. */
  | 'names'
  /** Each directory and each block as chance has it. */
  | 'some';

class FileNode {
  readonly kind = 'file';
  bytes = new Uint8Array(0);
  synced = new Uint8Array(0);
  readonly mode: number;

  constructor(mode: number) {
    this.mode = mode;
  }
}

class DirectoryNode {
  readonly kind = 'directory';
  entries = new Map<string, Node>();
  synced = new Map<string, Node>();
}

type Node = FileNode | DirectoryNode;

/** Thrown by every operation from the loss of power on. */
export class PowerLoss extends Error {}

const block = 512;

/** A directory tree at `root`; everything outside of it is that of the files given, and is only read. */
export class VolatileDisk {
  readonly root: string;
  readonly #outside: Files;
  #tree: DirectoryNode;
  #operations = 0;
  #lossAt = Infinity;

  constructor(root: string, outside: Files, tree = new DirectoryNode()) {
    this.root = root;
    this.#outside = outside;
    this.#tree = tree;
  }

  /** Changes made to the disk so far. */
  get operations(): number {
    return this.#operations;
  }

  /** From the n-th change on, nothing works any more. */
  losePowerAt(n: number): void {
    this.#lossAt = this.#operations + n;
  }

  /** The disk after the machine was started again. */
  restarted(survival: Survival, random: () => number): VolatileDisk {
    return new VolatileDisk(this.root, this.#outside, survivingDirectory(this.#tree, survival, random));
  }

  /** A disk with the same contents, all of it synced. */
  copy(): VolatileDisk {
    return new VolatileDisk(this.root, this.#outside, copyTree(this.#tree));
  }

  #change(): void {
    if (this.#operations++ >= this.#lossAt) throw new PowerLoss('the power is gone');
  }

  #parts(file: string): string[] | undefined {
    const relative = path.relative(this.root, file);
    if (relative === '') return [];
    return relative.startsWith('..') ? undefined : relative.split(path.sep);
  }

  #find(parts: readonly string[]): Node | undefined {
    let node: Node | undefined = this.#tree;
    for (const part of parts) node = node?.kind === 'directory' ? node.entries.get(part) : undefined;
    return node;
  }

  /** The directory that holds a name. Throws `io` when there is none. */
  #parent(file: string): { directory: DirectoryNode; name: string } {
    const parts = this.#parts(file);
    if (!parts || parts.length === 0) throw new Error(`${file} is outside of the disk`);
    const directory = this.#find(parts.slice(0, -1));
    if (directory?.kind !== 'directory') throw new FigaroError('io', `${file}: no such directory`);
    return { directory, name: parts.at(-1)! };
  }

  get files(): Files {
    const outside = this.#outside;
    const inside = (file: string): boolean => this.#parts(file) !== undefined;
    const find = (file: string): Node | undefined => this.#find(this.#parts(file)!);
    return {
      openOwnIfThere: (file) => this.files.openIfThere(file),
      openIfThere: (file) => {
        if (!inside(file)) return outside.openIfThere(file);
        const node = find(file);
        return node?.kind === 'file' ? this.#open(file, node) : undefined;
      },
      create: (file, mode = 0o640) => {
        this.#change();
        const { directory, name } = this.#parent(file);
        if (directory.entries.has(name)) throw new FigaroError('io', `${file}: is there already`);
        const node = new FileNode(mode);
        directory.entries.set(name, node);
        return this.#open(file, node);
      },
      openToWrite: (file) => {
        const node = find(file);
        if (node?.kind !== 'file') throw new FigaroError('io', `${file}: no such file`);
        return this.#open(file, node);
      },
      append: (file, bytes) => {
        const opened = find(file) ? this.files.openToWrite(file) : this.files.create(file);
        opened.writeAt(bytes, opened.stat().size);
      },
      statIfThere: (file) => {
        if (!inside(file)) return outside.statIfThere(file);
        const node = find(file);
        return node && statOf(node);
      },
      statThrough: (file) => (inside(file) ? this.files.statIfThere(file) : outside.statThrough(file)),
      showsWrites: (file) => !inside(file) && outside.showsWrites(file),
      realPath: (file) => (inside(file) ? file : outside.realPath(file)),
      listIfThere: (directory) => {
        if (!inside(directory)) return outside.listIfThere(directory);
        const node = find(directory);
        return node?.kind === 'directory' ? [...node.entries.keys()].sort() : undefined;
      },
      makeDirectory: (file) => {
        this.#change();
        const { directory, name } = this.#parent(file);
        if (directory.entries.has(name)) return false;
        directory.entries.set(name, new DirectoryNode());
        return true;
      },
      copy: (from, to) => {
        const opened = this.files.openIfThere(from)!;
        const target = this.files.create(to);
        const bytes = new Uint8Array(opened.stat().size);
        opened.readAt(bytes, 0);
        opened.close();
        target.writeAt(bytes, 0);
        target.sync();
        target.close();
        return Promise.resolve();
      },
      sync: (file) => {
        this.#change();
        const node = find(file) as FileNode;
        node.synced = node.bytes.slice();
        return Promise.resolve();
      },
      syncAll: () => {
        this.#change();
        syncTree(this.#tree);
        return Promise.resolve();
      },
      rename: (from, to) => {
        this.#change();
        const source = this.#parent(from);
        const target = this.#parent(to);
        const node = source.directory.entries.get(source.name);
        if (!node) throw new FigaroError('io', `${from}: is not there`);
        source.directory.entries.delete(source.name);
        target.directory.entries.set(target.name, node);
      },
      link: (file, name) => {
        this.#change();
        const source = this.#parent(file);
        const target = this.#parent(name);
        if (target.directory.entries.has(target.name)) return false;
        target.directory.entries.set(target.name, source.directory.entries.get(source.name)!);
        return true;
      },
      remove: (file) => {
        this.#change();
        if (!find(file)) return;
        const { directory, name } = this.#parent(file);
        directory.entries.delete(name);
      },
      removeEmptyDirectory: (file) => {
        this.#change();
        const { directory, name } = this.#parent(file);
        const node = directory.entries.get(name);
        if (node?.kind === 'directory' && node.entries.size > 0) throw notEmpty(file);
        directory.entries.delete(name);
      },
      setTimes: () => this.#change(),
      setOwner: () => {
        this.#change();
        return true;
      },
      syncDirectory: (file) => {
        this.#change();
        const node = find(file);
        if (node?.kind === 'directory') node.synced = new Map(node.entries);
      },
      freeSpace: () => 1e12,
      hold: () => undefined,
      isHeld: () => false,
      isOpen: () => false,
    };
  }

  #open(file: string, node: FileNode): OpenFile {
    return {
      path: file,
      stat: () => statOf(node),
      readAt: (target, position) => {
        const part = node.bytes.subarray(position, position + target.length);
        target.set(part);
        return part.length;
      },
      writeAt: (source, position) => {
        this.#change();
        const grown = new Uint8Array(Math.max(node.bytes.length, position + source.length));
        grown.set(node.bytes);
        grown.set(source, position);
        node.bytes = grown;
      },
      truncate: (size) => {
        this.#change();
        const cut = new Uint8Array(size);
        cut.set(node.bytes.subarray(0, size));
        node.bytes = cut;
      },
      sync: () => {
        this.#change();
        node.synced = node.bytes.slice();
      },
      syncBeside: () => {
        this.#change();
        node.synced = node.bytes.slice();
        return Promise.resolve();
      },
      close: () => {},
    };
  }
}

function notEmpty(file: string): FigaroError {
  return new FigaroError('io', `${file}: is not empty`, { cause: Object.assign(new Error(), { code: 'ENOTEMPTY' }) });
}

function statOf(node: Node): FileStat {
  const size = node.kind === 'file' ? node.bytes.length : 0;
  const mode = node.kind === 'file' ? node.mode : 0o750;
  return { kind: node.kind, size, mode, uid: 0, gid: 0, mtimeMs: 0, changedMs: 0, device: 1, inode: 1 };
}

function syncTree(directory: DirectoryNode): void {
  directory.synced = new Map(directory.entries);
  for (const node of directory.entries.values()) {
    if (node.kind === 'directory') syncTree(node);
    else node.synced = node.bytes.slice();
  }
}

function copyTree(directory: DirectoryNode): DirectoryNode {
  const copy = new DirectoryNode();
  for (const [name, node] of directory.entries) {
    copy.entries.set(name, node.kind === 'file' ? fileOf(node.mode, node.bytes) : copyTree(node));
  }
  copy.synced = new Map(copy.entries);
  return copy;
}

function fileOf(mode: number, bytes: Uint8Array): FileNode {
  const file = new FileNode(mode);
  file.bytes = bytes.slice();
  file.synced = bytes.slice();
  return file;
}

function survivingDirectory(directory: DirectoryNode, survival: Survival, random: () => number): DirectoryNode {
  const names = survival === 'names' || (survival === 'some' && random() < 0.5);
  const survivor = new DirectoryNode();
  for (const [name, node] of names ? directory.entries : directory.synced) {
    survivor.entries.set(
      name,
      node.kind === 'file' ? survivingFile(node, survival, random) : survivingDirectory(node, survival, random),
    );
  }
  survivor.synced = new Map(survivor.entries);
  return survivor;
}

function survivingFile(node: FileNode, survival: Survival, random: () => number): FileNode {
  if (survival !== 'some') return fileOf(node.mode, node.synced);
  const bytes = new Uint8Array(random() < 0.5 ? node.bytes.length : node.synced.length);
  for (let at = 0; at < bytes.length; at += block) {
    const from = random() < 0.5 ? node.bytes : node.synced;
    bytes.set(from.subarray(at, Math.min(at + block, bytes.length)), at);
  }
  return fileOf(node.mode, bytes);
}
