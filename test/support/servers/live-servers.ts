/** Real servers for tests: started when the first test wants one, shared by all files of a run, and stopped when that is over. */

import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Where the servers of this run are: not in the temporary directory of its tests, which they have to leave empty. */
const variable = 'FIGARO_TEST_SERVERS';

/** For hooks that wait for a server. Machines are busy. In ms. */
export const serverStartMs = 180_000;

/** Before all tests: makes a directory for servers, which goes with them when this process is gone, however that comes. */
export function makeRoomForServers(): void {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-servers-'));
  // Other users run programs in there, too. They need not see what there is.
  fs.chmodSync(directory, 0o711);
  process.env[variable] = directory;
  const script = path.join(import.meta.dirname, 'stop-after.sh');
  spawn(script, [String(process.pid), directory], { detached: true, stdio: 'ignore' }).unref();
}

type Outcome<T> = { readonly made: T } | { readonly failure: string };

/**
 * The port of a server; starts it where no test did so before.
 *
 * @param script that starts it, given a directory and free ports, of which the first is the one to speak to
 */
export async function liveServer(script: string, ports: number): Promise<number> {
  return await madeOnce(path.basename(script, '.sh'), async (directory) => await start(script, directory, ports));
}

/**
 * What one test makes for all files of a run, in a directory of its own that is gone when the run is over. Throws for all of
 * them what it threw.
 *
 * @param make returns what JSON can say
 */
export async function madeOnce<T>(name: string, make: (directory: string) => Promise<T>): Promise<T> {
  const directory = path.join(process.env[variable]!, name);
  const file = `${directory}.json`;
  if (isFirst(directory)) {
    const outcome: Outcome<T> = await make(directory).then(
      (made) => ({ made }),
      (error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) }),
    );
    fs.writeFileSync(`${file}.new`, JSON.stringify(outcome));
    fs.renameSync(`${file}.new`, file);
  }
  while (!fs.existsSync(file)) await setTimeout(100);
  const outcome = JSON.parse(fs.readFileSync(file, 'utf8')) as Outcome<T>;
  if ('failure' in outcome) throw new Error(outcome.failure);
  return outcome.made;
}

/** Where a server keeps what it needs. */
export function serverDirectory(script: string): string {
  return path.join(process.env[variable]!, path.basename(script, '.sh'));
}

/** Files of tests run in several workers: one of them starts the server. */
function isFirst(directory: string): boolean {
  try {
    fs.mkdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

async function start(script: string, directory: string, ports: number): Promise<number> {
  const free = await freePorts(ports);
  try {
    await promisify(execFile)(path.join(import.meta.dirname, script), [directory, ...free.map(String)]);
    return free[0]!;
  } catch (error) {
    const log = fs.readFileSync(path.join(directory, 'log/start.log'), 'utf8');
    throw new Error(`${script} does not start: ${String(error)}\n${log}`, { cause: error });
  }
}

/**
 * Ports of loopback that nobody listens on: below those that the kernel gives to connections, of which it makes many until a server has
 * taken its own.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  const isMine = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (isMine) await new Promise((resolve) => server.close(resolve));
  return isMine;
}
