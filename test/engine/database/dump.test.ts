import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { dumpDatabase, type DumpOptions } from '../../../src/engine/database/dump.ts';
import { databasesOf } from '../../../src/engine/database/records.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { sampled } from '../../support/effort.ts';
import { databaseFiles, describeNative, nativeProgram } from '../../support/native.ts';
import { expectFailure } from '../../support/trees.ts';

function ourDump(file: string, options: DumpOptions = {}): string {
  const opened = new DatabaseFile(nodeFiles, file);
  try {
    let text = '';
    for (const database of databasesOf(opened)) dumpDatabase(database, (chunk) => (text += chunk), options);
    return text;
  } finally {
    opened.close();
  }
}

/** As Latin-1: names of databases are written as they are. */
function nativeDump(directory: string, file: string, options: readonly string[] = []): string {
  const { status, stdout, stderr } = spawnSync('db5.3_dump', [...options, file], {
    cwd: directory,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`db5.3_dump of ${file}: ${stderr}`);
  return stdout;
}

interface Kind {
  readonly title: string;
  readonly options: readonly string[];
}

const kinds: readonly Kind[] = [
  { title: 'little-endian', options: ['--seed', '1'] },
  {
    title: 'little-endian with checksums and small pages',
    options: ['--seed', '2', '--page-size', '512', '--checksum'],
  },
  { title: 'big-endian', options: ['--seed', '3', '--big-endian', '--page-size', '4096'] },
  { title: 'big-endian with checksums', options: ['--seed', '4', '--big-endian', '--checksum', '--records', '900'] },
];

describeNative('databases as text', () => {
  describe.each(sampled(kinds, 3))('$title', ({ options }) => {
    let directory = '';
    beforeAll(() => {
      directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-dump-'));
      const { status, stderr } = spawnSync(nativeProgram('databases'), ['--home', directory, ...options], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`databases: ${stderr}`);
    });
    afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

    test('equal what db5.3_dump prints of every access method and flag, header and all', () => {
      const files = databaseFiles(directory);
      expect(files.length).toBeGreaterThanOrEqual(25);
      const dumps = (of: (file: string) => string): Record<string, string[]> =>
        Object.fromEntries(files.map((file) => [file, of(file).split('\n')]));
      expect(dumps((file) => ourDump(path.join(directory, file)))).toEqual(
        dumps((file) => nativeDump(directory, file)),
      );
    });

    test('equal what db5.3_dump -k prints of databases with record numbers', () => {
      for (const file of databaseFiles(directory).filter((name) => /^(recno|renumber|fixed|padded|queue)/.test(name))) {
        const ours = ourDump(path.join(directory, file), { recordNumbers: true });
        expect(ours.split('\n')).toEqual(nativeDump(directory, file, ['-k']).split('\n'));
      }
    });

    test('load again with db5.3_load, and are the same then', () => {
      for (const file of databaseFiles(directory)) {
        // db5.3_load itself does not know the lines about heaps that db5.3_dump writes.
        if (file.startsWith('heap-')) continue;
        const text = ourDump(path.join(directory, file));
        const loaded = path.join(directory, 'loaded');
        const { status, stderr } = spawnSync('db5.3_load', [loaded], { input: text, encoding: 'utf8' });
        expect({ file, status, stderr }).toEqual({ file, status: 0, stderr: '' });
        expect(recordLines(ourDump(loaded))).toEqual(recordLines(text));
        for (const name of fs.readdirSync(directory)) if (/loaded/.test(name)) fs.rmSync(path.join(directory, name));
      }
    });

    test('are refused of compressed btrees', async () => {
      const file = path.join(directory, 'compressed.btree');
      const error = await expectFailure('format-unsupported', () => ourDump(file));
      expect(error.message).toContain('compressed');
    });

    test('are refused when a partition is missing', async () => {
      fs.renameSync(path.join(directory, '__dbp.partitioned.db.001'), path.join(directory, 'away'));
      const error = await expectFailure('container-missing', () => ourDump(path.join(directory, 'partitioned.db')));
      expect(error.message).toContain('__dbp.partitioned.db.001');
      fs.renameSync(path.join(directory, 'away'), path.join(directory, '__dbp.partitioned.db.001'));
    });
  });
});

/** Lines of records, in the order of their names and values: hashes keep no order. */
function recordLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(' '))
    .sort();
}
