import { inMemoryCreate } from '../../format/log/records/fileops.ts';
import { type BodyOf } from '../../format/log/record.ts';
import { register, registerBefore61, registration } from '../../format/log/records/dbreg.ts';
import { recycle } from '../../format/log/records/txn.ts';
import { FigaroError } from '../../errors.ts';
import { compareLsn, formatLsn, noLsn, type Lsn } from '../../format/lsn.ts';
import { type LogObserver } from '../log/log-observer.ts';
import { bodyAs, type ScannedRecord } from '../log/scanned-record.ts';

/** A database as a registration record describes it. */
interface Registration {
  readonly fileId: number;
  readonly name: string;
  /** Unique id of the file, hex. */
  readonly uid: string;
  readonly databaseType: number;
  /** 0 for a whole file, the metadata page of a sub-database otherwise. */
  readonly metaPgno: number;
  readonly externalFileIdLow: number;
  readonly externalFileIdHigh: number;
}

type RegistrationBody = BodyOf<typeof register | typeof registerBefore61>;

/** The part of the log in which a file id stands for one database. */
export interface Binding extends Registration {
  /** Named in memory only, or temporary: nothing of it is on disk. */
  readonly inMemory: boolean;
  /** Records after this LSN; `[0][0]` when the registration lies before the log. */
  readonly from: Lsn;
  /** Records before this LSN; undefined while it is open. */
  to: Lsn | undefined;
}

const opening: ReadonlySet<number> = new Set([
  registration.open,
  registration.preopen,
  registration.reopen,
  registration.exclusiveOpen,
  registration.exclusiveReopen,
]);
const closing: ReadonlySet<number> = new Set([registration.close, registration.recoveryClose]);
const memoryOnly: ReadonlySet<number> = new Set([
  registration.preopen,
  registration.reopen,
  registration.exclusiveReopen,
]);

/**
 * Which database a file id means at which place of the log. Native recovery opens and closes files along the way; the
 * intervals say the same, and survive a source that was reopened without recovery (recovery document, B.2).
 */
export class FileBindings implements LogObserver {
  readonly #intervals = new Map<number, Binding[]>();
  readonly #memoryUids = new Set<string>();
  /** A recovery with prepared transactions ends without closing what they changed (recovery document, A.7). */
  readonly #leftByRecovery = new Set<Binding>();
  /** Registrations that took an id over from a database that was never closed: the source ran on without recovery. */
  readonly reopened: { readonly lsn: Lsn; readonly name: string }[] = [];

  /** The one that was asked for last. */
  #latest: Binding | undefined;

  /** Registrations taken for such as 5.0 repeats at checkpoints, of files whose end lies before the log. */
  readonly takenForStale: { readonly lsn: Lsn; readonly name: string; readonly inUseFor: string }[] = [];

  /** @param known what is known of the log before the place from which on records are shown, from `knownBefore` */
  constructor(known: readonly Binding[] = []) {
    for (const binding of known) {
      this.#of(binding.fileId).push({ ...binding });
      if (binding.inMemory) this.#memoryUids.add(binding.uid);
    }
  }

  static readonly notedCodes: readonly number[] = [inMemoryCreate, recycle, register, registerBefore61].map(
    ({ code }) => code,
  );

  see(record: ScannedRecord): void {
    if (!FileBindings.notedCodes.includes(record.code)) return;
    const created = bodyAs(record, inMemoryCreate);
    if (created) this.#memoryUids.add(created.uid);
    if (bodyAs(record, recycle)) for (const binding of this.openAt(record.lsn)) this.#leftByRecovery.add(binding);
    const body = bodyAs(record, register, registerBefore61);
    if (!body) return;
    const opcode = body.opcode & 0xf;
    const { boundId: fileId, name, uid, metaPgno } = body;
    if (memoryOnly.has(opcode)) this.#memoryUids.add(uid);
    const intervals = this.#of(fileId);
    const last = intervals.at(-1);
    const open = last?.to === undefined ? last : undefined;
    const same = open !== undefined && open.uid === uid && open.metaPgno === metaPgno;
    if (opening.has(opcode)) {
      if (same) {
        this.#leftByRecovery.delete(open);
        return;
      }
      if (open) {
        open.to = record.lsn;
        const isExpected = memoryOnly.has(opcode) || open.inMemory || this.#leftByRecovery.has(open);
        if (!isExpected) this.reopened.push({ lsn: record.lsn, name: open.name });
      }
      this.#start(intervals, body, record.lsn);
    } else if (closing.has(opcode)) {
      if (open) open.to = record.lsn;
      else this.#start(intervals, body, last?.to ?? noLsn, record.lsn);
    } else if (!same) {
      // Still open at a checkpoint, and registered before the log began.
      const isOther = open !== undefined && open.uid !== uid && !(open.inMemory && this.#isInMemory(body));
      if (record.version === versionOf50 && (!open || isOther)) {
        if (wasClosed(intervals, body)) return;
        if (open) {
          this.takenForStale.push({ lsn: record.lsn, name, inUseFor: open.name });
          return;
        }
      }
      if (isOther) {
        throw new FigaroError(
          'log-corrupt',
          `log record ${formatLsn(record.lsn)} says that file id ${fileId} is ${name}, but it was registered for ${open.name}`,
          { lsn: formatLsn(record.lsn) },
        );
      }
      // The library gives the id of a sub-database to another one of the same file without a record that says so.
      if (open) open.to = record.lsn;
      this.#start(intervals, body, open ? record.lsn : (last?.to ?? noLsn));
    }
  }

  #of(fileId: number): Binding[] {
    let intervals = this.#intervals.get(fileId);
    if (!intervals) this.#intervals.set(fileId, (intervals = []));
    return intervals;
  }

