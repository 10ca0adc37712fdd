import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { writeNew } from '../../../src/engine/files/durable.ts';
import { KeptContents } from '../../../src/engine/files/kept-contents.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { readIfThere } from '../../../src/engine/files/read.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

const small = 1000;

/** Reads files twice; returns how often each was opened. */
function timesOpened(files: Readonly<Record<string, number>>, room: number, directory = 'set'): Record<string, number> {
  const root = temporaryDirectory();
  const opened: Record<string, number> = {};
  let open = 0;
  const watched = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (operation === 'openIfThere') opened[path.basename(name)] = (opened[path.basename(name)] ?? 0) + 1;
      if (operation === 'openIfThere') open += 1;
      if (operation === 'close') open -= 1;
    },
  });
  fs.mkdirSync(path.join(root, directory));
  const kept = new KeptContents(path.join(root, 'set'), room).reading(watched);
  for (const [name, size] of Object.entries(files)) {
    const file = path.join(root, directory, name);
    const bytes = Buffer.alloc(size, name);
    fs.writeFileSync(file, bytes);
    expect(kept.statIfThere(file)?.size).toBe(size);
    for (let i = 0; i < 2; i++) expect(bytes.equals(readIfThere(kept, file)!)).toBe(true);
    expect(kept.statIfThere(file)?.size).toBe(size);
  }
  expect(open).toBe(0);
  return opened;
}

test('small files of a directory are opened once, as far as there is room for them', () => {
  expect(timesOpened({ a: small, empty: 0, b: small, c: small }, 2 * small)).toEqual({ a: 1, empty: 1, b: 1, c: 2 });
});

test('a large file, and one elsewhere, is opened each time', () => {
  expect(timesOpened({ large: (32 << 10) + 1 }, 1 << 20)).toEqual({ large: 2 });
  expect(timesOpened({ a: small }, 1 << 20, 'set-2')).toEqual({ a: 2 });
});

test('a large file is asked for its size once, beside what its reader asks', () => {
  const file = path.join(temporaryDirectory(), 'large');
  fs.writeFileSync(file, Buffer.alloc((32 << 10) + 1));
  let asked = 0;
  const watched = watchedFiles(nodeFiles, { before: (operation) => void (asked += operation === 'stat' ? 1 : 0) });
  const kept = new KeptContents(path.dirname(file)).reading(watched);
  for (let i = 0; i < 3; i++) kept.openIfThere(file)!.close();
  expect(asked).toBe(1);
});

test('what is not there is not there, and may come', () => {
  const directory = temporaryDirectory();
  const kept = new KeptContents(directory).reading(nodeFiles);
  const file = path.join(directory, 'a');
  expect(readIfThere(kept, file)).toBeUndefined();
  fs.writeFileSync(file, 'here');
  expect(Buffer.from(readIfThere(kept, file)!).toString()).toBe('here');
});

test('a file that cannot be read is closed', () => {
  const file = path.join(temporaryDirectory(), 'a');
  fs.writeFileSync(file, 'here');
  let closed = 0;
  const broken = watchedFiles(nodeFiles, {
    before(operation) {
      if (operation === 'close') closed += 1;
      if (operation === 'readAt') throw new Error('cannot read');
    },
  });
  expect(() => new KeptContents(path.dirname(file)).reading(broken).openIfThere(file)).toThrow('cannot read');
  expect(closed).toBe(1);
});

test('what is written in one piece is read back before it is closed, and not opened again', () => {
  const directory = temporaryDirectory();
  const done: string[] = [];
  const watched = watchedFiles(nodeFiles, { before: (operation) => void done.push(operation) });
  const kept = new KeptContents(directory);
  const file = path.join(directory, 'a');
  writeNew(kept.writing(watched), file, 'written');
  expect(done).toEqual(['create', 'writeAt', 'sync', 'readAt', 'close']);
  const reading = kept.reading(watched);
  expect(Buffer.from(readIfThere(reading, file)!).toString()).toBe('written');
  expect(reading.openIfThere(file)!.stat().size).toBe(7);
  expect(done.filter((operation) => operation === 'openIfThere')).toEqual([]);
});

test('what is on the disk is kept, and not what was to be written', () => {
  const directory = temporaryDirectory();
  const changing = watchedFiles(nodeFiles, {
    afterWrite: (file) => fs.writeFileSync(file, 'WRITTEN'),
  });
  const kept = new KeptContents(directory);
  const file = path.join(directory, 'a');
  writeNew(kept.writing(changing), file, 'written');
  expect(Buffer.from(readIfThere(kept.reading(nodeFiles), file)!).toString()).toBe('WRITTEN');
});

test('of a file that was written to again, renamed or removed nothing is kept', () => {
  const directory = temporaryDirectory();
  const kept = new KeptContents(directory);
  const writing = kept.writing(nodeFiles);
  const [a, b] = ['a', 'b'].map((name) => path.join(directory, name)) as [string, string];
  const contents = (file: string): string | undefined => {
    const bytes = readIfThere(kept.reading(nodeFiles), file);
    return bytes && Buffer.from(bytes).toString();
  };
  for (const file of [a, b]) writeNew(writing, file, 'first');
  const again = writing.openToWrite(a);
  again.writeAt(Buffer.from('F'), 0);
  again.close();
  expect(contents(a)).toBe('First');
  writing.remove(b);
  expect(contents(b)).toBeUndefined();
  writeNew(writing, b, 'second');
  writing.rename(b, a);
  expect(contents(b)).toBeUndefined();
  expect(contents(a)).toBe('second');
});

test('a file that cannot be read back is closed', () => {
  const file = path.join(temporaryDirectory(), 'a');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  let closed = 0;
  const broken = watchedFiles(nodeFiles, {
    before(operation) {
      if (operation === 'close') closed += 1;
      if (operation === 'readAt') throw new Error('cannot read');
    },
  });
  expect(() => writeNew(new KeptContents(path.dirname(file)).writing(broken), file, 'a')).toThrow('cannot read');
  expect(closed).toBe(1);
});

test('the size of a kept file is that of what is there', () => {
  const directory = temporaryDirectory();
  const kept = new KeptContents(directory);
  const file = path.join(directory, 'a');
  writeNew(kept.writing(nodeFiles), file, 'a');
  const mtimeMs = 1e12;
  nodeFiles.setTimes(file, mtimeMs);
  const reading = kept.reading(nodeFiles);
  expect(reading.statThrough(file)).toMatchObject({ mtimeMs, size: 1 });
  expect(reading.statIfThere(file)).toMatchObject({ mtimeMs, size: 1 });
});
