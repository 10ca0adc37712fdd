/** What `dump --salvage` gives of damaged databases, beside what `db5.3_dump -r` gives. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { missingIn, recordsIn, salvageNatively } from '../support/dumps.ts';
import { effort } from '../support/effort.ts';
import { describeNative, makeDatabases, runTool } from '../support/native.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { figaro } from '../support/run-cli.ts';
import { damages, pagesOf } from '../support/structural-damage.ts';

const pageSize = 512;
const small = ['--seed', '7', '--records', '60', '--page-size', `${pageSize}`];
/** How many pages of a database are damaged in the same way. */
const places = effort('PLACES', 1, 5);
const randomDamages = effort('DAMAGES', 3, 60);

function namesIn(home: string): string[] {
  return fs.readdirSync(home).filter((name) => name.endsWith('.db') && !name.startsWith('__db'));
}

/** One of each kind; `npm run test:long` takes their variants, too. */
const variants = /^(minkey|recnum|padded|renumber|hash-factor|heap-limit|empty-\w+)\.db$/;

function someOf(home: string): string[] {
  return namesIn(home).filter((name) => places > 1 || !variants.test(name));
}

function isKeyed(name: string): boolean {
  return !/heap|recno|fixed|padded|renumber/.test(name);
}

/** Some of a list, spread over it. */
function spread<T>(all: readonly T[]): T[] {
  const step = (all.length - 1) / (places + 1);
  return [...new Set(Array.from({ length: places }, (_, i) => all[Math.round(step * (i + 1))]!))];
}

/** A directory with a database and the files that belong to it. */
function placeFor(home: string, name: string): string {
  const directory = temporaryDirectory();
  for (const part of fs.readdirSync(home).filter((other) => /^__db[qp]\./.test(other) && other.includes(name))) {
    fs.copyFileSync(path.join(home, part), path.join(directory, part));
  }
  return directory;
}

describeNative('dump --salvage beside db_dump -r', () => {
  test.each([
    ['small pages', small],
    ['checksums', ['--page-size', '1024', '--records', '60', '--checksum']],
    ['the other byte order', ['--page-size', '1024', '--records', '60', '--big-endian']],
  ])('gives what dump gives of sound databases with %s, and exits with 0', async (_, options) => {
    const home = makeDatabases(options);
    for (const name of namesIn(home)) {
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
          fs.writeFileSync(file, bytes);
          const native = recordsIn(salvageNatively(directory, name), isKeyed(name));
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
    expect(tried).toBeGreaterThan(150);
    expect(missed).toEqual([]);
  }, 120_000);

  test('gives nothing of a page that does not match its checksum, and nothing that was never in the database', async () => {
    const home = makeDatabases([...small, '--checksum']);
    const random = randomNumbers(11);
    const wrong: string[] = [];
    for (const name of namesIn(home)) {
      const directory = placeFor(home, name);
      const file = path.join(directory, name);
      const original = fs.readFileSync(path.join(home, name));
      const before = recordsIn(salvageNatively(home, name), isKeyed(name));
      const parts = new Set(before.flatMap((record) => record.split(' ')));
      for (let i = 0; i < randomDamages; i++) {
        const bytes = Buffer.from(original);
        const pgno = random(bytes.length / pageSize);
        for (let n = random(20); n >= 0; n--) bytes[pgno * pageSize + random(pageSize)]! ^= 1 + random(255);
        fs.writeFileSync(file, bytes);
        const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', file]);
        const where = `${name} page ${pgno} of damage ${i}`;
        const ours = recordsIn(stdout, isKeyed(name));
        // Of a page that was never written nothing is believed or missed; a queue with extents may have but one page.
        const isAll = exitCode === 0 && missingIn(ours, before).length === 0;
        const isLost = exitCode === 3 && stderr.includes('has no page of a database that can be read') && pgno === 0;
        if (exitCode !== 4 && !isAll && !isLost) wrong.push(`${where}: exit status ${exitCode}: ${stderr}`);
        for (const record of missingIn(before, ours)) {
          if (!isRemnant(record, parts)) wrong.push(`${where}: ${record} was never in it`);
        }
      }
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  test('never ends in a stack trace, whatever bytes are wrong', async () => {
    const home = makeDatabases(small);
    const random = randomNumbers(5);
    const wrong: string[] = [];
    for (const name of namesIn(home)) {
      const directory = placeFor(home, name);
      const file = path.join(directory, name);
      const original = fs.readFileSync(path.join(home, name));
      const before = recordsIn(salvageNatively(home, name), isKeyed(name));
      for (let i = 0; i < 2 * randomDamages; i++) {
        const bytes = Buffer.from(original);
        for (let n = random(30); n >= 0; n--) {
          const page = random(bytes.length / pageSize) * pageSize;
          // Headers and indexes matter most.
          bytes[page + random(random(2) === 0 ? 40 : pageSize)] = random(256);
        }
        fs.writeFileSync(file, random(4) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
        const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', file]);
        if (exitCode === 0 && recordsIn(stdout, isKeyed(name)).length === before.length) continue;
        if (![3, 4].includes(exitCode)) wrong.push(`${name}, damage ${i}: exit status ${exitCode}: ${stderr}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 120_000);

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

/** True for what stands for something lost, beside what is not, and for a part of an item whose rest is lost. */
function isRemnant(record: string, parts: ReadonlySet<string>): boolean {
  const stands = ['UNKNOWN', 'UNKNOWN_KEY', 'UNKNOWN_DATA'].map((text) => Buffer.from(text).toString('hex'));
  const isKnown = (part: string): boolean => stands.includes(part) || parts.has(part);
  const isPart = (part: string): boolean => [...parts].some((whole) => whole.includes(part));
  const pieces = record.split(' ');
  if (pieces.every(isKnown)) return pieces.length === 1 || pieces.some((piece) => stands.includes(piece));
  return (
    pieces.every((piece) => isKnown(piece) || isPart(piece)) && (pieces.length === 1 || stands.includes(pieces[0]!))
  );
}
