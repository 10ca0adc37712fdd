import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DatabaseFile } from '../../../src/engine/database/database-file.ts';
import { bodyOf, databaseLabel } from '../../../src/engine/database/dump.ts';
import { databasesOf } from '../../../src/engine/database/records.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import {
  contentsOf,
  databaseFiles,
  describeNative,
  nativeProgram,
  recoverNatively,
  runWorkload,
  verifyNatively,
} from '../../support/native.ts';

const seeds = Number(process.env.SEEDS ?? 8);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);
const transactions = 40;

/** Reads the only database of a file; undefined when there are several, which are not written to here. */
function onlyDatabase<T>(directory: string, file: string, use: (body: string, method: string) => T): T | undefined {
  const opened = new DatabaseFile(nodeFiles, path.join(directory, file));
  try {
    const [database, ...others] = databasesOf(opened);
    if (!database || others.length > 0 || databaseLabel(database) !== undefined) return undefined;
    const chunks: Uint8Array[] = [];
    for (const chunk of bodyOf(database, false)) chunks.push(Buffer.from(chunk));
    return use(Buffer.concat(chunks).toString('latin1'), database.method);
  } finally {
    opened.close();
  }
}

describeNative('after our recovery', () => {
  test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
    'seed %i: an application opens the environment, commits, crashes, and is recovered natively and by us alike',
    async (seed) => {
      const directory = temporaryDirectory();
      const home = path.join(directory, 'home');
      const operations = 300 + ((seed * 7919) % 1500);
      const options = seed % 2 === 0 ? ['--hash', '--checksum'] : ['--hash'];
      if (!runWorkload({ home, seed: seed + 5000, operations, options })) return;
      const ours = path.join(directory, 'ours');
      await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target: ours });

      const written = databaseFiles(ours).filter((file) =>
        onlyDatabase(ours, file, (_, method) => method === 'btree' || method === 'hash'),
      );
      const program = spawnSync(
        nativeProgram('write-on'),
        ['--home', ours, '--files', written.join(), '--transactions', `${transactions}`].concat(
          seed % 3 === 0 ? ['--recover'] : [],
        ),
        { encoding: 'utf8', timeout: 30_000 },
      );
      expect(program.stderr).toBe('');
      expect(program.signal).toBe('SIGKILL');

      const results = ['normal', 'catastrophic', 'again'].map((name) => path.join(directory, name));
      const [normal, catastrophic, again] = results as [string, string, string];
      fs.cpSync(ours, normal, { recursive: true });
      expect(recoverNatively(normal, [])).toEqual({ ok: true, messages: '' });
      fs.cpSync(ours, catastrophic, { recursive: true });
      const nativeWorks = recoverNatively(catastrophic).ok;
      await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, ours), target: again });
      expect(verifyNatively(again)).toEqual([]);
      expect(contentsOf(again)).toEqual(contentsOf(normal));
      if (nativeWorks) {
        const broken = verifyNatively(catastrophic).map(({ file }) => file);
        expect(contentsOf(again, broken)).toEqual(contentsOf(catastrophic, broken));
      }

      // What was committed is there, and what was not is not.
      const mark = Buffer.from('written on ').toString('hex');
      for (const file of ['written-on.db', ...written]) {
        const count = onlyDatabase(again, file, (body) =>
          body.split('\n').filter((line) => line.startsWith(` ${mark}`)),
        );
        expect(count, file).toHaveLength(transactions);
      }
    },
    60_000,
  );
});
