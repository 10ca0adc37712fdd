import { expect, test } from 'vitest';
import { fencedFiles } from '../../../src/engine/lease.ts';
import { type Disk } from '../../../src/engine/files/files.ts';
import { withCipher } from '../../../src/engine/files/files-with.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { Cipher } from '../../../src/format/crypto.ts';

const names = Object.keys(nodeFiles) as (keyof Disk)[];
const cipher = new Cipher(Buffer.from('secret'));
const lease = { requireHeld: () => {}, confirm: () => {}, reasonOf: (failure: unknown) => failure, stop: () => {} };

/** A disk whose operations are methods of a class, and use what only an object of it has. */
function diskOfClass(): { readonly disk: Disk; readonly calls: unknown[][] } {
  class Recorder {
    readonly #calls: unknown[][] = [];
    get calls(): unknown[][] {
      return this.#calls;
    }
    note(...call: readonly unknown[]): unknown {
      return this.#calls.push([...call]);
    }
  }
  for (const name of names) {
    Object.defineProperty(Recorder.prototype, name, {
      value(this: Recorder, ...args: readonly unknown[]) {
        return this.note(name, ...args);
      },
    });
  }
  const recorder = new Recorder();
  return { disk: recorder as unknown as Disk, calls: recorder.calls };
}

test.each([
  ['with a key', (disk: Disk) => withCipher(disk, cipher)],
  ['under a lock', (disk: Disk) => fencedFiles(disk, lease)],
  ['with a key, under a lock', (disk: Disk) => fencedFiles(withCipher(disk, cipher), lease)],
] as const)('a disk that is an object of a class has all its operations %s', async (_how, wrapped) => {
  expect(names.length).toBeGreaterThan(15);
  const { disk, calls } = diskOfClass();
  const files = wrapped(disk);
  for (const name of names) await (files[name] as (...args: readonly unknown[]) => unknown)('a', 'b');
  expect(calls.map(([name, first]) => [name, first])).toEqual(names.map((name) => [name, 'a']));
});

test('the key goes along under a lock, and is no part of the disk', () => {
  expect(fencedFiles(withCipher(nodeFiles, cipher), lease).cipher).toBe(cipher);
  expect(withCipher(nodeFiles, cipher).cipher).toBe(cipher);
  expect(nodeFiles).not.toHaveProperty('cipher');
});
