/**
 * A small cache of Berkeley DB writes a page between the two changes of a removal: the key of a pair is gone, and its data still there, while
 * the overflow pages of that are being freed (format document, 7.2).
 */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { checkPage } from '../../../src/format/page/check.ts';
import { recognizeFile } from '../../../src/format/page/meta.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, recoverNatively } from '../../support/native.ts';
import { PausedWorkload } from '../../support/paused-workload.ts';

/** Pages that are between two changes. */
function passingPages(file: string): number[] {
  const bytes = fs.readFileSync(file);
  const recognition = recognizeFile(bytes.subarray(0, 512));
  if (recognition.kind !== 'database') return [];
  const { format } = recognition;
  return Array.from({ length: bytes.length / format.pageSize }, (_, pgno) => pgno).filter((pgno) => {
    const page = bytes.subarray(pgno * format.pageSize, (pgno + 1) * format.pageSize);
    return checkPage(page, pgno, format)?.isPassing === true;
  });
}

describeNative('a page that the library wrote between two changes of a removal', () => {
  test('is no damage: the log brings it further', async () => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    // Found by a random workload; what it does follows from its seed.
    const application = new PausedWorkload(home, 653, 79, ['--no-compact', '--page-size', '8192', '--cache-kb', '64']);
    for (let i = 0; i < 4; i++) await application.goOn(i === 0);
    const passing = fs.readdirSync(home).filter((name) => passingPages(path.join(home, name)).length > 0);
    expect(passing).toEqual(['file0.db']);

    const { directory: set } = await takeBackup(nodeFiles, 'hot', { home, repository: path.join(directory, 'repo') });
    const [copy, ours, plain] = ['environment', 'ours', 'plain'].map((name, i) =>
      path.join(i === 0 ? set : directory, name),
    ) as [string, string, string];
    const environment = discoverEnvironment(nodeFiles, copy);
    await recoverEnvironment(nodeFiles, { environment, target: ours });
    fs.cpSync(copy, plain, { recursive: true });
    expect(recoverNatively(plain)).toMatchObject({ ok: true });
    expect(contentsOf(ours)).toEqual(contentsOf(plain));
    expect(passingPages(path.join(ours, 'file0.db'))).toEqual([]);
  });
});
