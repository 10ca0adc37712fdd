/** What `dump --salvage` makes of lost pages, bytes of chance, and circles. */

import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { isTreeInternal } from '../../src/format/page/btree.ts';
import { isHashPage } from '../../src/format/page/hash.ts';
import { pageType } from '../../src/format/page/types.ts';
import { temporaryDirectory } from '../support/demo-environment.ts';
import { isKeyed, missingIn, placeFor, recordsIn, salvageNatively } from '../support/dumps.ts';
import { effort } from '../support/effort.ts';
import { databaseFiles, describeNative, makeDatabases } from '../support/native.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { figaro } from '../support/run-cli.ts';
import { pagesOf } from '../support/structural-damage.ts';

const pageSize = 512;
const small = ['--seed', '7', '--records', '60', '--page-size', `${pageSize}`];
const randomDamages = effort('DAMAGES', 60);

describeNative('dump --salvage', () => {
  test('gives nothing of a page that does not match its checksum, and nothing that was never in the database', async () => {
    const home = makeDatabases([...small, '--checksum']);
    const random = randomNumbers(11);
    const wrong: string[] = [];
    for (const name of databaseFiles(home)) {
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
        const isLost = pgno === 0 && /has no page of a database that can be read|is encrypted/.test(stderr);
        if (exitCode !== 4 && !isAll && !isLost) wrong.push(`${where}: exit status ${exitCode}: ${stderr}`);
        for (const record of missingIn(before, ours)) {
          // The first page of a queue says which numbers its records have.
          const known = pgno === 0 && name.startsWith('queue') ? record.split(' ')[1]! : record;
          if (!parts.has(known) && !isRemnant(record, parts)) wrong.push(`${where}: ${record} was never in it`);
        }
      }
    }
    expect(wrong).toEqual([]);
  }, 900_000);

  test('never ends in a stack trace, whatever bytes are wrong', async () => {
    const home = makeDatabases(small);
    const random = randomNumbers(5);
    const wrong: string[] = [];
    for (const name of databaseFiles(home)) {
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
        // A byte can make of the file an encrypted one.
        if (![3, 4, 10].includes(exitCode)) wrong.push(`${name}, damage ${i}: exit status ${exitCode}: ${stderr}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 900_000);

  test.each([
    ['is zeroed', (page: Buffer): unknown => page.fill(0)],
    ['has lost its magic number', (page: Buffer): unknown => page.fill(0xff, 12, 16)],
    ['tells another page size', (page: Buffer): unknown => page.writeUInt32LE(2048, 20)],
  ])('gives all records of a file whose first page %s', async (_, damage) => {
    for (const options of [small, [...small, '--checksum'], [...small, '--big-endian']]) {
      const home = makeDatabases(options);
      for (const name of ['btree.db', 'dupsort.db', 'recno.db', 'hash-dup.db', 'queue.db', 'heap.db', 'shared.db']) {
        const file = path.join(home, name);
        const sound = (await figaro(['dump', '--salvage', file])).stdout;
        const bytes = fs.readFileSync(file);
        damage(bytes.subarray(0, pageSize));
        fs.writeFileSync(file, bytes);
        const length = name === 'queue.db' ? ['--record-length', '23'] : [];
        const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', file, ...length]);
        const records = (text: string): string[] => recordsIn(text).toSorted();
        expect([name, exitCode, stderr.includes('page 0: ')]).toEqual([name, 4, true]);
        expect(records(stdout)).toEqual(records(sound));
        const names = (text: string): string[] => text.split('\n').filter((line) => /^(database|type)=/.test(line));
        expect(names(stdout)).toEqual(names(sound));
      }
    }
  });

  test('does not guess how long the records of a queue are', async () => {
    const file = path.join(makeDatabases(small), 'queue.db');
    fs.writeFileSync(file, fs.readFileSync(file).fill(0, 0, pageSize));
    const { exitCode, stdout, stderr } = await figaro(['dump', '--salvage', file]);
    expect([exitCode, recordsIn(stdout)]).toEqual([4, []]);
    expect(stderr).toContain('give --record-length');
  });

  test('calls databases by their page when their names are lost, and what belongs to none __OTHER__', async () => {
    const file = path.join(makeDatabases(small), 'shared.db');
    const sound = recordsIn((await figaro(['dump', file])).stdout).length;
    const bytes = fs.readFileSync(file);
    const databases = async (): Promise<string[]> => {
      fs.writeFileSync(file, bytes);
      const { stdout } = await figaro(['dump', '--salvage', file]);
      expect(recordsIn(stdout).length).toBe(sound);
      return [...stdout.matchAll(/^database=(.*)$/gm)].map(([, name]) => name!);
    };
    const metaPages = pagesOf(bytes).flatMap(({ type, pgno }) =>
      pgno > 0 && (type === 8 || type === 9) ? [pgno] : [],
    );
    // The second page is the one leaf of the list of names.
    const names = Buffer.from(bytes.subarray(pageSize, 2 * pageSize));
    bytes.fill(0, pageSize, 2 * pageSize);
    expect(await databases()).toEqual(metaPages.map((pgno) => `__PAGE_${pgno}__`));
    names.copy(bytes, pageSize);
    bytes.fill(0, metaPages[0]! * pageSize, (metaPages[0]! + 1) * pageSize);
    expect(await databases()).toEqual(['duplicates', 'empty', 'hash', 'recno', '__OTHER__']);
  });

  test('ends where pages lead to each other in a circle', async () => {
    const home = makeDatabases(small);
    const directory = temporaryDirectory();
    for (const name of [
      'btree.db',
      'dup.db',
      'dupsort.db',
      'hash.db',
      'hash-dup.db',
      'recno.db',
      'heap.db',
      'shared.db',
    ]) {
      const bytes = fs.readFileSync(path.join(home, name));
      for (const page of pagesOf(bytes)) {
        if (page.type === pageType.overflow || isHashPage(page.type)) page.nextPgno = page.pgno;
        // Every child is the page itself.
        for (let i = 0; isTreeInternal(page.type) && i < page.entries; i++) {
          page.setU32(page.itemAt(i) + (page.type === pageType.recnoInternal ? 0 : 4), page.pgno);
        }
        const first = page.type === pageType.heapData && page.entries > 0 ? page.itemAt(0) : 0;
        if (first > 0 && (page.bytes[first]! & 5) === 1) page.setU32(first + 8, page.pgno);
      }
      const file = path.join(directory, name);
      fs.writeFileSync(file, bytes);
      const { exitCode, stderr } = await figaro(['dump', '--salvage', file]);
      expect([name, exitCode, stderr === '']).toEqual([name, 4, false]);
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
