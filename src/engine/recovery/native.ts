import { spawn } from 'node:child_process';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files/files.ts';
import { type Watch } from '../pause.ts';
import { type Log } from '../log/log-files.ts';
import { type RecoveryOptions } from './rehearse.ts';
import { isRegionName } from '../../format/names.ts';

/** Names under which Oracle's recovery utility is installed. */
const programs = ['db_recover', 'db5.3_recover', 'db4.8_recover', 'db6.2_recover', 'db18.1_recover'];

/** Releases by the log version they write (format document, section 0.1). */
const releases: Readonly<Record<number, readonly string[]>> = {
  16: ['4.8'],
  17: ['5.0', '5.1'],
  18: ['5.2'],
  19: ['5.3'],
  20: ['6.0'],
  21: ['6.0'],
  22: ['6.1'],
  23: ['6.2', '18.1'],
};

/**
 * Runs an installed `db_recover -c` of the release that wrote the log on a staged copy, and removes the region files it
 * leaves: another release would go on in a log of its own version. Returns a sentence about it. Throws `usage` when it
 * is not installed, `not-recoverable` with its messages when it fails.
 */
export async function recoverNatively(
  files: Files,
  home: string,
  log: Log,
  { restorePoint: point = { kind: 'end' }, watch = {} }: RecoveryOptions,
): Promise<string> {
  const { version, framing, path: file } = log.files.at(-1)!;
  if (framing.cipher) {
    // Arguments of a process can be seen by everybody, and db_recover takes the password no other way.
    throw new FigaroError('usage', `${file} is encrypted: the native engine would show the password to other users`, {
      path: file,
      hint: 'use the embedded engine.',
    });
  }
  const options = ['-c', '-h', home];
  if (point.kind !== 'end' && point.kind !== 'time') {
    throw new FigaroError('usage', 'the native engine recovers to a time or to the end, and to nothing else');
  }
  if (point.kind === 'time') options.push('-t', nativeTime(point.time));
  const program = await findProgram(releases[version] ?? [], watch);
  const { status, signal, messages } = (await runProgram(program, options, watch))!;
  if (status !== 0) {
    const how = signal === null ? `failed with exit status ${status}` : `was ended by ${signal}`;
    throw new FigaroError('not-recoverable', `${program} ${how}: ${messages.trim()}`, {
      path: home,
      hint: 'try the embedded engine, which says what is wrong in its own words.',
    });
  }
  for (const name of files.listIfThere(home) ?? []) {
    if (isRegionName(name)) files.remove(path.join(home, name));
  }
  return `recovered by the installed ${program}, not by the engine of this program`;
}

/** The first program installed that is of one of the releases. */
async function findProgram(wanted: readonly string[], watch: Watch): Promise<string> {
  const found: string[] = [];
  for (const program of programs) {
    const outcome = await runProgram(program, ['-V'], watch);
    const release = outcome && /Berkeley DB (\d+\.\d+)/.exec(outcome.messages)?.[1];
    if (release === undefined) continue;
    if (wanted.includes(release)) return program;
    found.push(`${program} of ${release}`);
  }
  const instead = found.length > 0 ? `, only ${found.join(', ')}` : '';
  throw new FigaroError('usage', `no db_recover of Berkeley DB ${wanted.join(' or ')} is installed${instead}`, {
    hint: 'install the one of the release that wrote the environment, or use the embedded engine.',
  });
}

/** `[[CC]YY]MMDDhhmm.SS`; the utility takes it for local time, so it is run in UTC. */
function nativeTime(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split(/[T.]/);
  const [hours, minutes, seconds] = clock.split(':');
  return `${date.replaceAll('-', '')}${hours}${minutes}.${seconds}`;
}

interface Outcome {
  readonly status: number | null;
  /** What ended it, when nothing of its own did. */
  readonly signal: NodeJS.Signals | null;
  /** What it wrote, to both streams. */
  readonly messages: string;
}

/** Runs a program to its end; undefined when it is not installed, or not for this user. */
function runProgram(program: string, options: readonly string[], watch: Watch): Promise<Outcome | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TZ: 'UTC' },
      ...(watch.signal ? { signal: watch.signal } : {}),
    });
    let messages = '';
    child.stdout.on('data', (chunk: Buffer) => (messages += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (messages += chunk.toString()));
    child.on('error', (error: NodeJS.ErrnoException) => {
      // PATH may have directories that this user may not look into.
      if (error.code === 'ENOENT' || error.code === 'EACCES') resolve(undefined);
      else if (error.name === 'AbortError') {
        reject(new FigaroError('interrupted', 'stopped before it was finished', { cause: error }));
      } else reject(error);
    });
    child.on('close', (status, signal) => resolve({ status, signal, messages }));
  });
}
