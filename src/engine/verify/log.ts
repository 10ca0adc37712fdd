/** The log of a chain: every record whole and readable, every set's part a continuation of the one before. */

import path from 'node:path';
import { FigaroError, isOfTheRun } from '../../errors.ts';
import { compareLsn, formatLsn, type Lsn } from '../../format/lsn.ts';
import { logFileName } from '../../format/names.ts';
import { discoverEnvironment } from '../environment/discover.ts';
import { logPaths } from '../environment/environment.ts';
import { type Files } from '../files/files.ts';
import { forEachBatch } from '../log/each-batch.ts';
import { isOpaqueLog, openLog, startOf, type Log } from '../log/log-files.ts';
import { firstLogDifference, withLogFile, type LogParts } from '../log/log-parts.ts';
import { RecordLinks } from '../log/record-links.ts';
import { type ScannedRecord } from '../log/scanned-record.ts';
import { pause, type Watch } from '../pause.ts';
import { chainEnvironment, type Chain } from '../repository/chain.ts';
import { environmentOf } from '../repository/repository.ts';
import { type BackupSet } from '../repository/backup-set.ts';
import { type Finding } from './finding.ts';

type Report = (finding: Finding) => void;

/** Checks the log of a chain, and returns the number of records read: none of an opaque one. */
export async function verifyLog(files: Files, chain: Chain, report: Report, watch: Watch): Promise<number> {
  comparePrefixes(files, chain, report);
  const last = chain.sets.at(-1)!;
  const paths = logPaths(chainEnvironment(files, chain));
  if (isOpaqueLog(files, paths.values())) return 0;
  let log: Log;
  try {
    log = openLog(files, paths);
  } catch (error) {
    report(findingOf(last, error));
    return 0;
  }
  const scan = new LogVerification(files, chain, log, report);
  await scan.run(watch);
  return scan.records;
}

/** Each set's copy of a log file has to begin with the parent's; a tail is what comes behind that. */
function comparePrefixes(files: Files, { sets }: Chain, report: Report): void {
  if (sets.length < 2) return;
  const known = new Map<number, LogParts>();
  for (const set of sets) {
    const copy = discoverEnvironment(files, environmentOf(set.directory), { wanted: 'copy' });
    for (const [number, parts] of logPaths(copy)) {
      const earlier = known.get(number) ?? [];
      const isTail = parts[0]!.from > 0;
      known.set(number, isTail ? [...earlier, ...parts] : parts);
      if (earlier.length === 0 || isTail) continue;
      try {
        const length = withLogFile(files, earlier, (opened) => opened.stat().size);
        const different = firstLogDifference(files, earlier, parts, length);
        if (different === undefined) continue;
        const name = logFileName(number);
        const message = `${name} differs at byte ${different} from the one in the set before, which has ${length} bytes`;
        report({ set: set.id, code: 'chain-mismatch', message, path: name });
      } catch (error) {
        report(findingOf(set, error));
      }
    }
  }
}

function keyOf({ file, offset }: Lsn): number {
  return file * 2 ** 32 + offset;
}

class LogVerification {
  readonly #files: Files;
  readonly #chain: Chain;
  readonly #log: Log;
  readonly #report: Report;
  /** Last records of the sets, still to be met. */
  readonly #expected = new Map<number, { readonly lsn: Lsn; readonly sets: BackupSet[] }>();
  records = 0;

  constructor(files: Files, chain: Chain, log: Log, report: Report) {
    this.#files = files;
    this.#chain = chain;
    this.#log = log;
    this.#report = report;
    for (const set of chain.sets) {
      const lsn = set.manifest.log?.lastRecord;
      // Where an unread set ends was told by frames alone: its last record may be torn.
      if (!lsn || set.manifest.unread) continue;
      const known = this.#expected.get(keyOf(lsn));
      if (known) known.sets.push(set);
      else this.#expected.set(keyOf(lsn), { lsn, sets: [set] });
    }
  }

  async run(watch: Watch): Promise<void> {
    let rest = this.#log;
    while (rest.files.length > 0) {
      const damagedAt = await this.#scan(rest, watch);
      if (damagedAt === undefined) break;
      // Behind damage, the next file can be read again.
      rest = { ...rest, files: rest.files.filter(({ number }) => number > damagedAt) };
    }
    for (const { sets, lsn } of this.#expected.values()) {
      const message = `the log has no record at ${formatLsn(lsn)}, where the manifest says that it ends`;
      for (const set of sets) this.#report({ set: set.id, code: 'log-corrupt', message, lsn: formatLsn(lsn) });
    }
  }

  /** Reads on until the end; the number of the file that is damaged, if one is. */
  async #scan(log: Log, watch: Watch): Promise<number | undefined> {
    let at = log.files[0]!.number;
    const links = log.files[0]!.framing.cipher && new RecordLinks(startOf(log));
    try {
      const end = await forEachBatch(this.#files, log, {}, async (batch) => {
        at = batch.file.number;
        for (let i = 0; i < batch.count; i++) this.#see(batch.record(i), links);
        await pause(watch, { phase: 'read the log' });
      });
      this.#requireEnd(end.lsn);
      return undefined;
    } catch (error) {
      this.#report(findingOf(this.#setOf(at, error), error));
      return at;
    }
  }

  #see(record: ScannedRecord, links: RecordLinks | undefined): void {
    this.records += 1;
    this.#expected.delete(keyOf(record.lsn));
    links?.check(record);
    try {
      // Read for what it throws.
      void record.body;
    } catch (error) {
      this.#report(findingOf(this.#chain.sets.at(-1)!, error));
    }
  }

  #requireEnd(end: Lsn): void {
    const last = this.#chain.sets.at(-1)!;
    const { end: expected } = last.manifest.log!;
    if (compareLsn(end, expected) === 0 || last.manifest.unread) return;
    const message = `the log ends at ${formatLsn(end)}, but the manifest says ${formatLsn(expected)}`;
    this.#report({ set: last.id, code: 'log-corrupt', message, lsn: formatLsn(end) });
  }

  /** The set that what is wrong with a log file is in: the newest one that holds it, where nobody knows the place. */
  #setOf(number: number, error: unknown): BackupSet {
    const { sets } = this.#chain;
    const { path: first } = this.#log.files.find((file) => file.number === number)!;
    const place = (error instanceof FigaroError ? error.details.path : undefined) ?? first;
    return sets.findLast(({ directory }) => place.startsWith(`${directory}${path.sep}`)) ?? sets.at(-1)!;
  }
}

/** A finding in place of an error. Anything but a `FigaroError` is a bug, and an interruption is no finding. */
function findingOf({ id }: BackupSet, error: unknown): Finding {
  if (!(error instanceof FigaroError) || isOfTheRun(error)) throw error;
  const { lsn, path: file } = error.details;
  return {
    set: id,
    code: error.code,
    message: error.message,
    ...(file === undefined ? {} : { path: path.basename(file) }),
    ...(lsn === undefined ? {} : { lsn }),
  };
}
