/** What `dump --salvage` gives of damaged databases, beside what `db5.3_dump -r` gives. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { isKeyed, missingIn, placeFor, recordsIn, salvageNatively } from '../support/dumps.ts';
import { effort } from '../support/effort.ts';
import { databaseFiles, describeNative, makeDatabases, runTool } from '../support/native.ts';
import { figaro } from '../support/run-cli.ts';
import { damages, pagesOf } from '../support/structural-damage.ts';

const pageSize = 512;
const small = ['--seed', '7', '--records', '60', '--page-size', `${pageSize}`];
/** How many pages of a database are damaged in the same way. */
const places = effort('PLACES', 5);

/** Each damage is done to one in so many of the databases that it fits. */
const stride = effort('DAMAGE_STRIDE', 1);

/** One of each kind; `npm run test:long` takes their variants, too. */
const variants = /^(minkey|recnum|padded|renumber|hash-factor|heap-limit|empty-\w+)\.db$/;

function someOf(home: string): string[] {
  return databaseFiles(home).filter((name) => places > 1 || !variants.test(name));
}

/** Some of a list, spread over it. */
function spread<T>(all: readonly T[]): T[] {
  const step = (all.length - 1) / (places + 1);
  return [...new Set(Array.from({ length: places }, (_, i) => all[Math.round(step * (i + 1))]!))];
}

describeNative('dump --salvage beside db_dump -r', () => {
  test.each([
    ['small pages', small],
    ['checksums', ['--page-size', '1024', '--records', '60', '--checksum']],
    ['the other byte order', ['--page-size', '1024', '--records', '60', '--big-endian']],
  ])('gives what dump gives of sound databases with %s, and exits with 0', async (_, options) => {
    const home = makeDatabases(options);
    for (const name of databaseFiles(home)) {
      const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', path.join(home, name)]);
      expect({ name, exitCode, stderr }).toEqual({ name, exitCode: 0, stderr: '' });
      // Of queues with the numbers of records.
      const plain = runTool(home, 'db5.3_dump', ...(name.includes('queue') ? ['-k'] : []), name);
      const [ours, native] = [recordsIn(stdout, isKeyed(name)), recordsIn(plain, isKeyed(name))];
      expect(missingIn(ours, native)).toEqual([]);
      expect(ours.length).toBe(native.length);
    }
  });

  test('gives every record of a structurally damaged database that db_dump gives, and never exits with 0 without all of them', async () => {
    const home = makeDatabases(small);
    const missed: string[] = [];
    let tried = 0;
    const applied = new Map<string, number>();
    let [nativeCount, oursCount] = [0, 0];
    for (const name of someOf(home)) {
      const directory = placeFor(home, name);
      const file = path.join(directory, name);
      const original = fs.readFileSync(path.join(home, name));
      const before = recordsIn(salvageNatively(home, name), isKeyed(name));
      const types = pagesOf(Buffer.from(original)).map(({ type }) => type);
      for (const damage of damages) {
        const fitting = types.flatMap((type, pgno) => (damage.types.includes(type) ? [pgno] : []));
        for (const pgno of fitting.length > 0 ? spread(fitting) : []) {
          const bytes = Buffer.from(original);
          const pages = pagesOf(bytes);
          if (!damage.apply(pages[pgno]!, pages.length)) continue;
          // Of each damage one in so many.
          const count = applied.get(damage.name) ?? 0;
          applied.set(damage.name, count + 1);
          if (count % stride !== 0) continue;
          fs.writeFileSync(file, bytes);
          const native = recordsIn(salvageNatively(directory, name, 1000), isKeyed(name));
          const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', file]);
          const ours = recordsIn(stdout, isKeyed(name));
          const where = `${damage.name} on page ${pgno} of ${name}`;
          // What was not in the database before is keys and data mixed up, or bytes of other pages.
          const wanted = missingIn(missingIn(before, native), native);
          for (const record of missingIn(ours, wanted)) missed.push(`${where}: ${record}`);
          const isAll = missingIn(ours, before).length === 0 && ours.length === before.length;
          if (exitCode === 0 ? !isAll || stderr !== '' : exitCode !== 4 || !stderr.includes('page '))
            missed.push(`${where}: exit status ${exitCode}: ${stderr}`);
          tried += 1;
          nativeCount += native.length;
          oursCount += ours.length;
        }
      }
    }
    console.log(`${tried} damaged databases: db_dump -r printed ${nativeCount} records, dump --salvage ${oursCount}`);
    expect(tried).toBeGreaterThan(150 / stride);
    expect(missed).toEqual([]);
  }, 900_000);

  test('prints what db_load takes', async () => {
    const home = makeDatabases(small);
    const directory = temporaryDirectory();
    for (const name of ['shared.db', 'dup.db', 'hash-dup.db', 'renumber.db', 'queue.db', 'heap.db']) {
      const file = path.join(directory, name);
      const bytes = fs.readFileSync(path.join(home, name));
      // A page in the middle is lost.
      bytes.fill(0, (bytes.length >> 10) * pageSize, ((bytes.length >> 10) + 1) * pageSize);
      fs.writeFileSync(file, bytes);
      const { stdout } = await figaro(['dump', '--salvage', file]);
      const loaded = `loaded-${name}`;
      const load = spawnSync('db5.3_load', [loaded], { cwd: directory, input: stdout, encoding: 'latin1' });
      expect([name, load.status, load.stderr]).toEqual([name, 0, '']);
      const again = await figaro(['dump', '--salvage', path.join(directory, loaded)]);
      expect(again.exitCode).toBe(0);
      expect(recordsIn(again.stdout).toSorted()).toEqual(recordsIn(stdout).toSorted());
    }
  });
});
