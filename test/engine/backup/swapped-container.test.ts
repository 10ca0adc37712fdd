/** Somebody puts an older copy of one container back into an environment in use: the log of what came after does not fit it. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { describeNative } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

describeNative('a container replaced by an older copy of itself', () => {
  let directory: string;
  let home: string;

  beforeEach(async () => {
    directory = temporaryDirectory();
    home = path.join(directory, 'env');
    await write(100, 'first');
  });

  /** Lets an application write records to two containers, take a checkpoint, and end. */
  async function write(count: number, text: string): Promise<void> {
    const session = new Session(home, ['--recover']);
    for (const name of ['a', 'b']) {
      session.do(`open ${name} auto ${name}.db - btree 512`, `put ${name} auto 0 ${count} 40 ${text}`);
    }
    session.do('checkpoint');
    await session.leave();
  }

  const backup = (kind: 'hot' | 'offline'): Promise<unknown> =>
    takeBackup(nodeFiles, kind, { home, repository: path.join(directory, `repo-${kind}`) });

  test('is refused by hot and offline, before and after the application wrote on', async () => {
    const file = path.join(home, 'a.db');
    const older = fs.readFileSync(file);
    await write(300, 'second');
    fs.writeFileSync(file, older);
    for (const moment of ['before', 'after']) {
      if (moment === 'after') await write(5, 'third');
      for (const kind of ['hot', 'offline'] as const) {
        const error = await expectFailure('chain-mismatch', () => backup(kind));
        expect(error.message).toContain('a.db: ');
        expect(error.details.hint).toContain('an older copy of the file was put in the place of the newer one');
      }
    }
  });

  test('is refused also where only log files from before the set tell', async () => {
    const file = path.join(home, 'a.db');
    const older = fs.readFileSync(file);
    await write(300, 'second');
    const session = new Session(home, ['--recover', '--log-max', '60000']);
    session.do('open b auto b.db - btree 512');
    for (let i = 0; i < 8; i++) session.do(`put b auto ${i * 300} 300 100 later`, 'checkpoint');
    await session.leave();
    expect(fs.readdirSync(home).filter((name) => name.startsWith('log.')).length).toBeGreaterThan(2);
    fs.writeFileSync(file, older);
    for (const kind of ['hot', 'offline'] as const) {
      const error = await expectFailure('chain-mismatch', () => backup(kind));
      expect(error.message).toContain('a.db: ');
    }
  });

  test('is no suspicion against an environment that nobody touched', async () => {
    await write(300, 'second');
    await backup('hot');
    await backup('offline');
  });
});
