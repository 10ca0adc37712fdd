import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';
import { FigaroError } from '../../../src/errors.ts';
import { recordAt } from '../../../src/format/log/frame.ts';
import { type LogWindow } from '../../../src/format/log/frames.ts';
import { plainFraming } from '../../../src/format/log/framing.ts';
import { checkpoint, child, commit, prepare, recycle, txnOpcode } from '../../../src/format/log/records/txn.ts';
import { compareLsn, isNoLsn, noLsn, type Lsn } from '../../../src/format/lsn.ts';
import { type Log, type LogFile } from '../../../src/engine/log/log-files.ts';
import { RecordBatch } from '../../../src/engine/log/scan.ts';
import { type ScannedRecord } from '../../../src/engine/log/scanned-record.ts';
import { Transactions } from '../../../src/engine/log/transactions.ts';
import { Commits, type Commit, type RestorePoint } from '../../../src/engine/recovery/restore-point.ts';
import { effort } from '../../support/effort.ts';
import { PlainTransactions } from '../../support/plain-transactions.ts';
import { randomNumbers } from '../../support/random-numbers.ts';

/** How many logs to try. */
const seeds = effort('SEEDS', 100, 20_000);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

const firstId = 0x8000_0000;
const lastId = 0xffff_ffff;
/** A record that changes something, as far as it matters here. */
const change = 62;

interface Entry {
  readonly id: number;
  readonly prevLsn: Lsn;
  readonly lsn: Lsn;
  readonly record: ScannedRecord;
  /** It alone. */
  readonly batch: RecordBatch;
}

/** A log as applications come to write it, whose beginning may be gone. */
function randomLog(seed: number): readonly Entry[] {
  const random = randomNumbers(seed);
  const entries: Entry[] = [];
  let nextId = firstId + 1;
  let file = 1;
  let offset = 28;
  let time = 1000;
  /** Open ones: id, last record, parent and whether they are prepared. */
  interface Open {
    readonly id: number;
    last: Lsn;
    first: Lsn;
    readonly parent: Open | undefined;
    isPrepared: boolean;
  }
  let open: Open[] = [];
  const write = (of: Open | undefined, code: number, fields: readonly number[] = []): void => {
    if (random(20) === 0) {
      file += 1;
      offset = 28;
    }
    const lsn = { file, offset };
    const prevLsn = of?.last ?? noLsn;
    const batch = batchOf(lsn, code, of?.id ?? 0, prevLsn, fields);
    entries.push({ id: of?.id ?? 0, prevLsn, lsn, record: batch.record(0), batch });
    offset += 28 + 4 * fields.length;
    if (!of) return;
    of.last = lsn;
    if (isNoLsn(of.first)) of.first = lsn;
  };
  const pick = (): Open | undefined => open[random(open.length)];
  const childrenOf = (of: Open): Open[] => open.filter(({ parent }) => parent === of);
  const close = (of: Open): void => {
    for (const nested of childrenOf(of)) close(nested);
    open = open.filter((other) => other !== of);
  };
  const steps = 20 + random(150);
  for (let i = 0; i < steps; i++) {
    const chosen = pick();
    time = Math.max(0, time + random(4) - 1);
    const what = random(100);
    if (what < 22 || !chosen) {
      const parent = chosen && !chosen.isPrepared && random(3) === 0 ? chosen : undefined;
      open.push({ id: nextId++, last: noLsn, first: noLsn, parent, isPrepared: false });
    } else if (what < 60) {
      if (!chosen.isPrepared) write(chosen, change);
    } else if (what < 78) {
      // What has written nothing leaves no record.
      if (childrenOf(chosen).length > 0) continue;
      if (isNoLsn(chosen.last)) close(chosen);
      else if (chosen.parent) {
        write(chosen.parent, child.code, [chosen.id, chosen.last.file, chosen.last.offset]);
        close(chosen);
      } else {
        write(chosen, commit.code, [txnOpcode.commit, time, 0, 0]);
        close(chosen);
      }
    } else if (what < 84) {
      if (chosen.isPrepared) write(chosen, commit.code, [txnOpcode.abort, time, 0, 0]);
      close(chosen);
    } else if (what < 90) {
      if (chosen.parent || chosen.isPrepared || childrenOf(chosen).length > 0) continue;
      write(chosen, prepare.code, [txnOpcode.prepare, 4, chosen.id, chosen.first.file, chosen.first.offset, 0]);
      chosen.isPrepared = true;
    } else if (what < 95) {
      const redoFrom = open.map(({ first }) => first).find((lsn) => !isNoLsn(lsn)) ?? { file, offset };
      write(undefined, checkpoint.code, [redoFrom.file, redoFrom.offset, 0, 0, time, 0, 0]);
    } else if (what < 98) {
      // A crash: what is prepared stays, its ids are not given away.
      open = open.filter(({ isPrepared }) => isPrepared);
      const highest = open.reduce((most, { id }) => Math.max(most, id), firstId);
      write(undefined, recycle.code, open.length === 0 ? [firstId, lastId] : [highest + 1, firstId]);
      nextId = highest + 1;
    } else {
      // All ids are used up.
      const used = open.map(({ id }) => id);
      const highest = Math.max(firstId, ...used);
      write(undefined, recycle.code, [highest + 1, lastId]);
      nextId = highest + 1;
    }
  }
  return random(2) === 0 ? entries : entries.slice(random(entries.length));
}

