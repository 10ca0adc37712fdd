/** Who works on something on disk, and whether that run is over. */

import { hostname } from 'node:os';
import { readSystemFile } from './files.ts';

/** A run of this program. */
export interface Owner {
  readonly host: string;
  /** Changes at every boot; empty where it is not known. */
  readonly boot: string;
  readonly pid: number;
  /** Start of the process in ticks since boot; empty where it is not known. */
  readonly processStart: string;
  readonly since: string;
}

/** This run, as it is written to disk for `parseOwner`. */
export function describeThisProcess(): string {
  const owner: Owner = {
    host: hostname(),
    boot: bootId(),
    pid: process.pid,
    processStart: processStart(process.pid),
    since: new Date().toISOString(),
  };
  return `${JSON.stringify(owner)}\n`;
}

export function parseOwner(text: string): Owner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, boot, pid, processStart: start, since } = value as Readonly<Record<string, unknown>>;
  if (typeof host !== 'string' || typeof boot !== 'string' || typeof start !== 'string') return undefined;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid <= 0 || typeof since !== 'string') return undefined;
  return { host, boot, pid, processStart: start, since };
}

/** False only when it is certain that the owner is gone. */
export function isAlive(owner: Owner): boolean {
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

function bootId(): string {
  return readSystemFile('/proc/sys/kernel/random/boot_id').trim();
}

function processStart(pid: number): string {
  // Field 22; the second field is in parentheses and may hold anything.
  const stat = readSystemFile(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
