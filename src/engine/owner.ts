/** Who works on something on disk, and whether that run is over. */

import { createHash } from 'node:crypto';
import { hostname, uptime } from 'node:os';
import { readableFields } from './fields.ts';
import { readSystemFile, readSystemLink } from './files/system-files.ts';
import { expiryMs, trustedMs } from './lease.ts';

/** What tells a process from all others. */
interface Identity {
  readonly host: string;
  /** Changes at every boot; empty where it is not known. */
  readonly boot: string;
  /** In which process numbers mean the same: each container has its own. Empty where there is no such thing. */
  readonly namespace: string;
  readonly pid: number;
  /** Start of the process in ticks since boot; empty where it is not known. */
  readonly processStart: string;
}

/** A run of this program. */
export interface Owner extends Identity {
  readonly since: string;
}

const highestPid = 0x7fffffff;

/** This run, as it is written to disk for `parseOwner`. */
export function describeThisProcess(): string {
  const owner: Owner = { ...thisProcess(), since: new Date().toISOString() };
  return `${JSON.stringify(owner)}\n`;
}

export function parseOwner(text: string): Owner | undefined {
  return readableFields(text, (fields) => {
    const pid = fields.countUpTo('pid', highestPid);
    if (pid === 0) throw fields.problem('"pid" is 0');
    return {
      host: fields.string('host'),
      boot: fields.string('boot'),
      namespace: fields.string('namespace'),
      pid,
      processStart: fields.string('processStart'),
      since: fields.time('since'),
    };
  });
}

/** This run as part of a file name, for `isMarkAlive`: a name is there whole or not at all. */
export function markOfThisProcess(): string {
  const { host, boot, namespace, pid, processStart: start } = marked(thisProcess());
  return [host, boot, namespace, pid, start].join('-');
}

/** As `isAlive`; undefined for what is no mark. */
export function isMarkAlive(mark: string, silentMs: () => number): boolean | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{8}|)-([0-9a-f]{8}|)-([1-9]\d*)-(\d*)$/.exec(mark);
  if (!match) return undefined;
  const [, host = '', boot = '', namespace = '', pid, start = ''] = match;
  return isAlive({ host, boot, namespace, pid: Number(pid), processStart: start }, silentMs, marked(thisProcess()));
}

/** Names of hosts and boots are too long for the name of a file. */
function marked(identity: Identity): Identity {
  const short = (text: string): string =>
    text === '' ? '' : createHash('sha256').update(text).digest('hex').slice(0, 8);
  const { host, boot, namespace } = identity;
  return { ...identity, host: short(host), boot: short(boot), namespace: short(namespace) };
}

function thisProcess(): Identity {
  return {
    host: hostname(),
    boot: bootId(),
    namespace: readSystemLink('/proc/self/ns/pid'),
    pid: process.pid,
    processStart: processStart(process.pid),
  };
}

/**
 * Whether a run goes on. Where the number of its process says nothing, because it is of another machine or container, or may be,
 * it does for as long as its last sign of life is not too long ago.
 *
 * @param silentMs how long that is, by the clock of the file system
 */
export function isAlive(owner: Identity, silentMs: () => number, here: Identity = thisProcess()): boolean {
  if (!hasSameProcesses(owner, here)) return silentMs() < patience(owner, here);
  if (!isTaken(owner.pid)) return false;
  const start = processStart(owner.pid);
  // The number may be another process's by now.
  if (start === '' || owner.processStart === '') return silentMs() < expiryMs;
  return start === owner.processStart;
}

/** Numbers of processes mean the same there as here. A host alone does not tell: many have one name. */
function hasSameProcesses(owner: Identity, here: Identity): boolean {
  if (here.boot === '' || here.namespace === '') return false;
  return owner.host === here.host && owner.boot === here.boot && owner.namespace === here.namespace;
}

function isTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * This machine may have been started again since: then that was after the last sign of life. But other machines and containers
 * can have its name, too.
 */
function patience(owner: Identity, here: Identity): number {
  if (owner.host !== here.host || owner.boot === here.boot) return expiryMs;
  return Math.min(expiryMs, Math.max(trustedMs, uptime() * 1000));
}

function bootId(): string {
  return readSystemFile('/proc/sys/kernel/random/boot_id').trim();
}

function processStart(pid: number): string {
  // Field 22; the second field is in parentheses and may hold anything.
  const stat = readSystemFile(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}
