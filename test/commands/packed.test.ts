/** Repositories in directories whose sets are packed, and encrypted: commands work with them as with plain ones. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { databasesIn, namesOfFiles, PackedPlace, type PackedKind } from '../support/packed-place.ts';
import { isLongRun, sampled } from '../support/effort.ts';
import { watchedFiles } from '../support/watched-files.ts';
import { describeWith } from '../support/tools.ts';
import { fingerprint } from '../support/trees.ts';
import { lacks } from '../support/windows.ts';

const kinds: readonly PackedKind[] = sampled(['encrypted', 'packed'], 2);

/** What is fetched of a file to see what it is, in bytes. */
const beginning = 64 << 10;

/** What looking commands print, without what tells where the repository is, or when it was looked at. */
const withoutPlace = (text: string): string => text.replaceAll(/<dir>\/\S+/g, '<repository>');

describe.each(kinds)('a repository that is %s', (kind) => {
  let packed: PackedPlace;
  const { run, succeed } = {
    run: (...args: Parameters<PackedPlace['run']>) => packed.run(...args),
    succeed: (...args: Parameters<PackedPlace['succeed']>) => packed.succeed(...args),
  };

  /** The full sets, the oldest first: names tell seconds only. */
  const chains = async (): Promise<string[]> => {
    const listed = JSON.parse((await succeed('list --repo @repo --json')).stdout) as { chains: { id: string }[] };
    return listed.chains.map(({ id }) => id);
  };

  beforeAll(async () => {
    packed = await PackedPlace.make(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), kind);
  });
  afterAll(() => fs.rmSync(packed.place.directory, { recursive: true, force: true }));

  test('is made once', async () => {
    packed.application.commitUpTo([4, 72_115]);
    await packed.init();
    const before = fingerprint(packed.inside('repo'));
    await packed.init();
    expect(fingerprint(packed.inside('repo'))).toEqual(before);
    expect(namesOfFiles(packed.inside('repo'))).toEqual(
      ['README.txt', ...(kind === 'encrypted' ? ['key.age'] : []), 'repository.json', 'restore.py'].sort(),
    );
    if (kind === 'encrypted' && !lacks.owners) expect(fs.statSync(packed.inside('machine.key')).mode & 0o077).toBe(0);
  });

  test('stores of a second full set what changed', async () => {
    await succeed('hot --home @env --repo @repo', 'machine');
    const first = packed.packed();
    packed.application.commitUpTo([5, 60_000]);
    await succeed('hot --home @env --repo @repo', 'machine');
    expect(packed.packed() - first).toBeLessThan(0.7 * first);
    expect(packed.sets()).toHaveLength(2);
    await succeed('verify --repo @repo --rehearse');
  });

  test('takes incrementals without an identity, and says so where nobody could read what came before', async () => {
    packed.application.commitUpTo([5, 80_000]);
    const { stdout } = await succeed('incremental --home @env --repo @repo -v', 'machine');
    if (kind === 'encrypted') {
      expect(stdout).toContain(
        'nothing opens the sets before it here: not proven recoverable until `verify --rehearse`',
      );
      expect(stdout).toContain('can be restored up to ');
    } else expect(stdout).toContain('proven recoverable');
    // Nothing is new: no set is made again and again.
    const again = await succeed('incremental --home @env --repo @repo -v', 'machine');
    expect(again.stdout).toContain('nothing new since');
    expect(packed.sets()).toHaveLength(3);
  });

  test('takes incrementals where the spool was lost, and of another machine', async () => {
    fs.rmSync(packed.inside('spool'), { recursive: true });
    fs.mkdirSync(packed.inside('spool'));
    packed.application.commitUpTo([5, 110_402]);
    await succeed('incremental --home @env --repo @repo', 'machine');
    expect(packed.sets()).toHaveLength(4);
    await succeed('verify --repo @repo --rehearse');
    await succeed('check --repo @repo --max-rehearsal-age 1h', 'machine');
    const { stdout } = await succeed('show --repo @repo', 'machine');
    expect(/not compared +2 incrementals with the source/.test(stdout)).toBe(kind === 'encrypted');
  });

  test('is copied into a plain one, which says the same', async () => {
    await succeed('copy --repo @repo --to @plain', 'owner');
    await packed.run('verify --repo @plain --rehearse', 'nobody');
    const [chain, newest] = await chains();
    const lines = [
      `show --chain ${newest}`,
      'logs list',
      'dump d.dbxml',
      'documents list d.dbxml',
      `diff --from-set ${chain} --to-set ${newest}`,
      'inspect environment',
      'logs timeline',
      'logs print',
    ];
    for (const line of sampled(lines, 4)) {
      const [ours, plain] = [await run(`${line} --repo @repo`), await run(`${line} --repo @plain`, 'nobody')];
      expect(ours.stderr, line).toBe(withoutPlace(plain.stderr));
      // That it was verified was noted at another time, and commands that are suggested name another place.
      const told = (text: string): string[] =>
        withoutPlace(text)
          .replaceAll(/ +not yet rehearsed$/gm, '')
          .split('\n')
          .filter((each) => !/verified|rehearsed|by a rehearsal/.test(each));
      expect(told(ours.stdout), line).toEqual(told(plain.stdout));
      expect(ours.exitCode, line).toBe(plain.exitCode);
    }
    await succeed('report --repo @repo --output @report.html', 'machine');
    expect(fs.readFileSync(packed.inside('report.html'), 'utf8')).toContain(chain);
  });

  test('is recovered to what a plain one is recovered to, by whoever has an identity alone', async () => {
    await succeed('recover --repo @repo --to @recovered', 'owner');
    await run('recover --repo @plain --to @expected', 'nobody');
    expect(databasesIn(packed.place.target)).toEqual(databasesIn(packed.inside('expected')));
    const [first] = await chains();
    await succeed(`recover --repo @repo --chain ${first} --to @first`, 'owner');
    await run(`recover --repo @plain --chain ${first} --to @first-expected`, 'nobody');
    expect(databasesIn(packed.inside('first'))).toEqual(databasesIn(packed.inside('first-expected')));
  });

  test('is recovered without a copy of its containers and log files in the spool', async () => {
    const [first] = await chains();
    const inSpool = new Map<string, number>();
    const copied: string[] = [];
    const spool = packed.inside('spool') + path.sep;
    const files = watchedFiles(nodeFiles, {
      before: (operation, file) => {
        if (operation === 'copy' && file.startsWith(spool)) copied.push(path.basename(file));
      },
      afterWrite: (file, bytes) => {
        if (!file.startsWith(spool)) return;
        const name = path.basename(file);
        inSpool.set(name, (inSpool.get(name) ?? 0) + bytes.length);
      },
    });
    await succeed(`recover --repo @repo --chain ${first} --to-set ${first} --to @once`, 'owner', { files });
    const sizeOf = (name: string): number => fs.statSync(packed.inside(`once/${name}`)).size;
    const large = fs.readdirSync(packed.inside('once')).filter((name) => sizeOf(name) > beginning);
    expect(large).toContain('d.dbxml');
    expect(large.some((name) => name.startsWith('log.'))).toBe(true);
    // Of log files, the header is read before they are copied.
    for (const name of large) {
      expect([name, inSpool.get(name) ?? 0]).toEqual([name, name.startsWith('log.') ? beginning : 0]);
    }
    expect(copied).toEqual([]);
  });

  test('a dry run names files as they are in the sets, not where they were read meanwhile', async () => {
    const line = 'recover --repo @repo --to @dry --dry-run';
    const text = await succeed(line, 'owner');
    const document = JSON.parse((await succeed(`${line} --json`, 'owner')).stdout) as {
      sets: string[];
      files: { name: string; from: string }[];
    };
    const sets = document.sets.join('|');
    for (const { name, from } of document.files) {
      expect(from).toMatch(new RegExp(`^(${sets})/environment/${name}$`));
      expect(text.stdout).toContain(`  ${from}\n`);
    }
    expect(document.files.length).toBeGreaterThan(3);
  });

  const restored = (): void => {
    const copy = packed.copyOf('repo', 'away');
    const key = kind === 'encrypted' ? [packed.inside('identity.txt')] : [];
    const mistakes = [
      [],
      ['nosuch', packed.inside('none')],
      ...(kind === 'encrypted' ? [[packed.sets()[0]!, packed.inside('none')]] : []),
    ];
    for (const words of mistakes) {
      const { status, stderr } = spawnSync('python3', ['restore.py', ...words], { cwd: copy, encoding: 'utf8' });
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/in a copy of the repository: python3 restore\.py SET DIR \[IDENTITY\].*\n$/),
      ]);
      expect(fs.existsSync(packed.inside('none'))).toBe(false);
    }
    for (const set of packed.sets()) {
      const target = packed.inside(`restored-${set}`);
      const { status, stderr } = spawnSync('python3', ['restore.py', set, target, ...key], { cwd: copy });
      expect([status, stderr.toString()]).toEqual([0, '']);
      const files = (directory: string): string[] =>
        namesOfFiles(directory).map(
          (name) => `${name} ${fs.readFileSync(path.join(directory, name)).toString('base64')}`,
        );
      expect(files(path.join(target, 'environment'))).toEqual(files(packed.inside(`plain/${set}/environment`)));
      expect(fs.readFileSync(path.join(target, 'manifest.json'))).toEqual(
        fs.readFileSync(packed.inside(`plain/${set}/manifest.json`)),
      );
    }
  };
  describeWith('python3', 'python3', 'without this program', () =>
    describeWith('zstd', 'zstd', 'by other tools', () =>
      describeWith(kind === 'encrypted' ? 'age' : 'zstd', 'age', 'and age where it is encrypted', () =>
        test.runIf(isLongRun)('is brought back byte for byte', restored),
      ),
    ),
  );

  test.runIf(isLongRun)(
    'takes sets of plain ones and of others, chain by chain, and again after they were expired there',
    async () => {
      await packed.init('other');
      const [first] = await chains();
      // The key file is that of the repository that is written to.
      await succeed(`copy --repo @plain --to @other --chain ${first}`, 'machine');
      expect(packed.sets('other')).toEqual([first]);
      await succeed('copy --repo @repo --to @other');
      expect(packed.sets('other')).toEqual(packed.sets());
      await succeed('expire --repo @other --keep-full 1', 'machine');
      expect(packed.sets('other')).not.toContain(first);
      await succeed(`copy --repo @repo --to @other --chain ${first}`);
      expect(packed.sets('other')).toEqual(packed.sets());
      await succeed('verify --repo @other --rehearse');
      await succeed('copy --repo @other --to @plain-again', 'owner');
      for (const set of packed.sets()) {
        const files = (repository: string): readonly string[] =>
          fingerprint(packed.inside(`${repository}/${set}/environment`));
        const named = (lines: readonly string[]): string[] =>
          lines.map((line) => `${line.split(' ')[0]} ${line.split(' ').at(-1)}`);
        expect(named(files('plain-again'))).toEqual(named(files('plain')));
      }
    },
  );

  test('has no names or sizes of containers in what lies there in the clear', () => {
    if (kind === 'packed') return;
    const names = namesOfFiles(packed.inside('repo'));
    const words = ['dbxml', '122880', '147456', packed.place.home, path.basename(packed.place.home)];
    for (const name of names) {
      const text = fs.readFileSync(packed.inside(`repo/${name}`), 'latin1');
      for (const word of words.slice(0, 4))
        expect(name + (name.endsWith('.py') || name.endsWith('.txt') ? '' : text)).not.toContain(word);
      expect(/^(sets|packs)\//.test(name) ? text.startsWith('age-encryption.org/v1\n') : true).toBe(true);
    }
  });

  test.runIf(isLongRun)('is pinned, consolidated and expired, and what is left is whole', async () => {
    const [first, second] = await chains();
    await succeed(`pin ${first} --repo @repo`, 'machine');
    await succeed('expire --repo @repo --keep-full 1', 'machine');
    expect(packed.sets()).toContain(first);
    await succeed(`unpin ${first} --repo @repo`, 'machine');
    await succeed('consolidate --repo @repo');
    await succeed('verify --repo @repo --rehearse');
    const before = packed.packed();
    await succeed('expire --repo @repo --keep-full 1', 'machine');
    expect(packed.sets()).toHaveLength(1);
    expect(packed.sets()).not.toContain(second);
    expect(packed.packed()).toBeLessThan(before);
    await succeed('verify --repo @repo --rehearse');
    await succeed('recover --repo @repo --to @last', 'owner');
    expect(databasesIn(packed.inside('last'))).toEqual(databasesIn(packed.place.target));
  });
});
