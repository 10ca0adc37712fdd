/** The operating system as `nodeFiles` calls it, with faults at places that a test chooses. */

import fs from 'fs-extra';

/** A call of the operating system about something below the directory that a test watches. */
export interface SystemCall {
  readonly name: string;
  readonly path: string;
}

/** What becomes of a call: an error of the operating system, its code (`EIO`), `short` for half of what was asked for, or nothing. */
export type Fault = 'short' | `E${string}` | undefined;

/** Thrown by every call of a process that was killed. */
export class Killed extends Error {}

/** Calls that change something on disk. */
export const changes: ReadonlySet<string> = new Set([
  'create',
  'writeSync',
  'fsync',
  'fsyncSync',
  'ftruncateSync',
  'mkdirSync',
  'renameSync',
  'linkSync',
  'rmSync',
  'rmdirSync',
  'utimesSync',
  'chmodSync',
  'chownSync',
  'copyFile',
]);

type AnyCall = (...args: unknown[]) => unknown;
type Calls = Record<string, AnyCall>;

const byPath = [
  'lstatSync',
  'statSync',
  'chmodSync',
  'chownSync',
  'readdirSync',
  'mkdirSync',
  'rmSync',
  'rmdirSync',
  'utimesSync',
  'statfsSync',
  'renameSync',
  'linkSync',
];
const byDescriptor = ['fstatSync', 'readSync', 'writeSync', 'ftruncateSync', 'fsyncSync'];

/** Runs work while `decide` may make calls below `root` fail. */
export async function withFaults<T>(
  root: string,
  decide: (call: SystemCall) => Fault,
  work: () => Promise<T>,
): Promise<T> {
  const paths = new Map<unknown, string>();
  const system = fs as unknown as Calls;
  const promises = fs.promises as unknown as Calls;
  const real = new Map<string, AnyCall>();
  const replace = (owner: Calls, name: string, call: (original: AnyCall) => AnyCall): void => {
    const original = owner[name]!;
    real.set(name, original);
    owner[name] = call(original);
  };
  const judge = (name: string, path: string | undefined): Fault => {
    if (path === undefined || !path.startsWith(root)) return undefined;
    const fault = decide({ name, path });
    if (fault === undefined || fault === 'short') return fault;
    throw Object.assign(new Error(`${fault}: injected, ${name}`), { code: fault });
  };
  for (const name of byPath) {
    replace(system, name, (original) => (...args) => {
      judge(name, args[0] as string);
      return original(...args);
    });
  }
  for (const name of byDescriptor) {
    replace(system, name, (original) => (...args) => {
      const fault = judge(name, paths.get(args[0]));
      if (fault === 'short' && (name === 'readSync' || name === 'writeSync')) {
        args[3] = Math.max(1, Math.floor((args[3] as number) / 2));
      }
      return original(...args);
    });
  }
  replace(system, 'openSync', (original) => (...args) => {
    judge(args[1] === 'wx+' ? 'create' : 'openSync', args[0] as string);
    const descriptor = original(...args);
    paths.set(descriptor, args[0] as string);
    return descriptor;
  });
  // Whatever fails, the descriptor goes.
  replace(system, 'closeSync', (original) => (...args) => {
    const path = paths.get(args[0]);
    paths.delete(args[0]);
    original(...args);
    judge('closeSync', path);
  });
  replace(system, 'fsync', (original) => async (...args) => {
    judge('fsync', paths.get(args[0]));
    await original(...args);
  });
  replace(promises, 'copyFile', (original) => async (...args) => {
    judge('copyFile', args[1] as string);
    await original(...args);
  });
  try {
    return await work();
  } finally {
    for (const [name, original] of real) (name === 'copyFile' ? promises : system)[name] = original;
  }
}
