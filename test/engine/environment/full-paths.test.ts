/** Containers that the application opens by their full path, as the log then names them. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, describeNative } from '../../support/native.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { Session } from '../../support/session.ts';
import { fingerprint, namesIn } from '../../support/trees.ts';

let directory: string;
let home: string;
let far: string;
let target: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  far = path.join(directory, 'far');
  target = path.join(directory, 'restored');
  fs.mkdirSync(home);
  fs.mkdirSync(far);
});

const run = (...args: readonly string[]): Promise<CliResult> => figaro(args, { directory });
const take = (kind: string, ...more: readonly string[]): Promise<CliResult> =>
  run(kind, '--home', home, '--repo', path.join(directory, 'repo'), ...more);
const recover = (...more: readonly string[]): Promise<CliResult> =>
  run('recover', '--repo', path.join(directory, 'repo'), '--to', target, ...more);

describeNative('containers opened by their full path', () => {
  test('inside of the environment are backed up and come back, those made later as well', async () => {
    const session = new Session(home, ['--shared']);
    session.do(`open a auto ${home}/a.db - btree`, 'put a auto 1 200 30 first', 'checkpoint');
    expect(await take('hot')).toMatchObject({ exitCode: 0, stderr: 'created repository <dir>/repo\n' });
    session.do(`open b auto ${home}/b.db - btree`, 'put b auto 1 50 30 second', 'put a auto 1 20 40 third');
    session.do(`open c auto ${home}/c.db - hash`, 'put c auto 1 20 40 third', 'close c');
    session.do(`rename auto ${home}/c.db - ${home}/d.db`);
    expect(await take('incremental')).toMatchObject({ exitCode: 0, stderr: '' });
    // What is where the original was does not matter, and is not touched.
    session.do('leave');
    const before = fingerprint(home);
    expect(await recover()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(namesIn(target)).toEqual(['a.db', 'b.db', 'd.db', 'log.0000000001']);
    expect(contentsOf(target)).toEqual(contentsOf(home));
    expect(fingerprint(home)).toEqual(before);
  });

  test('outside of it are told of by each backup, and by the recovery that has to do without them', async () => {
    const session = new Session(home, ['--shared']);
    session.do(
      'open a auto a.db - btree',
      `open b auto ${far}/b.db - btree`,
      'put a auto 1 20 30 x',
      'put b auto 1 20 30 x',
    );
    const told = 'warning: <dir>/far/b.db is a database that the application opens by its full path';
    const hot = await take('hot');
    expect(hot).toMatchObject({ exitCode: 0 });
    expect(hot.stderr).toContain(told);
    session.do('put a auto 1 20 30 y', 'put b auto 1 20 30 y');
    expect((await take('incremental')).stderr).toContain(told);
    const without = await recover();
    expect(without.exitCode).toBe(3);
    expect(without.stderr).toContain('error [container-missing]: <dir>/far/b.db');
    expect(namesIn(target)).toEqual(['a.db', 'log.0000000001']);
    fs.rmSync(target, { recursive: true });
    expect((await recover('--accept-missing')).exitCode).toBe(0);
  });

  test('outside of it are taken where their directory is named', async () => {
    const session = new Session(home, ['--shared']);
    session.do(`open b auto ${far}/b.db - btree`, 'put b auto 1 20 30 x', 'checkpoint');
    expect(await take('hot', '--data-dir', far)).toMatchObject({
      exitCode: 0,
      stderr: 'created repository <dir>/repo\n',
    });
    session.do(`open c auto ${far}/c.db - btree`, 'put c auto 1 20 30 y', 'put b auto 1 20 30 y');
    expect(await take('incremental', '--data-dir', far)).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await recover()).toMatchObject({ exitCode: 0, stderr: '' });
    session.do('leave');
    const inside = path.join(
      target,
      namesIn(target).find((name) => name.startsWith('outside-far-'))!,
    );
    expect(namesIn(inside)).toEqual(['b.db', 'c.db']);
    expect(contentsOf(inside)).toEqual(contentsOf(far));
  });

  test('come back from a copy elsewhere, where it is said what it is a copy of', async () => {
    const session = new Session(home, ['--shared']);
    session.do(`open a auto ${home}/a.db - btree`, 'put a auto 1 20 30 x', 'leave');
    fs.rmSync(path.join(home, 'a.db'));
    const copy = path.join(directory, 'copy');
    fs.cpSync(home, copy, { recursive: true });
    const from = ['recover', '--from', copy, '--to', target];
    expect((await run(...from)).stderr).toContain('container-missing');
    fs.rmSync(target, { recursive: true, force: true });
    expect(await run(...from, '--dir-at', `${home}=${copy}`)).toMatchObject({ exitCode: 0 });
    expect(namesIn(target)).toEqual(['a.db', 'log.0000000001']);
  });
});
