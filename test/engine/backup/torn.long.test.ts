import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { apartMs } from '../../../src/engine/backup/page-source.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { recoverEnvironment } from '../../../src/engine/recovery/recover.ts';
import { type BackupSet } from '../../../src/engine/repository/backup-set.ts';
import { metaAt, metaSize } from '../../../src/format/page/meta.ts';
import { isMetaType } from '../../../src/format/page/types.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { contentsOf, databaseFiles, describeNative, nativeProgram } from '../../support/native.ts';
import { recoverBothWays, Storm, type StormOptions } from '../../support/storm.ts';
import { TornFiles, type Version } from '../../support/torn-files.ts';
import { effort } from '../../support/effort.ts';

/** How often each environment is backed up: `SEEDS=200 npx vitest run --mode long test/engine/backup/torn.long.test.ts` for more. */
const seeds = effort('SEEDS', 3);

const environments = [
  { pageSize: 512, checksums: false },
  { pageSize: 4096, checksums: false },
  { pageSize: 8192, checksums: true },
  { pageSize: 65_536, checksums: false },
] as const;

interface Source {
  readonly directory: string;
  readonly home: string;
  readonly storm: Storm;
  readonly options: StormOptions;
  /** Directories of older versions of the containers; none is older than the log. */
  readonly older: readonly string[];
}

/** An application after its only checkpoint, with two earlier moments of it. */
async function startSource(pageSize: number, checksums: boolean, seed: number, more: string[] = []): Promise<Source> {
  const directory = temporaryDirectory();
  const sums = checksums ? ['--checksum'] : [];
  const options: StormOptions = {
    seed,
    writers: 2,
    pageSize,
    more: ['--no-checkpoints', '--keep-logs', '--cache-kb', '20', '--pause-us', '4000', ...sums, ...more],
  };
  const storm = new Storm(directory, options);
  const older: string[] = [];
  for (const name of ['first', 'second']) {
    await storm.advance(150);
    older.push(await storm.snapshot(name));
  }
  await storm.advance(100);
  return { directory, home: storm.home, storm, options, older };
}

function versionsOf({ home, older }: Source): Map<string, Version[]> {
  const versions = new Map<string, Version[]>();
  for (const name of databaseFiles(home)) {
    const known = older.map((directory) => fs.readFileSync(path.join(directory, name)));
    versions.set(
      path.join(home, name),
      known.map((bytes) => ({ pageSize: bytes.readUInt32LE(20), bytes })),
    );
  }
  return versions;
}

/** A metadata page is its first 512 bytes: behind them are remains of what the page was before, which nobody reads (format document, 4.4.2). */
function meaningOf(page: Buffer): Buffer {
  return isMetaType(page[metaAt.type]!) ? page.subarray(0, metaSize) : page;
}

/** Every page of a set is one that some version has, whole. */
function expectWholePages({ directory }: BackupSet, source: Source): void {
  for (const name of databaseFiles(source.home)) {
    const copy = fs.readFileSync(path.join(directory, 'environment', name));
    const versions = [source.home, ...source.older].map((from) => fs.readFileSync(path.join(from, name)));
    const pageSize = copy.readUInt32LE(20);
    const blank = Buffer.alloc(pageSize);
    for (let at = 0; at < copy.length; at += pageSize) {
      const page = meaningOf(copy.subarray(at, at + pageSize));
      const isWhole = versions.some((bytes) =>
        page.equals(at < bytes.length ? bytes.subarray(at, at + page.length) : blank.subarray(0, page.length)),
      );
      if (!isWhole) expect.fail(`${name}: page ${at / pageSize} of the set is torn`);
    }
  }
}

async function contentsAfterRecovery(directory: string): Promise<object> {
  const environment = discoverEnvironment(nodeFiles, directory);
  const target = path.join(temporaryDirectory(), 'recovered');
  await recoverEnvironment(nodeFiles, { environment, target });
  const contents = contentsOf(target);
  fs.rmSync(target, { recursive: true });
  return contents;
}

/** What a backup may say of pages that are torn for as long as it looks. */
const refusals: ReadonlySet<string> = new Set(['page-unstable', 'page-checksum', 'page-type']);

