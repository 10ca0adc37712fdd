/** A container is removed or replaced behind the library's back, and the log goes on with another one of its name. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { followOnce } from '../../../src/engine/failover/follow.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { expectFailure } from '../../support/trees.ts';

describeNative('a container that was removed without the library, and created again', () => {
  let directory: string;
  let home: string;
  let repository: string;

  const create = ['open a auto a.db - btree 512', 'put a auto 0 100 40 first'];
  const again = ['open a auto a.db - btree 512', 'put a auto 0 300 40 second'];

  beforeEach(async () => {
    directory = temporaryDirectory();
    home = path.join(directory, 'env');
    repository = path.join(directory, 'repository');
    await work(...create, 'checkpoint');
  });

  async function work(...commands: readonly string[]): Promise<void> {
    const session = new Session(home, ['--recover']);
    session.do(...commands);
    await session.leave();
  }

  async function replace(): Promise<void> {
    fs.rmSync(path.join(home, 'a.db'));
    await work(...again, 'checkpoint');
  }

  const take = (kind: 'hot' | 'incremental'): ReturnType<typeof takeBackup> =>
    takeBackup(nodeFiles, kind, { home, repository });
  const recover = (from: string): Promise<unknown> =>
    recoverEnvironment(nodeFiles, {
      environment: discoverEnvironment(nodeFiles, from),
      target: path.join(directory, 'recovered'),
    });

  test('is in the next full set, and no incremental passes the old one off for it', async () => {
    await take('hot');
    await replace();
    const error = await expectFailure('chain-mismatch', () => take('incremental'));
    expect(error.message).toContain('a.db: log record');
    const wanted = contentsOf(home);
    const { directory: set } = await take('hot');
    await recover(path.join(set, 'environment'));
    expect(contentsOf(path.join(directory, 'recovered'))).toEqual(wanted);
  });

  test('is not lost in a recovery from a copy with the old one, which says what to do', async () => {
    const copy = path.join(directory, 'copy');
    fs.cpSync(home, copy, { recursive: true });
    await replace();
    const wanted = contentsOf(home);
    for (const name of fs.readdirSync(home)) {
      if (name.startsWith('log.')) fs.cpSync(path.join(home, name), path.join(copy, name));
    }
    const error = await expectFailure('chain-mismatch', () => recover(copy));
    expect(error.details.hint).toContain('put the older file aside');
    fs.rmSync(path.join(copy, 'a.db'));
    await recover(copy);
    expect(contentsOf(path.join(directory, 'recovered'))).toEqual(wanted);
  });

  test('stops a standby', async () => {
    const standby = path.join(directory, 'standby');
    const follow = (): Promise<unknown> =>
      followOnce(nodeFiles, { directory: standby, followed: { home, repo: undefined }, watch: {} });
    await follow();
    await replace();
    await expectFailure('chain-mismatch', follow);
  });

  test('by the library, in the same time, is no such thing', async () => {
    await take('hot');
    await work('remove auto a.db -', ...again, 'checkpoint');
    const { directory: set } = await take('incremental');
    expect(fs.existsSync(set)).toBe(true);
  });
});
