/**
 * The main job, from the first backup to the restored environment, on a real DB XML environment:
 *
 *     npm run demo
 *
 * Works in a temporary directory, removes it at the end, and exits with 1 when a step fails or a result is not what
 * Berkeley DB's own recovery made of the same environment.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RecordedApplication } from './application.ts';

const here = path.dirname(fileURLToPath(import.meta.url));
const program = path.join(here, '../bin/figaro-backup.js');

/** What db_recover and db_dump of the environment's own version make of it. */
interface Expected {
  readonly points: readonly {
    readonly time: string;
    /** `file database` to the SHA-256 of its records. */
    readonly databases: Readonly<Record<string, string>>;
  }[];
}

const expected = JSON.parse(readFileSync(path.join(here, 'expected.json'), 'utf8')) as Expected;

const work = mkdtempSync(path.join(tmpdir(), 'figaro-backup-demo-'));
const home = path.join(work, 'env');
const repo = path.join(work, 'backup');

try {
  await demo();
  tell('Everything above is as it should be. The temporary directory is removed.');
} catch (error) {
  console.error(`\ndemo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function demo(): Promise<void> {
  console.log(`figaro-backup demo, in ${work}`);

  tell('An application keeps XML documents in two containers: some are flushed, the rest is in the log.');
  const application = new RecordedApplication(path.join(here, 'environment'), home);
  application.commitUpTo([4, 72_115]);
  await shell(`ls -s ${home}`);

  tell('A full set, taken while the application goes on committing.');
  const hot = `hot --home ${home} --repo ${repo} --verbose`;
  await application.commitDuring(() => figaro(hot), [4, 200_000]);

  tell('From now on, only the log that is new. Run this as often as you like.');
  application.commitUpTo([5, 110_402]);
  await figaro(`incremental --home ${home} --repo ${repo} --verbose`);
  application.commitUpTo([6, 5_737]);
  await figaro(`incremental --home ${home} --repo ${repo} --verbose`);

  tell('What is there, and is it sound?');
  await figaro(`list --repo ${repo}`);
  await figaro(`verify --repo ${repo} --rehearse --verbose`);

  tell('The same as a page for people: one HTML file, with a timeline.');
  await figaro(`report --repo ${repo} --output ${path.join(work, 'report.html')} --keep-within 30d --verbose`);

  tell('The disk is lost.');
  await shell(`rm -r ${home}`);

  tell('What would a recovery do? Nothing is written.');
  await figaro(`recover --repo ${repo} --to ${home} --dry-run`);

  tell('Back to the last commit.');
  await figaro(`recover --repo ${repo} --to ${home}`);
  await compare(home, 'end');

  tell('Or, beside it, to a moment before somebody deleted the wrong documents.');
  const earlier = '2026-11-22T09:23:23Z';
  const past = path.join(work, 'env-before');
  await figaro(`recover --repo ${repo} --to ${past} --to-time ${earlier}`);
  await compare(past, earlier);

  tell('A look into the result, in the format of db_dump.');
  await figaro(`dump ${home}/e.dbxml --list`);
  await figaro(`dump ${home}/e.dbxml --database secondary_document --printable`);
}

/** Compares every database of a recovered environment with what native recovery made of it. */
async function compare(directory: string, time: string): Promise<void> {
  const databases = Object.entries(expected.points.find((point) => point.time === time)!.databases);
  const found = new Map<string, string>();
  for (const file of new Set(databases.map(([name]) => name.split(' ')[0]!))) {
    const dump = await execute(process.execPath, [program, 'dump', path.join(directory, file), '--record-numbers']);
    for (const [, database, records = ''] of dump.matchAll(/^database=(.*)\n[^ ]*HEADER=END\n([^]*?)DATA=END$/gm)) {
      found.set(`${file} ${database}`, createHash('sha256').update(records).digest('hex'));
    }
  }
  for (const [name, sha256] of databases) {
    if (found.get(name) !== sha256) throw new Error(`${time}: ${name} is not what db_recover made of it`);
  }
  console.log(`(checked: all ${databases.length} databases hold what db_recover of Berkeley DB 4.8 made of them)`);
}

function tell(text: string): void {
  console.log(`\n# ${text}`);
}

async function figaro(line: string): Promise<void> {
  console.log(`\n$ figaro-backup ${line}`);
  process.stdout.write(await execute(process.execPath, [program, ...line.split(' ')]));
}

async function shell(line: string): Promise<void> {
  console.log(`\n$ ${line}`);
  const [command = '', ...args] = line.split(' ');
  process.stdout.write(await execute(command, args));
}

/** Runs a program and returns what it printed; its stderr is shown as it comes. Throws when it fails. */
function execute(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else
        reject(new Error(`${[path.basename(command), ...args].join(' ')} ended with exit status ${status}\n${output}`));
    });
  });
}