describeNative('pages that are torn while they are read', () => {
  const tried = {
    backups: 0,
    refused: 0,
    pages: 0,
    torn: 0,
    stale: 0,
    readAgain: 0,
    live: 0,
    halves: 0,
    unstable: 0,
    heldUp: 0,
  };
  afterAll(() => {
    console.log(
      `backups with torn pages: ${tried.backups}, refused: ${tried.refused}, while written to: ${tried.live}; pages afflicted: ${tried.pages}, tears served: ${tried.torn}, read again: ${tried.readAgain}, old pages served: ${tried.stale}; backups beside a writer of halves: ${tried.halves}, refused: ${tried.unstable}; writers held up for too long: ${tried.heldUp}`,
    );
  });

  function note({ counts }: TornFiles): void {
    for (const name of ['pages', 'torn', 'stale', 'readAgain'] as const) tried[name] += counts[name];
  }

  test.each(environments)(
    'of $pageSize bytes (checksums: $checksums) are read again, or fail the backup where that never ends',
    async ({ pageSize, checksums }) => {
      const source = await startSource(pageSize, checksums, pageSize);
      await source.storm.kill();
      const { home, directory } = source;
      const undisturbed = await contentsAfterRecovery(home);
      for (let seed = 1; seed <= seeds; seed++) {
        const forever = seed % 3 === 0;
        // Without checksums the same tear in every read cannot be told from a page.
        const stuck = checksums && seed % 2 === 0;
        const torn = new TornFiles(nodeFiles, {
          seed: seed * 1000 + pageSize,
          versions: versionsOf(source),
          percent: forever ? 3 : 30,
          forever,
          stuck,
        });
        const repository = path.join(directory, `repo${seed}`);
        tried.backups++;
        try {
          const set = await takeBackup(torn.files, 'hot', { home, repository });
          expectWholePages(set, source);
          expect(await contentsAfterRecovery(path.join(set.directory, 'environment'))).toEqual(undisturbed);
        } catch (error) {
          if (!(forever || stuck) || !(error instanceof FigaroError) || !refusals.has(error.code)) throw error;
          tried.refused++;
        }
        note(torn);
        fs.rmSync(repository, { recursive: true, force: true });
      }
    },
    (60 + 5 * seeds) * 1000,
  );

  test('in a file whose times tell of it are read again, and no file is that was left alone', async () => {
    const source = await startSource(4096, false, 4);
    await source.storm.kill();
    const { home, directory } = source;
    const undisturbed = await contentsAfterRecovery(home);
    for (let seed = 1; seed <= 2 * seeds; seed++) {
      // Few pages, so that some containers have none.
      const percent = seed % 2 === 0 ? 30 : 1;
      const torn = new TornFiles(nodeFiles, { seed, versions: versionsOf(source), percent, showsWrites: true });
      const repository = path.join(directory, `repo${seed}`);
      const set = await takeBackup(torn.files, 'hot', { home, repository });
      expectWholePages(set, source);
      expect(await contentsAfterRecovery(path.join(set.directory, 'environment'))).toEqual(undisturbed);
      note(torn);
    }
  }, 60_000);

  test.each(environments.toReversed())(
    'of $pageSize bytes (checksums: $checksums) are read again by what the log of a busy application says',
    async ({ pageSize, checksums }) => {
      const source = await startSource(pageSize, checksums, pageSize + 1);
      const { home, directory, options, storm } = source;
      const repository = path.join(directory, 'repo');
      try {
        for (let seed = 1; seed <= Math.ceil(seeds / 6); seed++) {
          const torn = new TornFiles(nodeFiles, { seed, versions: versionsOf(source), percent: 30 });
          const isTaken = await takeBackup(torn.files, 'hot', { home, repository, smallBytes: 0 }).then(
            () => true,
            (error: unknown) => {
              // The application, too, may write a page more often than it can be read twice.
              if (error instanceof FigaroError && error.code === 'page-unstable') return false;
              throw error;
            },
          );
          note(torn);
          if (!isTaken) {
            tried.refused++;
            continue;
          }
          tried.live++;
          await storm.whileResting(async () => await recoverBothWays(directory, options));
          fs.rmSync(repository, { recursive: true });
        }
      } finally {
        await storm.kill();
      }
    },
    (60 + 5 * seeds) * 1000,
  );

  test.each([
    [4096, '300'],
    [4096, '5000'],
    [16_384, '10000'],
  ] as const)(
    'of %i bytes by a writer of halves with %s microseconds in between are whole in the set, or there is none',
    async (pageSize, pause) => {
      const source = await startSource(pageSize, false, pageSize + 2);
      await source.storm.kill();
      const { home, directory, older } = source;
      const undisturbed = await contentsAfterRecovery(home);
      const last = path.join(directory, 'last');
      fs.cpSync(home, last, { recursive: true });
      const files = databaseFiles(home).filter((name) => !name.startsWith('counter'));
      const directories = ['--home', home, '--a', older[1]!, '--b', last];
      const numbers = ['--page-size', `${pageSize}`, '--seed', pause, '--pause-us', pause, '--gap-us', '500'];
      const writer = spawn(nativeProgram('halves'), [...directories, ...numbers, ...files], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      writer.stdout.on('data', (data: Buffer) => (output += data.toString()));
      await Promise.race([once(writer.stdout, 'data'), once(writer, 'exit')]);
      expect(writer.exitCode).toBe(null);
      const torn: unknown[] = [];
      try {
        for (let round = 0; round < Math.ceil(seeds / 3); round++) {
          const repository = path.join(directory, `repo${round}`);
          tried.halves++;
          try {
            const set = await takeBackup(nodeFiles, 'hot', { home, repository });
            expectWholePages(set, { ...source, home: last });
            expect(await contentsAfterRecovery(path.join(set.directory, 'environment'))).toEqual(undisturbed);
          } catch (error) {
            if (!(error instanceof FigaroError)) torn.push(error);
            else if (error.code === 'page-unstable') tried.unstable++;
            else throw error;
          }
          fs.rmSync(repository, { recursive: true, force: true });
        }
        expect(writer.exitCode).toBe(null);
      } finally {
        writer.kill('SIGTERM');
        if (writer.exitCode === null) await once(writer, 'close');
      }
      // A writer that was held up for longer than two reads are apart cannot be told from one that is done.
      const longestUs = Number(output.split('\n')[1]);
      if (longestUs < apartMs * 1000) expect(torn).toEqual([]);
      else tried.heldUp++;
    },
    (60 + 5 * seeds) * 1000,
  );
});
