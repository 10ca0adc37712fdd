/** The real Berkeley DB 5.3: its tools, and programs of ours that use its library. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'vitest';
import { DatabaseFile } from '../../src/engine/database/database-file.ts';
import { bodyOf, databaseLabel } from '../../src/engine/database/dump.ts';
import { databasesOf } from '../../src/engine/database/records.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { temporaryDirectory } from './demo-environment.ts';

const sources = path.join(import.meta.dirname, 'native');
const compiled = path.join(import.meta.dirname, '../../node_modules/.cache');
const tools = ['db5.3_recover', 'db5.3_verify', 'db5.3_dump', 'gcc'] as const;

function missingParts(): string[] {
  const missing: string[] = tools.filter((tool) => spawnSync('which', [tool]).status !== 0);
  if (!fs.existsSync('/usr/include/db.h')) missing.push('db.h');
  return missing;
}

/**
 * `describe`, for tests that need Berkeley DB 5.3. Without it they are skipped, and say so; in CI that is a failure.
 */
export function describeNative(title: string, tests: () => void): void {
  const missing = missingParts();
  if (missing.length === 0) {
    describe(title, tests);
  } else if (process.env.CI) {
    test(`${title}: Berkeley DB 5.3 is installed`, () => {
      throw new Error(`missing: ${missing.join(', ')}; install db5.3-util, libdb5.3-dev and gcc`);
    });
  } else {
    console.warn(`SKIPPED, for want of ${missing.join(', ')} (db5.3-util, libdb5.3-dev, gcc): ${title}`);
    describe.skip(title, tests);
  }
}

/** A native program, compiled once for each state of its source. */
export function nativeProgram(name: string): string {
  const source = path.join(sources, `${name}.c`);
  const hash = createHash('sha256');
  for (const file of [source, path.join(sources, 'common.h')]) hash.update(fs.readFileSync(file));
  const program = path.join(compiled, `figaro-native-${name}-${hash.digest('hex').slice(0, 16)}`);
  if (fs.existsSync(program)) return program;
  fs.mkdirSync(compiled, { recursive: true });
  const temporary = `${program}.${process.pid}`;
  const { status, stderr } = spawnSync('gcc', ['-O1', '-o', temporary, source, '-ldb-5.3'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`gcc: ${stderr}`);
  fs.renameSync(temporary, program);
  return program;
}

/** Databases of every kind, as the options of `databases.c` say, in a directory of their own. */
export function makeDatabases(options: readonly string[]): string {
  const home = temporaryDirectory();
  fs.mkdirSync(home, { recursive: true });
  const { status, stderr } = spawnSync(nativeProgram('databases'), ['--home', home, ...options], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return home;
}

export interface Workload {
  readonly home: string;
  readonly seed: number;
  /** Operations until it kills itself. */
  readonly operations: number;
  readonly options?: readonly string[];
}

/**
 * Runs the random workload until it dies by its own hand, as in a crash. False when the library itself hung and had to be
 * killed from outside.
 */
export function runWorkload({ home, seed, operations, options = [] }: Workload): boolean {
  fs.mkdirSync(home, { recursive: true });
  const { signal, status, stderr } = spawnSync(
    nativeProgram('workload'),
    ['--home', home, '--seed', `${seed}`, '--ops', `${operations}`, '--kill-after', `${operations}`, ...options],
    { encoding: 'utf8', timeout: 10_000, killSignal: 'SIGTERM' },
  );
  if (signal === 'SIGTERM') return false;
  if (signal !== 'SIGKILL') throw new Error(`workload of seed ${seed}: status ${status}: ${stderr}`);
  return true;
}

/** Arguments that give the tools a password. */
function withPassword(password: string | undefined): string[] {
  return password === undefined ? [] : ['-P', password];
}

/** Native recovery in place, catastrophic by default. */
export function recoverNatively(
  directory: string,
  options: readonly string[] = ['-c'],
  password?: string,
): { readonly ok: boolean; readonly messages: string } {
  const args = [...options, ...withPassword(password), '-h', directory];
  const { status, signal, stderr } = spawnSync('db5.3_recover', args, { encoding: 'utf8' });
  return { ok: status === 0, messages: signal === null ? stderr : `${stderr}${signal}` };
}

/** What `db5.3_verify` finds wrong with the databases of a directory. */
export function verifyNatively(
  directory: string,
  password?: string,
): { readonly file: string; readonly problem: string }[] {
  return databaseFiles(directory).flatMap((file) => {
    const { status, stderr } = spawnSync('db5.3_verify', [...withPassword(password), file], {
      cwd: directory,
      encoding: 'utf8',
    });
    return status === 0 ? [] : [{ file, problem: stderr }];
  });
}

/** Names of the database files in a directory. */
export function databaseFiles(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => /^(?!log\.|__db).*(\.db|\.dbxml|renamed\d+)$/.test(name));
}

/** Every database of a directory, by file and name: its method and a hash of its records. */
export function contentsOf(
  directory: string,
  except: readonly string[] = [],
  files = nodeFiles,
): Record<string, string> {
  const contents: Record<string, string> = {};
  for (const file of databaseFiles(directory)) {
    if (except.includes(file)) continue;
    const opened = new DatabaseFile(files, path.join(directory, file));
    try {
      for (const database of databasesOf(opened)) {
        const hash = createHash('sha256');
        for (const chunk of bodyOf(database, database.method === 'recno')) hash.update(chunk);
        contents[`${file} ${databaseLabel(database) ?? ''}`] = `${database.method} ${hash.digest('hex')}`;
      }
    } finally {
      opened.close();
    }
  }
  return contents;
}

/** What a tool prints, as Latin-1: names of databases are printed as they are. */
export function runTool(directory: string, name: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, args, {
    cwd: directory,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
