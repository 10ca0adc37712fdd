import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { inspectEnvironment } from '../../../src/engine/inspect/environment.ts';
import { formatLsn } from '../../../src/format/lsn.ts';
import { corpusCase } from '../../support/corpus.ts';
import { describeNative, nativeProgram, runTool } from '../../support/native.ts';

/** Log files of 5.3, which its own tools read: whole ones, torn ones, trimmed ones, and some without checkpoint. */
const logs = [
  'recycle-53-crash',
  'btree-recnum-53-logs',
  'damaged-missingtrim-53',
  'fileops-53-hot',
  'secondary-53-hot',
  'damaged-firstlog-53',
];

describeNative('inspection of a log', () => {
  test.each(logs)('of %s finds the last record and the last checkpoint that db5.3_printlog prints', async (id) => {
    const { files, environment, backup } = corpusCase(id);
    const text = runTool(backup, 'db5.3_printlog', '-h', backup);
    const last = [...text.matchAll(/^(\[\d+\]\[\d+\])__/gm)].at(-1)![1];
    const checkpoint = [
      ...text.matchAll(
        /^(\[\d+\]\[\d+\])__txn_ckp: .*\n\tckp_lsn: (\[\d+\]\[\d+\])\n\tlast_ckp: .*\n\ttimestamp: (\d+)/gm,
      ),
    ].at(-1);
    const { log } = await inspectEnvironment(files, environment, {});
    const found = log?.contents?.checkpoint;
    expect({
      last: formatLsn(log!.contents!.end.lastRecord!),
      checkpoint: found && [formatLsn(found.lsn), formatLsn(found.redoFrom), found.time],
    }).toEqual({ last, checkpoint: checkpoint && [checkpoint[1], checkpoint[2], Number(checkpoint[3])] });
  });

  test('tells the release of the library from the regions it left', async () => {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-inspect-'));
    try {
      expect(spawnSync(nativeProgram('hold'), ['--home', home, '--leave']).status).toBe(0);
      const { region } = await inspectEnvironment(nodeFiles, discoverEnvironment(nodeFiles, home), {});
      const [version] = /\d+\.\d+\.\d+/.exec(runTool(home, 'db5.3_stat', '-V'))!;
      expect(region).toEqual({ library: version, panic: false });
    } finally {
      fs.rmSync(home, { recursive: true, force: true });
    }
  });
});
