/**
 * Where native recovery ends with exit status 0 and a wrong result, or breaks off, ours is right or says what is wrong
 * (recovery document, A.15 and L). The cases of the corpus test show more of it.
 */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { filesOfKind, logPaths } from '../../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { logFileName } from '../../../src/format/names.ts';
import { openLog } from '../../../src/engine/log/log-files.ts';
import { scanLog } from '../../../src/engine/log/scan.ts';
import { recoverEnvironment, type RecoverResult } from '../../../src/engine/recovery/recover.ts';
import { pageType } from '../../../src/format/page/types.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative, nativeProgram } from '../../support/native.ts';
import { expectFailure, failureOf } from '../../support/trees.ts';

describeNative('stricter than db5.3_recover', () => {
  let directory: string;
  let home: string;
  let target: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    home = path.join(directory, 'home');
    target = path.join(directory, 'recovered');
    fs.mkdirSync(home);
    const args = ['--home', home, '--seed', '3', '--ops', '4000', '--clean', '--no-rename', '--no-remove'];
    const { status, stderr } = spawnSync(nativeProgram('workload'), args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  const recover = (): Promise<RecoverResult> =>
    recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, home), target });

  /** A database file without sub-databases in it, of some pages. */
  const aDatabase = (): { readonly file: string; readonly pageSize: number } => {
    const found = filesOfKind(discoverEnvironment(nodeFiles, home), 'database').find(
      ({ format, stat }) => format.method === 'btree' && stat.size > 6 * format.pageSize,
    )!;
    return { file: found.path, pageSize: found.format.pageSize };
  };

  test('a page with an LSN past the end of the log (L.4)', async () => {
    const environment = discoverEnvironment(nodeFiles, home);
    const records = [...scanLog(nodeFiles, openLog(nodeFiles, logPaths(environment)))].map(({ lsn }) => lsn);
    const cut = records[Math.floor(records.length / 2)]!;
    for (const [number, [file]] of logPaths(environment)) if (number > cut.file) fs.rmSync(file!.path);
    fs.truncateSync(path.join(home, logFileName(cut.file)), cut.offset);
    const error = await expectFailure('not-recoverable', recover);
    expect(error.message).toMatch(/page \d+ was last changed at \[\d+\]\[\d+\], but the log ends at \[\d+\]\[\d+\]/);
    expect(fs.existsSync(target)).toBe(false);
  });

  test('a page whose second half is an older one (L.5)', async () => {
    const { file, pageSize } = aDatabase();
    const bytes = fs.readFileSync(file);
    let torn = 0;
    for (let at = pageSize; at < bytes.length; at += pageSize) {
      const page = bytes.subarray(at, at + pageSize);
      if (page[25] !== pageType.btreeLeaf || page.readUInt16LE(20) < 2) continue;
      page.fill(0, pageSize / 2);
      torn += 1;
      break;
    }
    expect(torn).toBe(1);
    fs.writeFileSync(file, bytes);
    const error = await failureOf(recover);
    expect(['page-type', 'not-recoverable']).toContain(error.code);
    expect(error.message).toContain(path.basename(file));
    expect(error.message).toMatch(/page \d+/);
  });

  test('a container cut short, which the log makes whole again (L.6)', async () => {
    await recover();
    const whole = contentsOf(target);
    fs.rmSync(target, { recursive: true });
    const { file, pageSize } = aDatabase();
    fs.truncateSync(file, 3 * pageSize);
    await recover();
    expect(contentsOf(target)).toEqual(whole);
  });

  test('a container that is missing, when the log does not create it (L.7)', async () => {
    const { file } = aDatabase();
    const all = [...logPaths(discoverEnvironment(nodeFiles, home)).keys()].sort((a, b) => a - b);
    expect(all.length).toBeGreaterThan(3);
    fs.rmSync(file);
    // The log begins later; what is needed is still there.
    for (const number of all.slice(0, 1)) fs.rmSync(path.join(home, logFileName(number)));
    const error = await failureOf(recover);
    expect(['container-missing', 'not-recoverable']).toContain(error.code);
  });

  test('LSNs that were reset after the log was written (L.13)', async () => {
    const { file } = aDatabase();
    const reset = spawnSync('db5.3_load', ['-r', 'lsn', path.basename(file)], { cwd: home, encoding: 'utf8' });
    expect({ status: reset.status, stderr: reset.stderr }).toEqual({ status: 0, stderr: '' });
    const error = await failureOf(recover);
    expect(['chain-mismatch', 'not-recoverable']).toContain(error.code);
    expect(error.message).toContain(path.basename(file));
  });

  test('a log file missing in between, and one that is none (L.27)', async () => {
    const all = [...logPaths(discoverEnvironment(nodeFiles, home)).keys()].sort((a, b) => a - b);
    const last = all.at(-1)!;
    fs.writeFileSync(path.join(home, logFileName(last + 1)), Buffer.alloc(5000, 'x'));
    expect((await expectFailure('log-corrupt', recover)).message).toContain(logFileName(last + 1));
    fs.rmSync(path.join(home, logFileName(last + 1)));
    fs.rmSync(path.join(home, logFileName(last - 1)));
    expect((await expectFailure('log-missing', recover)).message).toContain(logFileName(last - 1));
    // An empty one is what the library leaves when it dies while it begins a file.
    fs.writeFileSync(path.join(home, logFileName(last + 1)), Buffer.alloc(0));
    expect(fs.existsSync(target)).toBe(false);
  });

  test('of two containers with the same unique id the one that the log names is recovered (L.44)', async () => {
    const { file } = aDatabase();
    const copy = path.join(home, 'a-copy-of-it.db');
    fs.copyFileSync(file, copy);
    const before = contentsOf(home);
    const { warnings } = await recover();
    expect(warnings.join()).toContain(`a-copy-of-it.db is a copy of ${path.basename(file)}`);
    expect(contentsOf(target)).toEqual(before);
    expect(fs.readFileSync(path.join(target, 'a-copy-of-it.db'))).toEqual(fs.readFileSync(copy));
  });
});
