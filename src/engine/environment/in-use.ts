/** Whether a process has an environment open, as far as Linux and Windows tell this user; elsewhere nothing is seen. */

import { FigaroError } from '../../errors.ts';
import { readSystemFile, readSystemLink } from '../files/system-files.ts';
import { type Files, type FileStat } from '../files/files.ts';
import { type Environment } from './environment.ts';

/** What the operator can do about it, in the words of the command. */
type InUseHint = (environment: Environment) => string;

/**
 * Throws `environment-in-use`, naming the process, when one has a container, a log file or the registry open for writing,
 * or a region mapped: a process that has joined an environment keeps its regions mapped, even when it only reads. What a
 * process left behind that is no more does not count. Of processes of other users only locks can be seen, which those
 * hold that registered. That it returns proves nothing.
 *
 * Windows does not say who has a file open, but whether anybody has, for reading as well. To ask takes each file away from others for a
 * moment.
 *
 * @param mayAsk false for what others may use at the same time: on Windows nothing is seen then
 */
export function requireNotInUse(files: Files, environment: Environment, hintFor: InUseHint, mayAsk = true): void {
  const opened = mayAsk ? openFile(files, environment) : undefined;
  if (opened !== undefined) {
    throw new FigaroError('environment-in-use', `${environment.home} is in use: a process has ${opened} open`, {
      path: opened,
      hint: hintFor(environment),
    });
  }
  const shared = sharedFiles(files, environment);
  const watched = new Map([...ownFiles(environment), ...shared]);
  const inodes = new Set([...watched.keys()].map((key) => key.split(' ')[1]!));
  const locked = lockedFiles(watched);
  for (const pid of list(files, '/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const file = openForWriting(files, pid, { watched, inodes }) ?? mapped(pid, shared) ?? locked.get(pid);
    if (file === undefined) continue;
    const name = readSystemFile(`/proc/${pid}/comm`).trim();
    const who = name === '' ? `process ${pid}` : `process ${pid} (${name})`;
    throw new FigaroError('environment-in-use', `${environment.home} is in use: ${who} has ${file} open`, {
      path: file,
      hint: hintFor(environment),
    });
  }
}

/** A file that Windows says is open. Shared memory comes first, which a process has open as long as it uses the environment, then the log. */
function openFile(files: Files, environment: Environment): string | undefined {
  const shared = environment.leftOut.filter(({ reason }) => reason === 'region' || reason === 'registry');
  const own = environment.files.filter(({ kind }) => kind !== 'config' && kind !== 'external-file');
  const log = own.filter(({ kind }) => kind === 'log').reverse();
  const others = own.filter(({ kind }) => kind !== 'log');
  return [...shared, ...log, ...others].find(({ path }) => files.isOpen(path))?.path;
}

/** What an environment consists of: paths by device and inode, as the kernel prints them. */
function ownFiles({ files: known }: Environment): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const { kind, path, stat } of known) {
    if (kind !== 'config' && kind !== 'external-file') own.set(`${deviceOf(stat)} ${stat.inode}`, path);
  }
  return own;
}

/** The memory that its processes share, as files. */
function sharedFiles(files: Files, { leftOut }: Environment): ReadonlyMap<string, string> {
  const shared = new Map<string, string>();
  for (const { reason, path } of leftOut) {
    const stat = reason === 'region' || reason === 'registry' ? files.statIfThere(path) : undefined;
    if (stat) shared.set(`${deviceOf(stat)} ${stat.inode}`, path);
  }
  return shared;
}

/** What is no file, as a descriptor of it reads. Most are of these kinds, and that is quicker to see than the rest. */
const noFile = /^(socket:|pipe:|anon_inode:|\/dev\/null$)/;

/** What an environment consists of, in the two ways in which it is looked for. */
interface Watched {
  /** Paths by device and inode. */
  readonly watched: ReadonlyMap<string, string>;
  /** The inodes of them: most descriptors are of none. */
  readonly inodes: ReadonlySet<string>;
}

function openForWriting(files: Files, pid: string, { watched, inodes }: Watched): string | undefined {
  let devices: ReadonlyMap<string, string> | undefined;
  for (const descriptor of list(files, `/proc/${pid}/fdinfo`)) {
    if (noFile.test(readSystemLink(`/proc/${pid}/fd/${descriptor}`))) continue;
    const info = readSystemFile(`/proc/${pid}/fdinfo/${descriptor}`);
    const flags = Number.parseInt(field(info, 'flags') ?? '0', 8);
    const inode = field(info, 'ino');
    // The two lowest bits say how it was opened; 0 is for reading.
    if ((flags & 3) === 0 || inode === undefined || !inodes.has(inode)) continue;
    devices ??= mountedDevices(pid);
    const file = watched.get(`${devices.get(field(info, 'mnt_id') ?? '')} ${inode}`);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** Shared memory that a process has mapped, so that others see what it writes. The list of what is mapped can be long. */
function mapped(pid: string, shared: ReadonlyMap<string, string>): string | undefined {
  if (shared.size === 0) return undefined;
  for (const line of readSystemFile(`/proc/${pid}/maps`).split('\n')) {
    const match = /^\S+ .w.s \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line);
    if (!match) continue;
    const [, major = '', minor = '', inode = ''] = match;
    const file = shared.get(keyOf(major, minor, inode));
    if (file !== undefined) return file;
  }
  return undefined;
}

/** Files that are locked to write, by process. The kernel shows everybody's locks to everybody. */
function lockedFiles(watched: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const locked = new Map<string, string>();
  for (const line of readSystemFile('/proc/locks').split('\n')) {
    const match = /^\d+: POSIX +\S+ +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line);
    if (!match) continue;
    const [, pid = '', major = '', minor = '', inode = ''] = match;
    const file = watched.get(keyOf(major, minor, inode));
    if (file !== undefined) locked.set(pid, file);
  }
  return locked;
}

/** A key of the files watched, from numbers in hex. */
function keyOf(major: string, minor: string, inode: string): string {
  return `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)} ${inode}`;
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(info)?.[1];
}

/** `major:minor` by mount id, as a process sees it. */
function mountedDevices(pid: string): ReadonlyMap<string, string> {
  const lines = readSystemFile(`/proc/${pid}/mountinfo`).split('\n');
  return new Map(lines.map((line) => line.split(' ')).map(([id = '', , device = '']) => [id, device]));
}

/** As the kernel prints it. */
function deviceOf({ device }: FileStat): string {
  const low = device % 2 ** 32;
  const high = Math.floor(device / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) | (high & ~0xfff);
  const minor = (low & 0xff) | ((low >>> 12) & ~0xff);
  return `${major >>> 0}:${minor >>> 0}`;
}

/** Names in a directory of /proc; none where it is not to be seen. */
function list(files: Files, directory: string): readonly string[] {
  try {
    return files.listIfThere(directory) ?? [];
  } catch {
    return [];
  }
}
