/** Machines that have nothing but the single file: this one for another user, and a Windows of Wine's. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './demo-environment.ts';
import { madeOnce, liveServer, serverDirectory } from './servers/live-servers.ts';
import { ownName, windowsName } from './single-files.ts';
import { type Outcome } from './program.ts';

export interface Machine {
  /** A directory for one test. */
  newDirectory(): string;
  /** What the program calls a file in there. */
  nameOf(file: string): string;
  /** Runs the program to its end. */
  run(...args: readonly string[]): Promise<Outcome & { readonly stdout: string }>;
}

/** Who owns nothing. */
const nobody = 65_534;

/** This machine: a user who has nothing, not even variables, where this one may become another. */
export function ownMachine(singleFiles: string): Machine {
  const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const directories: string[] = [];
  return {
    newDirectory() {
      const directory = temporaryDirectory();
      directories.push(directory);
      onTestFinished(() => void directories.splice(directories.indexOf(directory), 1));
      return directory;
    },
    nameOf: (file) => file,
    async run(...args) {
      if (user.uid !== undefined) for (const directory of directories) giveTo(directory, user.uid, user.gid);
      return await runTo(path.join(singleFiles, ownName), args, { cwd: '/', env: {}, ...user });
    },
  };
}

function giveTo(directory: string, uid: number, gid: number): void {
  for (const name of ['', ...fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })]) {
    fs.lchownSync(path.join(directory, name), uid, gid);
  }
}

/** A Windows. The file is on its disk: from one of ours, programs do not start that have something in them. */
export async function windowsMachine(singleFiles: string): Promise<Machine> {
  await liveServer('wine.sh', 0);
  const directory = serverDirectory('wine.sh');
  const drive = path.join(directory, 'prefix/drive_c');
  const nameOf = (file: string): string => `C:\\${path.relative(drive, file).replaceAll('/', '\\')}`;
  const program = await madeOnce('wine-program', async () => {
    const file = path.join(drive, 'Figaro Backup', windowsName);
    fs.mkdirSync(path.dirname(file));
    await fs.promises.copyFile(path.join(singleFiles, windowsName), file);
    return nameOf(file);
  });
  const env = {
    PATH: process.env['PATH']!,
    HOME: path.join(directory, 'home'),
    TMPDIR: path.join(directory, 'tmp'),
    WINEPREFIX: path.join(directory, 'prefix'),
    WINEARCH: 'win64',
    WINEDEBUG: '-all',
  };
  return {
    newDirectory() {
      const made = fs.mkdtempSync(path.join(drive, 'test-'));
      onTestFinished(() => fs.rmSync(made, { recursive: true }));
      return made;
    },
    nameOf,
    run: async (...args) => await runTo('wine', [program, ...args], { cwd: drive, env }),
  };
}

interface Surroundings {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
}

/** Output goes to files: Wine knows no pipes of ours. */
async function runTo(
  command: string,
  args: readonly string[],
  surroundings: Surroundings,
): Promise<Outcome & { readonly stdout: string }> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-output-'));
  const files = ['stdout', 'stderr'].map((name) => path.join(directory, name)) as [string, string];
  const [stdout, stderr] = files.map((file) => fs.openSync(file, 'w')) as [number, number];
  try {
    const child = spawn(command, args, { ...surroundings, stdio: ['ignore', stdout, stderr] });
    const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    const [out, err] = files.map((file) => fs.readFileSync(file, 'utf8')) as [string, string];
    return { status, signal, stdout: out, stderr: err };
  } finally {
    fs.closeSync(stdout);
    fs.closeSync(stderr);
    fs.rmSync(directory, { recursive: true });
  }
}
