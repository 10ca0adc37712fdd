import { spawn } from 'node:child_process';
import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { type Files } from '../files.ts';
import { type Watch } from '../pause.ts';
import { type RestorePoint } from './restore-point.ts';

/** Names under which Oracle's recovery utility is installed. */
const programs = ['db_recover', 'db5.3_recover', 'db4.8_recover', 'db6.2_recover', 'db18.1_recover'];

/**
 * Runs an installed `db_recover -c` on a staged copy, and removes the region files it leaves. It has to be of the version
 * that wrote the environment. Throws `not-recoverable` with its messages when it fails.
 */
export async function recoverNatively(
  files: Files,
  home: string,
  point: RestorePoint,
  watch: Watch,
): Promise<void> {
  const options = ['-c', '-h', home];
  if (point.kind === 'lsn') {
    throw new FigaroError('usage', 'the native engine recovers to a time or to the end, not to an LSN');
  }
  if (point.kind === 'time') options.push('-t', nativeTime(point.time));
  const { program, status, messages } = await runFirst(programs, options, watch);
  if (status !== 0) {
    throw new FigaroError('not-recoverable', `${program} failed with exit status ${status}: ${messages.trim()}`, {
      path: home,
      hint: 'try the embedded engine, which says what is wrong in its own words.',
    });
  }
  for (const name of files.listIfThere(home) ?? []) {
    if (/^__db\.\d{3}$/.test(name)) files.remove(path.join(home, name));
  }
}

/** `[[CC]YY]MMDDhhmm.SS`; the utility takes it for local time, so it is run in UTC. */
function nativeTime(time: Date): string {
  const [date = '', clock = ''] = time.toISOString().split(/[T.]/);
  const [hours, minutes, seconds] = clock.split(':');
  return `${date.replaceAll('-', '')}${hours}${minutes}.${seconds}`;
}

interface Outcome {
  readonly program: string;
  readonly status: number;
  readonly messages: string;
}

async function runFirst(names: readonly string[], options: readonly string[], watch: Watch): Promise<Outcome> {
  for (const program of names) {
    const outcome = await runProgram(program, options, watch);
    if (outcome) return outcome;
  }
  throw new FigaroError('usage', `no native recovery utility is installed: tried ${names.join(', ')}`, {
    hint: 'install it in the version of the environment, or use the embedded engine.',
  });
}

/** Runs a program to its end; undefined when it is not installed. */
function runProgram(program: string, options: readonly string[], watch: Watch): Promise<Outcome | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, options, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TZ: 'UTC' },
      ...(watch.signal ? { signal: watch.signal } : {}),
    });
    let messages = '';
    child.stderr.on('data', (chunk: Buffer) => (messages += chunk.toString()));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(undefined);
      else if (error.name === 'AbortError') {
        reject(new FigaroError('interrupted', 'stopped before it was finished', { cause: error }));
      } else reject(error);
    });
    child.on('close', (status) => resolve({ program, status: status ?? 1, messages }));
  });
}
