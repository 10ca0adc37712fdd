/** Dumps in the format of db_dump, read again. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { temporaryDirectory } from './demo-environment.ts';

/** Whether records of a database that `databases.c` makes have keys in a dump. */
export function isKeyed(name: string): boolean {
  return !/heap|recno|fixed|padded|renumber/.test(name);
}

/** A directory with the files that belong to a database: partitions, and extents of queues. */
export function placeFor(home: string, name: string): string {
  const directory = temporaryDirectory();
  for (const part of fs.readdirSync(home).filter((other) => /^__db[qp]\./.test(other) && other.includes(name))) {
    fs.copyFileSync(path.join(home, part), path.join(directory, part));
  }
  return directory;
}

/** Records of all databases of a dump: key and data in hex, or data alone. What has no partner has `undefined` for it. */
export function recordsIn(text: string, keyed = true): string[] {
  const records: string[] = [];
  let lines: string[] = [];
  let isKeyed = keyed;
  // Salvaging, db_dump may leave out the header.
  let isData = !text.startsWith('VERSION=');
  const finish = (): void => {
    if (!isKeyed) records.push(...lines);
    else for (let i = 0; i < lines.length; i += 2) records.push(`${lines[i]} ${lines[i + 1]}`);
    lines = [];
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('VERSION=')) {
      finish();
      isData = false;
    } else if (line.startsWith('type=')) isKeyed = /btree|hash|queue/.test(line);
    else if (line === 'HEADER=END') isData = true;
    else if (line === 'DATA=END') {
      finish();
      isData = false;
    } else if (isData && line.startsWith(' ')) lines.push(line.slice(1));
  }
  finish();
  return records;
}

/** What of `some` is not in `others`, each as often as it is missing. */
export function missingIn(others: readonly string[], some: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const one of others) counts.set(one, (counts.get(one) ?? 0) + 1);
  return some.filter((one) => {
    const count = counts.get(one) ?? 0;
    counts.set(one, count - 1);
    return count <= 0;
  });
}

/**
 * What `db5.3_dump -r` prints; nothing more where it crashes, or runs in circles.
 *
 * @param timeout in ms
 */
export function salvageNatively(directory: string, name: string, timeout = 60_000): string {
  const { stdout } = spawnSync('db5.3_dump', ['-r', name], {
    cwd: directory,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    timeout,
    // It minds no other one then.
    killSignal: 'SIGKILL',
  });
  return stdout;
}
