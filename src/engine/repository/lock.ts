import { hostname } from 'node:os';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { readIfThere, readSystemFile, type Files } from '../files.ts';

/** Who holds the lock of a repository. */
interface Owner {
  readonly host: string;
  /** Changes at every boot; empty where it is not known. */
  readonly boot: string;
  readonly pid: number;
  /** Start of the process in ticks since boot; empty where it is not known. */
  readonly processStart: string;
  readonly since: string;
}

/** The lock of a repository; only one run at a time may write to it. */
export interface Lock {
  release(): void;
}

/**
 * Takes the lock. A lock whose owner is provably dead (same host, and rebooted, or the process gone or another one) is
 * taken over. Throws `busy` otherwise.
 */
export function takeLock(files: Files, repository: string): Lock {
  const file = path.join(repository, 'lock');
  const owner: Owner = {
    host: hostname(),
    boot: bootId(),
    pid: process.pid,
    processStart: processStart(process.pid),
    since: new Date().toISOString(),
  };
  const contents = `${JSON.stringify(owner)}\n`;
  if (!tryCreate(files, file, contents)) {
    takeOver(files, file, contents, repository);
  }
  return {
    release(): void {
      // Somebody may have removed it by hand, and another run may hold it now.
      const now = readIfThere(files, file);
      if (now && Buffer.from(now).toString('utf8') === contents) files.remove(file);
    },
  };
}

function tryCreate(files: Files, file: string, contents: string): boolean {
  if (files.statIfThere(file)) return false;
  try {
    const opened = files.create(file);
    try {
      opened.writeAt(Buffer.from(contents), 0);
      opened.sync();
    } finally {
      opened.close();
    }
    return true;
  } catch (error) {
    // Another run was faster.
    if (files.statIfThere(file)) return false;
    throw error;
  }
}

/**
 * Renames the dead owner's lock away under a name made from its contents: of two runs that try, one finds it gone.
 */
function takeOver(files: Files, file: string, contents: string, repository: string): void {
  const before = readIfThere(files, file);
  const owner = before && parseOwner(Buffer.from(before).toString('utf8'));
  if (before && (!owner || isAlive(owner))) throw busy(repository, owner);
  if (before) {
    const aside = `${file}.dead-${process.pid}`;
    try {
      files.rename(file, aside);
    } catch {
      throw busy(repository, undefined);
    }
    const moved = readIfThere(files, aside);
    files.remove(aside);
    // What was moved away must be what was judged; otherwise another run had taken over just before.
    if (!moved || Buffer.compare(moved, before) !== 0) throw busy(repository, undefined);
  }
  if (!tryCreate(files, file, contents)) throw busy(repository, undefined);
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner>;
    const { host, boot, pid, processStart: start, since } = value;
    if (typeof host !== 'string' || typeof boot !== 'string' || typeof pid !== 'number') return undefined;
    if (typeof start !== 'string' || typeof since !== 'string') return undefined;
    return { host, boot, pid, processStart: start, since };
  } catch {
    return undefined;
  }
}

/** False only when it is certain that the owner is gone. */
function isAlive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  if (owner.boot !== '' && bootId() !== '' && owner.boot !== bootId()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  const start = processStart(owner.pid);
  return start === '' || owner.processStart === '' || start === owner.processStart;
}

function busy(repository: string, owner: Owner | undefined): FigaroError {
  const who = owner ? ` by process ${owner.pid} on ${owner.host} since ${owner.since}` : '';
  return new FigaroError('busy', `${repository} is being written to${who}`, {
    path: repository,
    hint: 'wait until it is done. If that host is gone for good, remove the file `lock` in the repository.',
  });
}

function bootId(): string {
  return readSystemFile('/proc/sys/kernel/random/boot_id').trim();
}

function processStart(pid: number): string {
  // Field 22; the second field is in parentheses and may hold anything.
  const stat = readSystemFile(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