  #start(intervals: Binding[], body: RegistrationBody, from: Lsn, to?: Lsn): void {
    const { boundId: fileId, name, uid, databaseType, metaPgno, externalFileIdLow, externalFileIdHigh } = body;
    const inMemory = this.#isInMemory(body);
    const registered = {
      fileId,
      name,
      uid,
      databaseType,
      metaPgno,
      externalFileIdLow,
      externalFileIdHigh,
      inMemory,
      from,
      to,
    };
    intervals.push(registered);
  }

  #isInMemory({ name, uid }: RegistrationBody): boolean {
    return name === '' || this.#memoryUids.has(uid) || isMadeUpUid(name, uid);
  }

  /** What `fileId` means in the record at `lsn`; undefined when no registration covers it. */
  at(fileId: number, lsn: Lsn): Binding | undefined {
    // Records that follow each other are mostly about the same database.
    const latest = this.#latest;
    if (latest?.fileId === fileId && covers(latest, lsn)) return latest;
    return (this.#latest = this.#find(fileId, lsn));
  }

  #find(fileId: number, lsn: Lsn): Binding | undefined {
    const intervals = this.#intervals.get(fileId);
    if (!intervals) return undefined;
    let low = 0;
    let high = intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareLsn(intervals[middle]!.from, lsn) <= 0) low = middle + 1;
      else high = middle;
    }
    const found = intervals[low - 1];
    return found && covers(found, lsn) ? found : undefined;
  }

  /** Databases registered and not closed at `lsn`, the latest registered first. */
  openAt(lsn: Lsn): Binding[] {
    const open: Binding[] = [];
    for (const intervals of this.#intervals.values()) {
      for (const binding of intervals) {
        const started = compareLsn(binding.from, lsn) <= 0;
        const ended = binding.to !== undefined && compareLsn(binding.to, lsn) <= 0;
        if (started && !ended) open.push(binding);
      }
    }
    return open.sort((a, b) => compareLsn(b.from, a.from) || b.fileId - a.fileId);
  }

  /**
   * What has to be known of the log before `lsn` to go on from there: what ids stand for there, and, where the log is of 5.0, which
   * repeats what it has closed, what they stood for once.
   */
  knownBefore(lsn: Lsn, logVersion: number): Binding[] {
    const open: Binding[] = [];
    const closed = new Map<string, Binding>();
    for (const binding of this.all()) {
      const { fileId, uid, metaPgno, from, to } = binding;
      if (compareLsn(from, lsn) >= 0) continue;
      if (to === undefined || compareLsn(to, lsn) >= 0) open.push({ ...binding, to: undefined });
      else if (logVersion === versionOf50) closed.set(`${fileId} ${uid} ${metaPgno}`, binding);
    }
    return [...closed.values(), ...open];
  }

  /** True when the log has changes of a file to tell, or says that there are none. */
  knows(uid: string): boolean {
    for (const binding of this.all()) if (binding.uid === uid) return true;
    return false;
  }

  /** Every binding of the log. */
  *all(): Generator<Binding> {
    for (const intervals of this.#intervals.values()) yield* intervals;
  }
}

function covers({ from, to }: Binding, lsn: Lsn): boolean {
  return compareLsn(from, lsn) <= 0 && (to === undefined || compareLsn(lsn, to) < 0);
}

/** Log version of 5.0 and 5.1. At checkpoints 5.0 repeats registrations of files that it has closed (recovery document, B.2). */
const versionOf50 = 17;

/** True for a registration of a database that had this id before, and lost it: opening it again would have been logged. */
function wasClosed(intervals: readonly Binding[], { uid, metaPgno }: RegistrationBody): boolean {
  return intervals.some((earlier) => earlier.to !== undefined && earlier.uid === uid && earlier.metaPgno === metaPgno);
}

/** Uids of named in-memory databases hold the name: four bytes of their own, then its first sixteen. */
function isMadeUpUid(name: string, uid: string): boolean {
  const rest = uid.slice(8);
  if (rest.length !== 32) return false;
  // The others differ in the first byte, as good as always.
  const first = name.charCodeAt(0);
  if (first < 0x80 && Number.parseInt(rest.slice(0, 2), 16) !== first && !rest.startsWith('00')) return false;
  const expected = Buffer.alloc(16);
  expected.write(name, 'utf8');
  return rest === expected.toString('hex') || /^0*$/.test(uid);
}
