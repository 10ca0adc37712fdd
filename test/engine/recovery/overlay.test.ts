import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { OverlayStorage } from '../../../src/engine/recovery/storage.ts';
import { type Piece } from '../../../src/engine/recovery/piece.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { isWindows } from '../../support/windows.ts';

const pageSize = 4096;
const pages = 700;
let directory = '';

beforeEach(() => {
  directory = temporaryDirectory();
  fs.mkdirSync(directory, { recursive: true });
  vi.stubEnv('TMPDIR', directory);
});
afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(directory, { recursive: true });
});

/** What has been done to files in the directory for temporary files. */
function watched(): { readonly files: Files; readonly seen: Set<string> } {
  const seen = new Set<string>();
  const files = watchedFiles(nodeFiles, {
    before: (operation, file) => {
      if (path.dirname(file) === directory && !file.endsWith('.db')) seen.add(operation);
    },
  });
  return { files, seen };
}

/** What a file has to be like, in the plainest way. */
class Model implements Piece {
  readonly isInPlace = true;
  size: number;
  readonly #bytes = new Uint8Array(pages * pageSize);

  constructor(bytes: Uint8Array) {
    this.size = bytes.length;
    this.#bytes.set(bytes);
  }

  read(target: Uint8Array, position: number): void {
    target.set(this.#bytes.subarray(position, position + target.length));
  }

  readRun(target: Uint8Array, position: number): void {
    this.read(target, position);
  }

  write(source: Uint8Array, position: number): void {
    this.#bytes.set(source, position);
    this.size = Math.max(this.size, position + source.length);
  }

  writePages(source: Uint8Array, position: number): void {
    this.write(source, position);
  }

  shorten(size: number): void {
    this.#bytes.fill(0, size);
    this.size = Math.min(this.size, size);
  }
}

/** The same is done to a piece over a file and to one in memory: pages, the last part of the file, cuts. */
function workOn(storage: OverlayStorage, seed: number): void {
  const base = new Uint8Array(pages * pageSize).fill(7);
  const file = path.join(directory, `base${seed}.db`);
  fs.writeFileSync(file, base);
  const piece = storage.existing(file);
  const model = new Model(base);
  const random = randomNumbers(seed);
  const readBoth = (pgno: number): void => {
    const [ours, expected] = [new Uint8Array(pageSize), new Uint8Array(pageSize)];
    piece.read(ours, pgno * pageSize);
    model.read(expected, pgno * pageSize);
    expect(Buffer.compare(ours, expected), `seed ${seed}, page ${pgno}`).toBe(0);
    const [run, together] = [0, 1].map(() => new Uint8Array(Math.min(5, pages - pgno) * pageSize));
    piece.readRun(run!, pgno * pageSize, pageSize);
    model.readRun(together!, pgno * pageSize);
    expect(Buffer.compare(run!, together!), `seed ${seed}, pages from ${pgno} on`).toBe(0);
  };
  for (let i = 0; i < 1500; i++) {
    const pgno = random(pages);
    const what = random(100);
    if (what < 60) {
      const isLast = pgno * pageSize >= model.size - pageSize;
      const bytes = new Uint8Array(isLast && random(2) === 0 ? 1 + random(pageSize) : pageSize).fill(1 + random(255));
      // Only the last page of a file is ever written in part, and it is not made shorter so.
      if (pgno * pageSize + bytes.length < model.size && bytes.length < pageSize) continue;
      piece.write(bytes, pgno * pageSize);
      model.write(bytes, pgno * pageSize);
    } else if (what < 99) {
      readBoth(pgno);
    } else {
      const size = (pages - random(pages / 4)) * pageSize;
      piece.shorten(size);
      model.shorten(size);
    }
    expect(piece.size).toBe(model.size);
  }
  for (let pgno = 0; pgno < pages; pgno++) readBoth(pgno);
  expect(Buffer.compare(fs.readFileSync(file), base)).toBe(0);
}

const namesWithout = (end: string): string[] => fs.readdirSync(directory).filter((name) => !name.endsWith(end));

test('pages that have no room in memory go to a file without a name, and come back as they were', () => {
  const { files, seen } = watched();
  const storage = new OverlayStorage(files);
  try {
    for (let seed = 1; seed <= 4; seed++) workOn(storage, seed);
    // Windows takes the name away when the file is closed.
    if (!isWindows) expect(namesWithout('.db')).toEqual([]);
    expect([...seen]).toEqual(expect.arrayContaining(['create', 'remove', 'writeAt', 'readAt']));
  } finally {
    storage.close();
  }
  expect(seen).toContain('close');
  expect(namesWithout('.db')).toEqual([]);
});

test('a few changed pages need no file', () => {
  const { files, seen } = watched();
  const storage = new OverlayStorage(files);
  const piece = storage.create();
  for (let pgno = 0; pgno < 200; pgno++) piece.write(new Uint8Array(pageSize).fill(pgno), pgno * pageSize);
  storage.close();
  expect([...seen]).toEqual([]);
});

test('without a directory for temporary files, memory takes them', () => {
  vi.stubEnv('TMPDIR', path.join(directory, 'nowhere'));
  const storage = new OverlayStorage(nodeFiles);
  workOn(storage, 5);
  storage.close();
});

test('a directory for temporary files that is full is an error that names it and says what to do', () => {
  const full = watchedFiles(nodeFiles, {
    before: (operation, file) => {
      if (operation === 'writeAt') throw new FigaroError('no-space', `${file}: cannot write`, { path: file });
    },
  });
  const storage = new OverlayStorage(full);
  const piece = storage.create();
  const write = (of: Piece): void => {
    for (let pgno = 0; pgno < pages; pgno++) of.write(new Uint8Array(pageSize), pgno * pageSize);
  };
  expect(() => write(piece)).toThrow(
    expect.objectContaining({
      code: 'no-space',
      message: `${directory} is full: changed pages that do not fit into memory go there`,
      details: expect.objectContaining({ path: directory, hint: expect.stringContaining('TMPDIR') }),
    }),
  );
  storage.close();
});