function batchOf(lsn: Lsn, code: number, id: number, prevLsn: Lsn, fields: readonly number[]): RecordBatch {
  const bytes = new Uint8Array(recordAt.fields + 4 * fields.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(recordAt.length, bytes.length, true);
  view.setUint32(recordAt.type, code, true);
  view.setUint32(recordAt.txnId, id, true);
  view.setUint32(recordAt.prevLsn, prevLsn.file, true);
  view.setUint32(recordAt.prevLsn + 4, prevLsn.offset, true);
  fields.forEach((field, i) => view.setUint32(recordAt.fields + 4 * i, field, true));
  const file = { number: lsn.file, version: 19, framing: plainFraming } as LogFile;
  return new RecordBatch(file, { bytes, view, starts: new Uint32Array([0]) } as unknown as LogWindow, lsn.offset, 1);
}

/** What comes of recovery to a point. */
interface Outcome {
  readonly limit: string | undefined;
  readonly window: string;
  /** LSNs of the records that are redone; those taken back, in order; those of which it is made sure that they are nowhere. */
  readonly redone: readonly string[];
  readonly undone: readonly string[];
  readonly checked: readonly string[];
  readonly inDoubt: readonly number[];
  readonly undoneCount: number;
  readonly committed: number;
}

const print = ({ file, offset }: Lsn): string => `${file}/${offset}`;
const printed = (commit: Commit | undefined): string => (commit ? `${print(commit.lsn)}@${commit.time}` : 'none');

/** Everything that is found through chains of records, and whatever else is to be taken back, the last first. */
function takenBack(
  entries: readonly Entry[],
  ends: readonly { readonly lsn: Lsn; readonly check: boolean }[],
  behind: readonly { readonly lsn: Lsn; readonly check: boolean }[],
): Pick<Outcome, 'undone' | 'checked'> {
  const byLsn = new Map(entries.map((entry) => [print(entry.lsn), entry]));
  const found = [...behind];
  for (const { lsn, check } of ends) {
    for (let at = byLsn.get(print(lsn)); at; at = byLsn.get(print(at.prevLsn))) found.push({ lsn: at.lsn, check });
  }
  found.sort((a, b) => compareLsn(b.lsn, a.lsn));
  const those = (wanted: boolean): string[] => [
    ...new Set(found.filter(({ check }) => check === wanted).map(({ lsn }) => print(lsn))),
  ];
  return { undone: those(false), checked: those(true) };
}

function compactOutcome(log: Log, entries: readonly Entry[], point: RestorePoint, end: Lsn): Outcome | string {
  const commits = new Commits(log, point);
  const transactions = new Transactions(commits);
  for (const { id, lsn, prevLsn, record, batch } of entries) {
    if (id !== 0) transactions.follow(id, lsn.file, lsn.offset, isNoLsn(prevLsn));
    if (record.code === commit.code) expect(transactions.seeCommitIn(batch, 0)).toBe(true);
    else transactions.see(record);
  }
  let limit: Commit | undefined;
  try {
    limit = commits.findLimit(end);
  } catch (error) {
    if (error instanceof FigaroError) return error.code;
    throw error;
  }
  transactions.decide(limit?.lsn);
  if (transactions.notUndoable) return 'not undoable';
  const { cut } = transactions;
  const behind = entries
    .filter(({ id, lsn }) => id !== 0 && cut && compareLsn(lsn, cut) > 0)
    .map(({ id, lsn }) => ({ lsn, fate: transactions.fateBehindCut(id, lsn.file, lsn.offset) }))
    .filter(({ fate }) => fate !== 'committed')
    .map(({ lsn, fate }) => ({ lsn, check: fate === 'ignored' }));
  const ends = [...transactions.unfinished()].flatMap(({ fate, chainEnds }) =>
    chainEnds.map((lsn) => ({ lsn, check: fate === 'ignored' })),
  );
  const redone = entries.filter(
    ({ id, lsn }) =>
      id !== 0 &&
      (!limit || compareLsn(lsn, limit.lsn) <= 0) &&
      transactions.fateOf(id, lsn.file, lsn.offset) === 'committed',
  );
  return {
    limit: printed(limit),
    window: `${printed(commits.window.first)} ${printed(commits.window.last)}`,
    redone: redone.map(({ lsn }) => print(lsn)),
    ...takenBack(entries, ends, behind),
    inDoubt: transactions
      .inDoubt()
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    undoneCount: transactions.undoneCount,
    committed: commits.count,
  };
}

function plainOutcome(log: Log, entries: readonly Entry[], point: RestorePoint, end: Lsn): Outcome | string {
  const transactions = new PlainTransactions();
  for (const { id, lsn, prevLsn, record } of entries) {
    if (id !== 0) transactions.follow(id, lsn.file, lsn.offset, isNoLsn(prevLsn));
    transactions.see(record);
  }
  const { commits } = transactions;
  const window = transactions.window(log);
  const limit = transactions.limitOf(point);
  const isOutside = limit === undefined || window.first === undefined || compareLsn(limit.lsn, window.first.lsn) < 0;
  const isPastEnd =
    point.kind === 'lsn'
      ? compareLsn(point.lsn, end) >= 0
      : point.kind === 'time' && point.time.getTime() > transactions.latestTime * 1000;
  if (point.kind !== 'end' && (isOutside || isPastEnd)) return 'restore-point-unreachable';
  transactions.decide(limit?.lsn);
  const all = [...transactions.all()];
  if (limit && all.some(({ began, fate, ended }) => !began && fate === 'ignored' && ended?.committed)) {
    return 'not undoable';
  }
  const ends = all
    .filter(({ fate }) => fate !== 'committed')
    .flatMap(({ fate, lastLsn, otherChains = [] }) =>
      [lastLsn, ...otherChains].map((lsn) => ({ lsn, check: fate === 'ignored' })),
    );
  const redone = entries.filter(
    ({ id, lsn }) =>
      id !== 0 &&
      (!limit || compareLsn(lsn, limit.lsn) <= 0) &&
      transactions.fateOf(id, lsn.file, lsn.offset) === 'committed',
  );
  return {
    limit: printed(limit),
    window: `${printed(window.first)} ${printed(window.last)}`,
    redone: redone.map(({ lsn }) => print(lsn)),
    ...takenBack(entries, ends, []),
    inDoubt: transactions
      .inDoubt(limit?.lsn)
      .map(({ id }) => id)
      .sort((a, b) => a - b),
    undoneCount: all.filter(({ fate }) => fate === 'undone').length,
    committed: commits.filter(({ lsn }) => !limit || compareLsn(lsn, limit.lsn) <= 0).length,
  };
}

test('forgetting what has committed comes to the same as remembering everything, for every restore point', () => {
  const seen = { logs: 0, points: 0, refused: 0, undone: 0, checked: 0, inDoubt: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const entries = randomLog(seed);
    if (entries.length === 0) continue;
    const isWhole = compareLsn(entries[0]!.lsn, { file: 1, offset: 28 }) === 0;
    const first = entries[0]!.lsn.file;
    const log = { files: [{ number: first, prev: isWhole ? 0 : 28 }], incomplete: [] } as unknown as Log;
    const last = entries.at(-1)!.lsn;
    const end = { file: last.file, offset: last.offset + 100 };
    const random = randomNumbers(seed);
    const some = (): Entry => entries[random(entries.length)]!;
    const points: RestorePoint[] = [
      { kind: 'end' },
      { kind: 'lsn', lsn: some().lsn },
      { kind: 'lsn', lsn: some().lsn },
      { kind: 'time', time: new Date((990 + random(100)) * 1000) },
      { kind: 'transaction', id: some().id },
    ];
    for (const point of points) {
      const compact = compactOutcome(log, entries, point, end);
      expect(compact, `seed ${seed}, ${JSON.stringify(point)}`).toEqual(plainOutcome(log, entries, point, end));
      seen.points += 1;
      if (typeof compact === 'string') {
        seen.refused += 1;
        continue;
      }
      seen.undone += compact.undone.length;
      seen.checked += compact.checked.length;
      seen.inDoubt += compact.inDoubt.length;
    }
    seen.logs += 1;
  }
  console.log(JSON.stringify(seen));
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

test('two parts of a log that were looked at apart tell what the log tells as a whole, or that they do not', () => {
  const seen = { told: 0, not: 0, undone: 0, goneOn: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const entries = randomLog(seed);
    const from = entries.at(randomNumbers(seed)(Math.max(1, entries.length)))?.lsn.file;
    const [first, rest] = [0, 1].map((part) =>
      entries.filter(({ lsn }) => Number(from !== undefined && lsn.file >= from) === part),
    ) as [Entry[], Entry[]];
    if (first.length === 0 || rest.length === 0) continue;
    const [apart, later, whole] = [first, rest, entries].map(shownTo) as [Transactions, Transactions, Transactions];
    if (!apart.goOnWith(later, from!)) {
      seen.not += 1;
      continue;
    }
    for (const transactions of [apart, later, whole]) transactions.decide();
    for (const { id, lsn } of entries) {
      if (id === 0) continue;
      const fates = [apart, whole].map((transactions) => transactions.fateOf(id, lsn.file, lsn.offset));
      expect(fates[0], `seed ${seed}, ${print(lsn)}`).toBe(fates[1]);
    }
    const takenBackBy = (all: readonly Transactions[]): Pick<Outcome, 'undone' | 'checked'> =>
      takenBack(
        entries,
        all.flatMap((transactions) =>
          [...transactions.unfinished()].flatMap(({ fate, chainEnds }) =>
            chainEnds.map((lsn) => ({ lsn, check: fate === 'ignored' })),
          ),
        ),
        [],
      );
    const { undone } = takenBackBy([whole]);
    expect(takenBackBy([later, apart]), `seed ${seed}`).toEqual(takenBackBy([whole]));
    seen.told += 1;
    seen.undone += undone.length;
    if (rest.some(({ prevLsn }) => prevLsn.file > 0 && prevLsn.file < from!)) seen.goneOn += 1;
  }
  console.log(JSON.stringify(seen));
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

/** What transactions a log has, as far as it goes. */
function shownTo(entries: readonly Entry[]): Transactions {
  const log = { files: [{ number: 1, prev: 0 }], incomplete: [] } as unknown as Log;
  const transactions = new Transactions(new Commits(log, { kind: 'end' }));
  for (const { id, lsn, prevLsn, record } of entries) {
    if (id !== 0) transactions.follow(id, lsn.file, lsn.offset, isNoLsn(prevLsn));
    transactions.see(record);
  }
  return transactions;
}

test('a log may have any number of transactions: those that are over take no memory', () => {
  const { begin, transactions } = oneAfterAnother({ kind: 'end' });
  const before = heapBytes();
  for (let i = 0; i < 200_000; i++) begin(i);
  expect(heapBytes() - before).toBeLessThan(4e6);
  transactions.decide();
  expect(transactions.undoneCount).toBe(0);
});

test('and so may one that is recovered to its first commit', () => {
  const { begin, transactions } = oneAfterAnother({ kind: 'time', time: new Date(0) });
  const before = heapBytes();
  for (let i = 0; i < 200_000; i++) begin(i);
  expect(heapBytes() - before).toBeLessThan(4e6);
  transactions.decide({ file: 1, offset: 101 });
  expect(transactions.undoneCount).toBe(199_999);
});

test.each([
  ['ends before its locks do', [txnOpcode.commit, 1000, 0, 5]],
  ['goes on behind its locks', [txnOpcode.commit, 1000, 0, 0, 0]],
  ['has no locks', [txnOpcode.commit, 1000, 0]],
])('a commit that %s is left to those who decode it, and refused', (_, fields) => {
  const { transactions } = oneAfterAnother({ kind: 'end' });
  transactions.follow(firstId, 1, 28, true);
  const batch = batchOf({ file: 1, offset: 28 }, commit.code, firstId, noLsn, fields);
  expect(transactions.seeCommitIn(batch, 0)).toBe(false);
  expect(() => transactions.see(batch.record(0))).toThrow(expect.objectContaining({ code: 'log-corrupt' }));
});

/** Transactions of two records, which commit. */
function oneAfterAnother(point: RestorePoint): { begin: (i: number) => void; transactions: Transactions } {
  const log = { files: [{ number: 1, prev: 0 }], incomplete: [] } as unknown as Log;
  const transactions = new Transactions(new Commits(log, point));
  const begin = (i: number): void => {
    const id = firstId + 1 + i;
    const lsn = { file: 1, offset: 100 * i + 101 };
    transactions.follow(id, 1, 100 * i + 100, true);
    transactions.follow(id, lsn.file, lsn.offset, false);
    const prevLsn = { file: 1, offset: 100 * i + 100 };
    transactions.seeCommitIn(batchOf(lsn, commit.code, id, prevLsn, [txnOpcode.commit, i, 0, 0]), 0);
  };
  return { begin, transactions };
}

/** What is in use, in bytes. */
function heapBytes(): number {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
