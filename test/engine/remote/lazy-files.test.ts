/** Files that are told of before they are there: whatever is done with them, it is as if they were. */

import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Files, type FileStat } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { removeTree } from '../../../src/engine/files/tree.ts';
import { LazyFiles } from '../../../src/engine/remote/lazy-files.ts';
import { FigaroError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { effort } from '../../support/effort.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { lacks } from '../../support/windows.ts';

let root: string;
let store: MemoryStore;
let lazy: LazyFiles;
/** What was read from the store. */
let asked: string[];

const at = (name: string): string => path.join(root, name);

function showTree(directory: string): void {
  lazy.addDirectory(directory, 'set');
  lazy.addDirectory(path.join(directory, 'set'), 'environment');
  lazy.addDirectory(path.join(directory, 'set'), 'empty');
  lazy.addBytes(path.join(directory, 'set'), 'manifest.json', Buffer.from('a manifest'), 5);
  for (const [name, text] of Object.entries(objects)) {
    store.objects.set(name, { bytes: Buffer.from(text), changedMs: 7 });
    const object = { name, size: text.length, changedMs: 7 };
    lazy.add(path.join(directory, 'set/environment'), path.basename(name), object, 0o440);
  }
}

const objects = { 'object/one': 'the first one', 'object/two': 'second' };

beforeEach(() => {
  root = path.join(temporaryDirectory(), 'mirror');
  fs.mkdirSync(root);
  store = new MemoryStore();
  asked = [];
  lazy = new LazyFiles(nodeFiles, {
    read: (name, range) => {
      asked.push(name);
      return store.readSync(name, range);
    },
    close: () => Promise.resolve(),
  });
  showTree(root);
});

function textOf(files: Files, file: string): string | undefined {
  const opened = files.openOwnIfThere(file);
  if (!opened) return undefined;
  try {
    const bytes = Buffer.alloc(opened.stat().size);
    expect(opened.readAt(bytes, 0)).toBe(bytes.length);
    return bytes.toString();
  } finally {
    opened.close();
  }
}

test('names, sizes, times and what is in memory are known without anything on disk', () => {
  const { files } = lazy;
  expect(files.listIfThere(root)).toEqual(['set']);
  expect(files.listIfThere(at('set'))).toEqual(['empty', 'environment', 'manifest.json']);
  expect(files.listIfThere(at('set/environment'))).toEqual(['one', 'two']);
  expect(files.listIfThere(at('set/empty'))).toEqual([]);
  expect(files.listIfThere(at('set/environment/one'))).toBeUndefined();
  expect(files.statIfThere(at('set/environment'))).toMatchObject({ kind: 'directory', uid: process.getuid?.() ?? 0 });
  const one = files.statIfThere(at('set/environment/one'))!;
  expect(one).toMatchObject({
    kind: 'file',
    size: 13,
    mtimeMs: 7,
    changedMs: 7,
    mode: 0o640,
    uid: process.getuid?.() ?? 0,
  });
  expect(files.statThrough(at('set/environment/one'))).toEqual(one);
  expect(files.statIfThere(at('set/environment/two'))!.inode).not.toBe(one.inode);
  expect(textOf(files, at('set/manifest.json'))).toBe('a manifest');
  expect(files.openIfThere(at('set/manifest.json'))!.stat().size).toBe(10);
  expect(files.statIfThere(at('set/environment/none'))).toBeUndefined();
  expect(files.openOwnIfThere(at('set/pin.json'))).toBeUndefined();
  expect(namesIn(root)).toEqual([]);
  expect(asked).toEqual([]);
});

test('a file that is read is made, no other one is, and it is the same file as before', () => {
  const { files } = lazy;
  const before = files.statIfThere(at('set/environment/one'));
  expect(textOf(files, at('set/environment/one'))).toBe('the first one');
  expect(textOf(files, at('set/environment/one'))).toBe('the first one');
  expect(asked).toEqual(['object/one']);
  const after = files.statIfThere(at('set/environment/one'))!;
  expect(after).toEqual(lacks.owners ? { ...before, mode: after.mode } : before);
  expect(namesIn(root)).toEqual(['set']);
  expect(namesIn(at('set'))).toEqual(['environment']);
  expect(namesIn(at('set/environment'))).toEqual(['one']);
  expect(files.listIfThere(at('set/environment'))).toEqual(['one', 'two']);
});

test('a file that is read once is not made, and is what it is when it is read again', () => {
  const { files } = lazy;
  const once = at('set/environment/one');
  const read = (): [string, FileStat] => {
    const opened = files.openOnceIfThere!(once)!;
    const bytes = Buffer.alloc(5);
    const parts: string[] = [];
    for (let position = 0; ; position += bytes.length) {
      const length = opened.readAt(bytes, position);
      if (length === 0) break;
      parts.push(bytes.toString('utf8', 0, length));
    }
    const stat = opened.stat();
    opened.close();
    return [parts.join(''), stat];
  };
  const before = files.statIfThere(once)!;
  expect(read()).toEqual(['the first one', before]);
  expect(read()).toEqual(['the first one', before]);
  expect(asked).toEqual(['object/one', 'object/one']);
  expect(namesIn(root)).toEqual([]);
  // One whose bytes are all here is read here.
  expect(textOf(files, once)).toBe('the first one');
  expect(read()[0]).toBe('the first one');
  expect(asked).toHaveLength(3);
  expect(files.openOnceIfThere!(at('set/environment/none'))).toBeUndefined();
  store.objects.set('object/two', { bytes: Buffer.from('less'), changedMs: 7 });
  const shorter = files.openOnceIfThere!(at('set/environment/two'))!;
  expect(() => shorter.readAt(Buffer.alloc(6), 0)).toThrow('changed while it was read');
});

test('a set is removed without being made, and without a question', () => {
  const { files } = lazy;
  files.rename(at('set'), at('set.swept'));
  expect(files.listIfThere(root)).toEqual(['set.swept']);
  removeTree(files, at('set.swept'));
  expect(files.listIfThere(root)).toEqual([]);
  expect(asked).toEqual([]);
});

test('what has got another name is read from its object', () => {
  const { files } = lazy;
  files.openOwnIfThere(at('set/environment/one'))!.close();
  files.rename(at('set'), at('moved'));
  files.rename(at('moved/environment/two'), at('moved/three'));
  expect(textOf(files, at('moved/environment/one'))).toBe('the first one');
  expect(textOf(files, at('moved/three'))).toBe('second');
  expect(files.statIfThere(at('set'))).toBeUndefined();
  expect(files.listIfThere(at('moved'))).toEqual(['empty', 'environment', 'manifest.json', 'three']);
});

test('a file that is made in the place of one that was removed has its own bytes', () => {
  const { files } = lazy;
  const file = at('set/environment/one');
  expect(textOf(files, file)).toBe('the first one');
  files.remove(file);
  fs.writeFileSync(file, 'new');
  expect(textOf(files, file)).toBe('new');
});

test('a name that only seems to be free is taken', async () => {
  const { files } = lazy;
  await expectFailure('io', () => files.create(at('set/environment/one')));
  expect(files.link(at('set/manifest.json'), at('set/environment/two'))).toBe(false);
  expect(files.makeDirectory(at('set/empty'))).toBe(false);
  await expectFailure('io', () => files.removeEmptyDirectory(at('set')));
  await expectFailure('io', () => files.remove(at('set/empty')));
});

test('nothing is told of where somebody has removed the directory', () => {
  const { files } = lazy;
  files.openToWrite(at('set/manifest.json')).close();
  fs.rmSync(at('set'), { recursive: true });
  expect(files.statIfThere(at('set/environment/one'))).toBeUndefined();
  expect(files.listIfThere(at('set/environment'))).toBeUndefined();
  expect(files.openOwnIfThere(at('set/environment/one'))).toBeUndefined();
});

test('a file that cannot be made is still told of', async () => {
  const object = { name: 'object/large', size: 1e18, changedMs: 1 };
  lazy.add(at('set/environment'), 'large', object, 0o600);
  await expectFailure('io', () => lazy.files.openOwnIfThere(at('set/environment/large')));
  expect(lazy.files.statIfThere(at('set/environment/large'))!.size).toBe(1e18);
  expect(namesIn(at('set/environment'))).toEqual([]);
});

test('bytes that are with the store now are forgotten, and come again', () => {
  const { files } = lazy;
  expect(textOf(files, at('set/environment/one'))).toBe('the first one');
  store.objects.set('object/new', { bytes: Buffer.from('sent'), changedMs: 9 });
  lazy.release(at('set/environment/one'), { name: 'object/new', size: 4, changedMs: 9 });
  expect(namesIn(at('set/environment'))).toEqual([]);
  expect(textOf(files, at('set/environment/one'))).toBe('sent');
});

describe('whatever is done in any order', () => {
  const names = ['set', 'set/environment', 'set/environment/one', 'set/environment/two', 'set/empty', 'set/new'];
  const more = ['set/manifest.json', 'new', 'new/one', 'set/empty/new', 'set/environment/new', 'new/environment/two'];
  const name = fc.constantFrom(...names, ...more);
  type Step = (files: Files, top: string) => unknown;
  const bytes = Buffer.from('written');
  const one = (label: string, act: (files: Files, file: string) => unknown): fc.Arbitrary<[string, Step]> =>
    name.map((a) => [`${label} ${a}`, (files, top) => act(files, path.join(top, a))]);
  const two = (label: string, act: (files: Files, a: string, b: string) => unknown): fc.Arbitrary<[string, Step]> =>
    fc
      .tuple(name, name)
      .map(([a, b]) => [`${label} ${a} ${b}`, (files, top) => act(files, path.join(top, a), path.join(top, b))]);
  const seen = (files: Files, file: string): unknown => {
    const { kind, size } = files.statIfThere(file) ?? {};
    return kind === 'file' ? [kind, size, textOf(files, file)] : kind;
  };
  const step = fc.oneof(
    one('stat', (files, file) => files.statThrough(file)?.kind),
    one('look at', seen),
    one('list', (files, file) => files.listIfThere(file)),
    one('create', (files, file) => files.create(file).close()),
    one('make', (files, file) => files.makeDirectory(file)),
    one('remove', (files, file) => files.remove(file)),
    one('remove directory', (files, file) => files.removeEmptyDirectory(file)),
    one('remove tree', (files, file) => removeTree(files, file)),
    one('sync', (files, file) => files.sync(file)),
    one('sync directory', (files, file) => files.syncDirectory(file)),
    one('real path', (files, file) => path.basename(files.realPath(file))),
    one('write', (files, file) => {
      const opened = files.openToWrite(file);
      opened.writeAt(bytes, 2);
      opened.close();
    }),
    two('rename', (files, a, b) => files.rename(a, b)),
    two('link', (files, a, b) => files.link(a, b)),
    two('copy', (files, a, b) => files.copy(a, b)),
  );

  /** Everything there is, by name. */
  const all = (files: Files, directory: string): unknown =>
    (files.listIfThere(directory) ?? []).map((within) => {
      const file = path.join(directory, within);
      return [within, seen(files, file), all(files, file)];
    });

  test('it is as with files that are all there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const directory = fs.mkdtempSync(path.join(root, '..', 'run-'));
        const [told, whole] = [path.join(directory, 'told'), path.join(directory, 'whole')];
        for (const top of [told, whole]) fs.mkdirSync(top);
        showTree(told);
        fs.mkdirSync(path.join(whole, 'set/environment'), { recursive: true });
        fs.mkdirSync(path.join(whole, 'set/empty'));
        fs.writeFileSync(path.join(whole, 'set/manifest.json'), 'a manifest');
        for (const [object, text] of Object.entries(objects)) {
          fs.writeFileSync(path.join(whole, 'set/environment', path.basename(object)), text);
        }
        for (const [label, act] of steps) {
          const [ours, theirs] = [await outcomeOf(act, lazy.files, told), await outcomeOf(act, nodeFiles, whole)];
          expect([label, ours]).toEqual([label, theirs]);
        }
        expect(all(lazy.files, told)).toEqual(all(nodeFiles, whole));
        fs.rmSync(directory, { recursive: true });
      }),
      { numRuns: effort('RUNS', 100, 3000), seed: effort('FIRST_SEED', 1, 2) },
    );
  }, 600_000);

  /** What comes back, or the code that the system fails with. */
  async function outcomeOf(act: Step, files: Files, top: string): Promise<unknown> {
    try {
      return await act(files, top);
    } catch (error) {
      if (!(error instanceof FigaroError)) throw error;
      return (error.details.cause as { code?: string } | undefined)?.code ?? error.message.replace(top, '');
    }
  }
});
