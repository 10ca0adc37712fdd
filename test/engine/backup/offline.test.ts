import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  cpSync,
  openSync,
  readFileSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { corpusCase } from '../../support/corpus.ts';
import { demoApplication, layDemoEnvironment } from '../../support/demo-environment.ts';
import { expectFailure, fingerprint, namesIn } from '../../support/trees.ts';
import { watchedFiles } from '../../support/watched-files.ts';
import { newPlace } from '../../support/place.ts';
import { slashed } from '../../support/windows.ts';

let directory: string;
let home: string;
let repository: string;

beforeEach(() => {
  ({ directory, home, repository } = newPlace());
});

function offline(files: Files = nodeFiles): Promise<BackupSet> {
  return takeBackup(files, 'offline', { home, repository });
}

/** A copy of a case of the corpus as the source. */
function lay(id: string): void {
  cpSync(corpusCase(id).backup, home, { recursive: true });
}

describe('an environment without transactions', () => {
  test.each(['ds-53', 'cds-48', 'dbxml-ds'])('%s is copied whole, and proven sound', async (id) => {
    lay(id);
    const before = fingerprint(home);
    const { manifest, directory: set } = await offline();
    expect(manifest.files.map(({ path: file }) => file)).toEqual(namesIn(home));
    expect(manifest).toMatchObject({ kind: 'offline', log: undefined, warnings: [] });
    expect(manifest.proof).toMatchObject({ records: 0, structure: 'all' });
    for (const { path: file } of manifest.files) {
      expect(readFileSync(path.join(set, 'environment', file))).toEqual(readFileSync(path.join(home, file)));
    }
    expect(fingerprint(home)).toEqual(before);
  });

  test('cannot be added to', async () => {
    lay('ds-53');
    await offline();
    await expectFailure('log-missing', () => takeBackup(nodeFiles, 'incremental', { home, repository }));
  });

  test('that was written through a log once is refused', async () => {
    layDemoEnvironment(home);
    for (const name of namesIn(home)) if (name.startsWith('log.')) unlinkSync(path.join(home, name));
    const error = await expectFailure('log-missing', offline);
    expect(error.message).toContain('was written through a log');
    expect(namesIn(repository)).toEqual([]);
  });
});

describe('an environment with a log', () => {
  test('that was closed after a checkpoint needs no recovery', async () => {
    lay('dbxml-clean');
    const { manifest } = await offline();
    expect(manifest.log).toMatchObject({ recoveryRequired: false });
    expect(manifest.warnings).toEqual([]);
  });

  test('that was not says so', async () => {
    layDemoEnvironment(home);
    const before = fingerprint(home);
    const { manifest } = await offline();
    expect(manifest.log).toMatchObject({ recoveryRequired: true });
    expect(manifest.warnings).toEqual([
      'the log does not end in a checkpoint: the containers of this set are not usable before recovery',
    ]);
    expect(fingerprint(home)).toEqual(before);
  });
});

describe('an environment that changes meanwhile is refused:', () => {
  const last = 'e.dbxml';

  beforeEach(() => layDemoEnvironment(home));

  /** Changes the source when its last container is being copied. */
  function changing(change: () => void): Files {
    let done = false;
    return watchedFiles(nodeFiles, {
      before(operation, file) {
        if (done || operation !== 'create' || !slashed(file).endsWith(`environment/${last}`)) return;
        done = true;
        change();
      },
    });
  }

  test.each<[string, () => void]>([
    ['a container got other bytes', () => rewrite('d.dbxml')],
    ['a container was touched', () => utimesSync(path.join(home, 'd.dbxml'), 1, 1)],
    ['a container grew', () => appendFileSync(path.join(home, 'd.dbxml'), Buffer.alloc(4096))],
    ['a container is gone', () => unlinkSync(path.join(home, 'd.dbxml'))],
    ['a file is new', () => writeFileSync(path.join(home, 'DB_CONFIG'), '')],
    ['a log file was written to', () => appendFileSync(path.join(home, 'log.0000000003'), 'x')],
  ])('%s', async (_what, change) => {
    const error = await expectFailure('environment-changed', () => offline(changing(change)));
    expect(error.exitCode).toBe(8);
    expect(namesIn(repository)).toEqual(['repository.json']);
  });

  test('its log has grown', async () => {
    const again = path.join(directory, 'again');
    const application = demoApplication(again);
    application.commitUpTo([4, 72_115]);
    home = again;
    const error = await expectFailure('environment-changed', () =>
      offline(changing(() => application.commitUpTo([4, 110_000]))),
    );
    expect(error.message).toContain('its log has grown');
  });

  test('a second read gives other bytes, though size and time are the same', async () => {
    const file = path.join(home, 'd.dbxml');
    let reads = 0;
    const files = watchedFiles(nodeFiles, {
      afterRead(read, bytes) {
        if (read === file && bytes.length > 4096 && ++reads === 2) bytes[1500] = bytes[1500]! ^ 1;
      },
    });
    const error = await expectFailure('environment-changed', () => offline(files));
    expect(error.message).toContain('a second read gave other bytes on page 0');
  });

  function rewrite(name: string): void {
    const file = path.join(home, name);
    const contents = readFileSync(file);
    contents[1500] = contents[1500]! ^ 1;
    writeFileSync(file, contents);
  }
});

test.runIf(process.platform === 'linux')('an environment in use is refused, and the process named', async () => {
  layDemoEnvironment(home);
  const descriptor = openSync(path.join(home, 'd.dbxml'), 'r+');
  const child = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
  try {
    await once(child, 'spawn');
    const error = await expectFailure('environment-in-use', () => offline());
    expect(error.message).toBe(
      `${home} is in use: process ${child.pid} (sleep) has ${path.join(home, 'd.dbxml')} open`,
    );
  } finally {
    child.kill();
    closeSync(descriptor);
  }
});
