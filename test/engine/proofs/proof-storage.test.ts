import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { ProofStorage } from '../../../src/engine/proofs/proof-storage.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { watchedFiles } from '../../support/watched-files.ts';

test('what a proof has changed does not stay open where what it has read cannot be closed', () => {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'a.db');
  writeFileSync(file, Buffer.alloc(8192, 7));
  const closed: string[] = [];
  const files = watchedFiles(nodeFiles, {
    before(operation, name) {
      if (operation !== 'close') return;
      closed.push(path.basename(name));
      if (name === file) throw new Error('failed');
    },
  });
  const storage = new ProofStorage(files);
  storage.existing(file).read(Buffer.alloc(4096), 0);
  // More than stays in memory.
  const changed = storage.create();
  for (let at = 0; at <= 2 ** 20; at += 4096) changed.write(Buffer.alloc(4096, 8), at);
  expect(() => storage.close()).toThrow('failed');
  expect(closed).toEqual(['a.db', expect.stringMatching(/^figaro-backup-[0-9a-f]+$/)]);
});
