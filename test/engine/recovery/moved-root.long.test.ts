/** Compaction that moves the root of a tree to another page, in a transaction that does not commit. */

import { cpSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, recoverNatively, verifyNatively } from '../../support/native.ts';
import { Session } from '../../support/session.ts';

function nativelyRecovered(home: string): string {
  const native = `${home}.native`;
  cpSync(home, native, { recursive: true });
  recoverNatively(native);
  return native;
}

async function recovered(home: string): Promise<Record<string, string>> {
  const target = `${home}.recovered`;
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });
  expect(verifyNatively(target)).toEqual([]);
  return contentsOf(target);
}

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

    // Where the metadata page moves as well, an abort brings all of it back.
    expect(verifyNatively(nativelyRecovered(home)).length > 0).toBe(fate === 'open');
    expect(await recovered(home)).toEqual(expected);
  });

  test.each(['btree', 'recno'])('%s, and the metadata page stays: is where it was', async (method) => {
    const home = path.join(temporaryDirectory(), 'env');
    const application = new Session(home);
    application.do(`open before auto middle.db before ${method} 512`, 'put before auto 0 1 400 first');
    application.do(`open moved auto middle.db moved ${method}`, 'put moved auto 0 3 40 second');
    application.do('delete before auto 0 1', 'checkpoint');
    const expected = contentsOf(home);
    // The application itself has a damaged database from here on.
    application.do('begin t', 'compact moved t', 'abort t', 'checkpoint');
    expect(verifyNatively(home)).not.toEqual([]);
    await application.die();
    expect(verifyNatively(nativelyRecovered(home))).not.toEqual([]);
    expect(await recovered(home)).toEqual(expected);
  });
});
