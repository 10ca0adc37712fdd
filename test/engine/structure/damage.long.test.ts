import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { checkEnvironment } from '../../../src/engine/database/check-environment.ts';
import { metaAt } from '../../../src/format/page/meta.ts';
import { damages, pagesOf } from '../../support/structural-damage.ts';
import { randomNumbers } from '../../support/random-numbers.ts';
import { effort } from '../../support/effort.ts';
import { describeNative, makeDatabases } from '../../support/native.ts';

const pageSize = 512;
const seed = 7;
/** In each database. */
const randomChanges = effort('CHANGES', 60);

/** Messages of everything found in a directory. */
async function findIn(directory: string): Promise<string[]> {
  const { findings } = await checkEnvironment(nodeFiles, discoverEnvironment(nodeFiles, directory));
  return findings.map(({ message }) => message);
}

/** What native verification says; undefined when it is content. Where it runs in circles it says nothing. */
function nativeProblem(directory: string, name: string): string | undefined {
  const { status, signal, stderr } = spawnSync('db5.3_verify', [name], {
    cwd: directory,
    encoding: 'utf8',
    timeout: 2000,
    // It minds no other one then.
    killSignal: 'SIGKILL',
  });
  return status === 0 || signal === 'SIGKILL' ? undefined : stderr.split('\n')[0];
}

/**
 * Bytes that tell what a file is. Changed, the file is no longer a database, or an encrypted one: recovery misses it by
 * its id, and does not get as far as to check it. With another hash function, keys cannot be checked.
 */
function tellsTheKind(position: number, name: string): boolean {
  const isIn = (field: number, length: number): boolean => position >= field && position < field + length;
  return isIn(metaAt.magic, 4) || isIn(metaAt.encryption, 1) || (name.includes('hash') && isIn(metaAt.hash.charKey, 4));
}

/** How often which of the two found something. */
class Tally {
  readonly #rows = new Map<string, [tried: number, native: number, ours: number]>();
  readonly missed: string[] = [];

  add(row: string, where: string, native: string | undefined, ours: readonly string[]): void {
    const counts = this.#rows.get(row) ?? [0, 0, 0];
    this.#rows.set(row, counts);
    counts[0] += 1;
    if (native !== undefined) counts[1] += 1;
    if (ours.length > 0) counts[2] += 1;
    if (native !== undefined && ours.length === 0) this.missed.push(`${row} in ${where}: ${native}`);
  }

  print(title: string): void {
    const lines = [...this.#rows].map(
      ([row, [tried, native, ours]]) => `${row.padEnd(34)}${tried}`.padEnd(42) + `${native}`.padEnd(8) + ours,
    );
    console.log([title.padEnd(34) + 'tried   native  ours', ...lines].join('\n'));
  }
}

describeNative('the structural check beside db_verify', () => {
  let home: string;
  let names: string[];

  beforeEach(() => {
    home = makeDatabases(['--seed', `${seed}`, '--records', '150', '--page-size', `${pageSize}`]);
    names = fs.readdirSync(home).filter((name) => name.endsWith('.db') && !name.startsWith('__db'));
  });

  /** A directory with one database, changed. */
  function damaged(name: string, bytes: Buffer): string {
    const directory = path.join(home, 'damaged');
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, name), bytes);
    for (const part of fs.readdirSync(home).filter((other) => /^__db[qp]\./.test(other) && other.includes(name))) {
      fs.copyFileSync(path.join(home, part), path.join(directory, part));
    }
    return directory;
  }

  test.each([
    ['small pages', ['--page-size', '512', '--records', '400']],
    ['checksums', ['--page-size', '1024', '--checksum']],
    ['the other byte order', ['--page-size', '1024', '--big-endian']],
    ['big pages', ['--page-size', '65536', '--records', '1000']],
  ])('sound databases with %s give no finding', async (_, options) => {
    expect(await findIn(makeDatabases(['--seed', `${seed}`, ...options]))).toEqual([]);
  });

  test('whatever structural damage db_verify finds is found, one thing at a time', async () => {
    const tally = new Tally();
    for (const damage of damages) {
      const cases = names.flatMap((name) => {
        const bytes = fs.readFileSync(path.join(home, name));
        const pages = pagesOf(bytes);
        const fitting = pages.filter(({ type }) => damage.types.includes(type));
        // One page in the middle says as much as all of them.
        const page = fitting[fitting.length >> 1];
        return page && damage.apply(page, pages.length) ? [{ name, bytes, page }] : [];
      });
      // Of each damage some databases; all that it fits in the long run.
      for (const { name, bytes, page } of cases) {
        const directory = damaged(name, bytes);
        tally.add(damage.name, `${name} page ${page.pgno}`, nativeProblem(directory, name), await findIn(directory));
      }
    }
    tally.print('damage');
    expect(tally.missed).toEqual([]);
  }, 120_000);

  test('whatever changed byte db_verify finds is found', async () => {
    const tally = new Tally();
    const random = randomNumbers(seed);
    for (const name of names) {
      const original = fs.readFileSync(path.join(home, name));
      for (let i = 0; i < randomChanges; i++) {
        const bytes = Buffer.from(original);
        // Headers, and metadata, matter most.
        const page = random(3) === 0 ? 0 : random(bytes.length / pageSize);
        const position = page * pageSize + random(page === 0 ? 260 : random(2) === 0 ? 40 : pageSize);
        if (tellsTheKind(position, name)) continue;
        bytes[position]! ^= 1 << random(8);
        const directory = damaged(name, bytes);
        tally.add(name, `byte ${position}`, nativeProblem(directory, name), await findIn(directory));
      }
    }
    tally.print('changed bytes');
    expect(tally.missed).toEqual([]);
  }, 120_000);
});
