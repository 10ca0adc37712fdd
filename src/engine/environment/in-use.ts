import { FigaroError } from '../../errors.ts';
import { readSystemFile, type Files, type FileStat } from '../files.ts';
import { type Environment } from './discover.ts';

/**
 * Throws `environment-in-use` when a process has a container or log file open for writing. It sees what Linux shows in
 * /proc to this user, and nothing elsewhere: that it returns proves nothing.
 */
export function requireNotInUse(files: Files, environment: Environment): void {
  const watched = new Map<string, string>();
  for (const { kind, path, stat } of environment.files) {
    if (kind !== 'config' && kind !== 'external-file') watched.set(`${deviceOf(stat)} ${stat.inode}`, path);
  }
  for (const pid of list(files, '/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const file = openForWriting(files, pid, watched);
    if (file === undefined) continue;
    throw new FigaroError('environment-in-use', `${environment.home} is in use: process ${pid} has ${file} open`, {
      path: file,
      hint: environment.files.some(({ kind }) => kind === 'log')
        ? 'stop it, or use `figaro-backup hot`.'
        : 'stop it: an environment without logs can only be backed up while nobody writes to it.',
    });
  }
}

function openForWriting(files: Files, pid: string, watched: ReadonlyMap<string, string>): string | undefined {
  let devices: ReadonlyMap<string, string> | undefined;
  for (const descriptor of list(files, `/proc/${pid}/fdinfo`)) {
    const info = readSystemFile(`/proc/${pid}/fdinfo/${descriptor}`);
    const flags = Number.parseInt(field(info, 'flags') ?? '0', 8);
    const inode = field(info, 'ino');
    // The two lowest bits say how it was opened; 0 is for reading.
    if ((flags & 3) === 0 || inode === undefined) continue;
    devices ??= mountedDevices(pid);
    const file = watched.get(`${devices.get(field(info, 'mnt_id') ?? '')} ${inode}`);
    if (file !== undefined) return file;
  }
  return undefined;
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
