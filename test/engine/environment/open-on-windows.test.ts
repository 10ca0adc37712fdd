/** Windows tells whether a file is open, by refusing to open it for one process alone. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { inspectEnvironment } from '../../../src/engine/inspect/environment.ts';
import { recoverFrom } from '../../../src/engine/recovery/recover-from.ts';
import { openRepository } from '../../../src/engine/repository/repository.ts';
import { demoApplication } from '../../support/demo-environment.ts';
import { openBelow } from '../../support/open-here.ts';
import { newPlace } from '../../support/place.ts';
import { expectFailure, namesIn } from '../../support/trees.ts';
import { isWindows } from '../../support/windows.ts';

let directory: string;
let home: string;
let repository: string;
const asked: string[] = [];

beforeEach(() => {
  ({ directory, home, repository } = newPlace());
  demoApplication(home).commitUpTo([4, 72_115]);
  asked.length = 0;
});

/** What this process has open counts on Windows as well, which tells so itself where it is there. */
function isOpenHere(file: string): boolean {
  return isWindows ? nodeFiles.isOpen(file) : openBelow(path.dirname(file)).includes(file);
}

/** The disk as Windows shows it, on which others have a file open from some question on. */
function windows(opened?: string, from = 0): Files {
  return filesWith(nodeFiles, {
    isOpen(file) {
      asked.push(path.relative(directory, file));
      return isOpenHere(file) || (path.basename(file) === opened && asked.length > from);
    },
  });
}

describe.runIf(isWindows || process.platform === 'linux')('on Windows', () => {
  test('an offline backup asks before and after whether anybody has a file open, and has none open itself', async () => {
    await takeBackup(windows(), 'offline', { home, repository });
    for (const name of namesIn(home)) {
      expect(asked.filter((file) => file === path.join('env', name)).length).toBeGreaterThanOrEqual(
        name === 'DB_CONFIG' ? 0 : 2,
      );
    }
    expect(asked.every((file) => file.startsWith(`env${path.sep}`))).toBe(true);
  });

  test.each(['d.dbxml', 'log.0000000004'])('an offline backup while somebody has %s open is refused', async (name) => {
    const error = await expectFailure('environment-in-use', () =>
      takeBackup(windows(name), 'offline', { home, repository }),
    );
    expect(error.message).toBe(`${home} is in use: a process has ${path.join(home, name)} open`);
    expect(namesIn(directory).filter((file) => file.startsWith('repo'))).toEqual([]);
  });

  test('an offline backup is refused when somebody opens a file meanwhile', async () => {
    await takeBackup(windows(), 'offline', { home, repository });
    const last = asked.lastIndexOf(path.join('env', 'd.dbxml'));
    asked.length = 0;
    await expectFailure('environment-in-use', () =>
      takeBackup(windows('d.dbxml', last), 'offline', { home, repository: path.join(directory, 'another') }),
    );
  });

  test('a recovery of a copy that somebody has open is refused, before and after', async () => {
    const target = path.join(directory, 'target');
    const recover = (files: Files): Promise<unknown> => recoverFrom(files, { copies: [home] }, { target });
    await expectFailure('environment-in-use', () => recover(windows('d.dbxml')));
    asked.length = 0;
    await recover(windows());
    const questions = asked.flatMap((file, i) => (file === path.join('env', 'd.dbxml') ? [i] : []));
    expect(questions).toHaveLength(2);
    fs.rmSync(target, { recursive: true });
    asked.length = 0;
    await expectFailure('environment-in-use', () => recover(windows('d.dbxml', questions[1])));
    expect(fs.existsSync(target)).toBe(false);
  });

  test('neither a hot backup, nor a look at an environment, nor a recovery of sets takes a file away from others', async () => {
    await takeBackup(windows('d.dbxml'), 'hot', { home, repository });
    await takeBackup(windows('d.dbxml'), 'incremental', { home, repository });
    await inspectEnvironment(windows('d.dbxml'), discoverEnvironment(nodeFiles, home), {});
    await recoverFrom(
      windows('d.dbxml'),
      { repository: openRepository(nodeFiles, repository) },
      { target: path.join(directory, 'target') },
    );
    expect(asked).toEqual([]);
  });
});
