/** `recover --reset-lsns`: containers that any environment can open, tried with Berkeley DB 5.3. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { pagedFiles } from '../../../src/engine/environment/paged-files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { fromStored, hasRightChecksum } from '../../../src/format/page/checksum.ts';
import { isBlank, Page } from '../../../src/format/page/page.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, nativeProgram, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';
import { unlocked } from '../../support/unlocked.ts';

describeNative('recovered containers without LSNs', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });

  test.each<[string, string[], string | undefined]>([
    ['of all access methods', ['--hash'], undefined],
    ['with checksums, of the other byte order', ['--checksum', '--big-endian', '--no-compact'], undefined],
    ['encrypted', ['--password', 'figaro-test'], 'figaro-test'],
  ])('%s hold what they held, and go on in another environment', async (_what, options, password) => {
    const home = path.join(directory, 'env');
    fs.mkdirSync(home);
    const args = ['--home', home, '--seed', '5', '--ops', '3000', '--clean', ...options];
    expect(spawnSync(nativeProgram('workload'), args, { encoding: 'utf8' })).toMatchObject({ status: 0 });
    const files = password === undefined ? nodeFiles : unlocked(password);
    const [plain, reset] = ['plain', 'reset'].map((name) => path.join(directory, name)) as [string, string];
    for (const [target, resetLsns] of [[plain, false] as const, [reset, true] as const]) {
      await recoverEnvironment(files, { environment: discoverEnvironment(files, home), target, resetLsns });
    }
    expect(contentsOf(reset, [], files)).toEqual(contentsOf(plain, [], files));
    expect(fs.readdirSync(reset).filter((name) => name.startsWith('log.'))).toEqual([]);
    const environment = discoverEnvironment(files, reset);
    let pages = 0;
    for (const { file, format } of pagedFiles(files, environment)) {
      const bytes = fs.readFileSync(file.path);
      for (let at = 0; at < bytes.length; at += format.pageSize) {
        const stored = Uint8Array.from(bytes.subarray(at, at + format.pageSize));
        if (isBlank(stored)) continue;
        expect(hasRightChecksum(stored, format)).toBe(true);
        expect(new Page(fromStored(stored, format), format).lsn).toEqual({ file: 0, offset: 1 });
        pages++;
      }
    }
    expect(pages).toBeGreaterThan(50);
    if (password !== undefined) return;
    expect(verifyNatively(reset)).toEqual([]);
    const session = new Session(reset);
    session.do('open new auto new.db - btree 1024', 'put new auto 0 100 40 new', 'checkpoint');
    await session.leave();
    expect(verifyNatively(reset)).toEqual([]);
  });
});
