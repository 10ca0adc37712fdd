/** Who works on something on disk, and whether that run is over. */

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { readSystemFile } from './files.ts';

/** What tells a process from all others. */
interface Identity {
  readonly host: string;
  /** Changes at every boot; empty where it is not known. */
  readonly boot: string;
  readonly pid: number;
  /** Start of the process in ticks since boot; empty where it is not known. */
  readonly processStart: string;
}

/** A run of this program. */
export interface Owner extends Identity {
  readonly since: string;
}

/** This run, as it is written to disk for `parseOwner`. */
export function describeThisProcess(): string {
  const owner: Owner = { ...thisProcess(), since: new Date().toISOString() };
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

/** This run as part of a file name, for `isMarkAlive`: a name is there whole or not at all. */
export function markOfThisProcess(): string {
  const { host, boot, pid, processStart: start } = marked(thisProcess());
  return [host, boot, pid, start].join('-');
}

/** As `isAlive`; undefined for what is no mark. */
export function isMarkAlive(mark: string): boolean | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{8}|)-([1-9]\d*)-(\d*)$/.exec(mark);
  if (!match) return undefined;
  const [, host = '', boot = '', pid, start = ''] = match;
  return isAlive({ host, boot, pid: Number(pid), processStart: start }, marked(thisProcess()));
}

/** Names of hosts and boots are too long for the name of a file. */
function marked(identity: Identity): Identity {
  const short = (text: string): string =>
    text === '' ? '' : createHash('sha256').update(text).digest('hex').slice(0, 8);
  return { ...identity, host: short(identity.host), boot: short(identity.boot) };
}

function thisProcess(): Identity {
  return { host: hostname(), boot: bootId(), pid: process.pid, processStart: processStart(process.pid) };
}

/** False only when it is certain that the owner is gone. */
export function isAlive(owner: Identity, here: Identity = thisProcess()): boolean {
  if (owner.host !== here.host) return true;
  if (owner.boot !== '' && here.boot !== '' && owner.boot !== here.boot) return false;
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
