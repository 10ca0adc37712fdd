/** `recover --only`, `--map-dir`, and what is said before the work begins. */

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { discoverEnvironment } from '../../src/engine/environment/discover.ts';
import { filesOfKind } from '../../src/engine/environment/environment.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { corpusCase } from '../support/corpus.ts';
import { sampled } from '../support/effort.ts';
import { layDemoEnvironment, temporaryDirectory } from '../support/demo-environment.ts';
import { contentsOf, describeNative, recoverNatively, verifyNatively } from '../support/native.ts';
import { figaro, type CliResult, type CliSurroundings } from '../support/run-cli.ts';
import { Session } from '../support/session.ts';
import { namesIn } from '../support/trees.ts';

let directory: string;
let home: string;
let target: string;

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  target = path.join(directory, 'restored');
});
function recover(args: readonly string[] = [], surroundings: CliSurroundings = {}): Promise<CliResult> {
  return figaro(['recover', '--from', home, '--to', target, ...args], { directory, ...surroundings });
}

function damage(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position]! ^= 1;
  writeFileSync(file, bytes);
}

/** Names of the databases of an environment, without those of its external files. */
function containers(environment: string): string[] {
  return filesOfKind(discoverEnvironment(nodeFiles, environment), 'database')
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('__db_bl/'));
}

describe('--only', () => {
  describe('of the demo environment', () => {
    beforeEach(() => layDemoEnvironment(home));

    test('makes a directory of the container and the last log file', async () => {
      const { exitCode, stdout, stderr } = await recover(['--only', 'd.dbxml']);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 0,
        stderr: 'warning: this is 1 of 2 containers: to look into, not to go on with in place of the environment\n',
      });
      expect(stdout).toContain('databases               d.dbxml\n');
      expect(readdirSync(target)).toEqual(['d.dbxml', 'log.0000000006']);
      const whole = path.join(directory, 'whole');
      expect((await figaro(['recover', '--from', home, '--to', whole])).exitCode).toBe(0);
      expect(readFileSync(path.join(target, 'd.dbxml'))).toEqual(readFileSync(path.join(whole, 'd.dbxml')));
    });

    test('to an earlier point ends with the log file of that point', async () => {
      const { exitCode } = await recover(['--only', 'e.dbxml', '--to-lsn', '[2][109337]']);
      expect(exitCode).toBe(0);
      expect(namesIn(target).filter((name) => name.startsWith('log.'))).toEqual(['log.0000000002']);
    });

    test('does not mind that another container is damaged', async () => {
      damage(path.join(home, 'e.dbxml'), 25);
      expect((await recover()).exitCode).toBe(4);
      expect((await recover(['--only', 'd.dbxml'])).exitCode).toBe(0);
    });

    test('minds that this one is', async () => {
      damage(path.join(home, 'd.dbxml'), 25);
      const { exitCode, stderr } = await recover(['--only', 'd.dbxml']);
      expect(exitCode).toBe(4);
      expect(stderr).toContain('d.dbxml is a damaged database');
      expect(namesIn(directory)).not.toContain('restored');
    });

    test('of a chain does not mind that another file of the set is damaged, and minds that this one is', async () => {
      const repo = path.join(directory, 'repo');
      expect((await figaro(['hot', '--home', home, '--repo', repo])).exitCode).toBe(0);
      const [set] = namesIn(repo).filter((name) => name.includes('-hot-'));
      damage(path.join(repo, set!, 'environment/e.dbxml'), 5000);
      const args = ['recover', '--repo', repo, '--to', target];
      expect((await figaro(args)).exitCode).toBe(4);
      expect((await figaro([...args, '--only', 'e.dbxml'])).stderr).toContain('does not match its SHA-256');
      expect((await figaro([...args, '--only', 'd.dbxml'])).exitCode).toBe(0);
    });

    test('names the containers there are when there is none of this name', async () => {
      const { exitCode, stderr } = await recover(['--only', 'f.dbxml']);
      expect(exitCode).toBe(3);
      expect(stderr).toBe(
        'error [container-missing]: f.dbxml: no container has this name at the restore point\n' +
          'hint: there are: d.dbxml, e.dbxml.\n',
      );
    });

    test('can be rehearsed', async () => {
      const { exitCode, stdout } = await recover(['--only', 'd.dbxml', '--dry-run', '--json']);
      expect(exitCode).toBe(0);
      const document = JSON.parse(stdout) as { databases: string[]; files: { name: string }[] };
      expect(document.databases).toEqual(['d.dbxml']);
      expect(document.files.map(({ name }) => name)).not.toContain('e.dbxml');
      expect(namesIn(directory)).toEqual(['env']);
    });

    test('is nothing the native engine can do', async () => {
      const { exitCode, stderr } = await recover(['--only', 'd.dbxml', '--engine', 'native']);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 2,
        stderr: 'error [usage]: the native engine recovers whole environments: it cannot be told --only\n',
      });
    });
  });

  const ofAllKinds = [
    'fileops-53-hot',
    'subdbs-62-hot',
    'queue-ext-48-hot',
    'extfile-62-hot',
    'openfop-lost-48-crash',
    'datadirs-181-logs',
    'ds-53',
  ];
  // All of them in the long run.
  test.each(sampled(ofAllKinds, 3))('each container of %s comes out as with all the others', async (id) => {
    const layers = corpusCase(id).input.flatMap((layer) => ['--from', layer]);
    const whole = path.join(directory, 'whole');
    expect(await figaro(['recover', ...layers, '--to', whole, '--any-order'])).toMatchObject({ exitCode: 0 });
    const made = containers(whole);
    expect(made.length).toBeGreaterThan(0);
    for (const name of made) {
      const part = await figaro(['recover', ...layers, '--to', target, '--only', name, '--any-order']);
      expect({ name, ...part }).toMatchObject({ name, exitCode: 0 });
      expect(containers(target)).toEqual([name]);
      expect(readFileSync(path.join(target, name)).equals(readFileSync(path.join(whole, name)))).toBe(true);
      rmSync(target, { recursive: true });
    }
  });
});

