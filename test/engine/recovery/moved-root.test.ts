/** Compaction that moves the root of a tree to another page, in a transaction that does not commit. */

import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, recoverNatively, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';

describeNative('the root of a tree, moved by compaction', () => {
  test.each([
    ['btree', 10, 'open'],
    ['btree', 10, 'aborted'],
    ['btree', 400, 'open'],
    ['btree', 400, 'aborted'],
    ['recno', 10, 'open'],
    ['recno', 400, 'aborted'],
  ] as const)('%s of %i records, the transaction %s: is where it was', async (method, records, fate) => {
    const directory = temporaryDirectory();
    const home = path.join(directory, 'env');
    const application = new Session(home);
    application.do(
      'begin before',
      `open middle before middle.db gone ${method} 512`,
      'put middle before 0 300 40 first',
    );
    application.do(
      'commit before',
      `open moved auto middle.db moved ${method}`,
      `put moved auto 0 ${records} 40 second`,
    );
    application.do('close middle', 'remove auto middle.db gone', 'checkpoint');
    const expected = contentsOf(home);
    // Twice, so that the root moves again.
    application.do('begin t', `put moved t ${records} 300 40 third`, 'compact moved t');
    application.do(`delete moved t 0 ${records + 290}`, 'compact moved t', 'compact moved t', 'checkpoint');
    if (fate === 'aborted') application.do('abort t', 'checkpoint');
    await application.die();

    const native = path.join(directory, 'native');
    cpSync(home, native, { recursive: true });
    recoverNatively(native);
    // An abort sets the root right, but native recovery leaves it on a page that is free.
    expect(verifyNatively(native).length > 0).toBe(fate === 'open');

    const target = path.join(directory, 'recovered');
    await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });
    expect(verifyNatively(target)).toEqual([]);
    expect(contentsOf(target)).toEqual(expected);
  });
});