describeNative('what comes out', () => {
  test('with --only is opened by Berkeley DB', async () => {
    const application = new Session(home);
    for (const name of ['a', 'b'])
      application.do(`open ${name} auto ${name}.db - btree 1024`, `put ${name} auto 0 500 90 first`);
    await application.die();
    expect((await recover(['--only', 'b.db'])).exitCode).toBe(0);
    expect(verifyNatively(target)).toEqual([]);
    expect(recoverNatively(target, [])).toMatchObject({ ok: true });
    const whole = path.join(directory, 'whole');
    await figaro(['recover', '--from', home, '--to', whole]);
    expect(contentsOf(target)).toEqual({ 'b.db ': contentsOf(whole)['b.db '] });
    const again = new Session(target, ['--recover']);
    again.do('open b auto b.db - btree 1024', 'put b auto 500 10 90 second');
    await again.leave();
  });

  describe('with --map-dir', () => {
    beforeEach(async () => {
      for (const name of ['data', 'disk2/data', 'logs']) mkdirSync(path.join(home, name), { recursive: true });
      writeFileSync(
        path.join(home, 'DB_CONFIG'),
        '# ours\nset_data_dir data\nset_data_dir disk2/data\nset_lg_dir   logs\nset_cachesize 0 300000 1\n',
      );
      const application = new Session(home);
      application.do('open a auto a.db - btree 1024', 'put a auto 0 500 90 first', 'checkpoint');
      await application.die();
    });

    test('lies in the new directories, and its DB_CONFIG says so', async () => {
      const { exitCode, stderr } = await recover(['--map-dir', 'data=store/one', '--map-dir', './logs/=journal']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(readFileSync(path.join(target, 'DB_CONFIG'), 'utf8')).toBe(
        '# ours\nset_data_dir store/one\nset_data_dir disk2/data\nset_lg_dir   journal\nset_cachesize 0 300000 1\n',
      );
      expect(namesIn(target)).toEqual(['DB_CONFIG', 'disk2', 'journal', 'store']);
      expect(namesIn(path.join(target, 'journal'))).toEqual(['log.0000000001']);
      const whole = path.join(directory, 'whole');
      await figaro(['recover', '--from', home, '--to', whole]);
      expect(contentsOf(path.join(target, 'store/one'))).toEqual(contentsOf(path.join(whole, 'data')));
      const again = new Session(target, ['--recover']);
      again.do('open a auto a.db - btree 1024', 'put a auto 500 10 90 second');
      await again.leave();
      expect(namesIn(path.join(target, 'store/one'))).toEqual(['a.db']);
      const onward = await figaro(['hot', '--home', target, '--repo', path.join(directory, 'repo')]);
      expect(onward.exitCode).toBe(0);
    });

    test.each([
      ['of a directory that DB_CONFIG does not name', 'other=store', 'DB_CONFIG does not name the directory other'],
      ['to the outside', 'data=../store', '../store is neither a directory inside of the environment nor a full path'],
      ['to the home directory', 'data=.', '. is neither a directory inside of the environment nor a full path'],
      ['to a directory there is', 'data=logs', 'data cannot become logs: the environment has logs already'],
      ['into a file', 'data=logs/log.0000000001/x', 'the environment has logs already'],
      ['above one there is', 'data=disk2', 'data cannot become disk2: the environment has disk2'],
      ['to nothing', 'data=', 'Write OLD=NEW'],
    ])('%s is refused', async (_what, mapping, message) => {
      const { exitCode, stderr } = await recover(['--map-dir', mapping]);
      expect(exitCode).toBe(2);
      expect(stderr.toLowerCase()).toContain(message.toLowerCase());
      expect(namesIn(directory)).toEqual(['env']);
    });
  });
});

describe('before the work begins', () => {
  beforeEach(() => layDemoEnvironment(home));
  const withRoom = (bytes: number): Files => ({ ...nodeFiles, freeSpace: () => bytes });

  test('it is told what it takes, with --verbose', async () => {
    const { stderr } = await recover(['--verbose'], { files: withRoom(3 * 2 ** 30) });
    expect(stderr).toContain(
      'needs at least 1.8 MiB at <dir>, where 3.0 GiB are free, with 1.5 MiB of log to replay\n',
    );
  });

  test('too little room is an error, and nothing was written', async () => {
    const { exitCode, stderr } = await recover([], { files: withRoom(1000) });
    expect(exitCode).toBe(6);
    expect(stderr).toMatch(/^error \[no-space\]: <dir> has 1000 B free, and the recovered environment needs/);
    expect(namesIn(directory)).toEqual(['env']);
  });

  test('with --dry-run, too little room is told, and no error', async () => {
    const { exitCode, stdout } = await recover(['--dry-run'], { files: withRoom(1000) });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('needs                   at least 1.8 MiB at <dir>, where 1000 B are free');
  });
});
