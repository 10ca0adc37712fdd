import fs from 'node:fs';
import path from 'node:path';
import { discoverEnvironment } from '../../src/engine/environment/discover.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { logFileName, logFileNumber } from '../../src/format/names.ts';
import { recoverEnvironment } from '../../src/engine/recovery/recover.ts';
import { type Lsn } from '../../src/format/lsn.ts';
import { contentsOf, recoverNatively } from './native.ts';

/** Copies the log of an environment up to an LSN, and nothing else of it: what recovery makes of that is of that moment. */
export function copyLog(home: string, end: Lsn, target: string): void {
  fs.mkdirSync(target);
  for (const name of fs.readdirSync(home)) {
    const number = logFileNumber(name);
    if (number === undefined || number > end.file) continue;
    fs.copyFileSync(path.join(home, name), path.join(target, name));
  }
  fs.truncateSync(path.join(target, logFileName(end.file)), end.offset);
}

/** The databases that a whole log makes when nothing else is there, as native recovery makes them. */
export function rebuiltNatively(home: string, end: Lsn, target: string): Record<string, string> {
  copyLog(home, end, target);
  const { ok, messages } = recoverNatively(target);
  if (!ok) throw new Error(`db5.3_recover: ${messages}`);
  return contentsOf(target);
}

/** The same, as this program makes them. */
export async function rebuilt(home: string, end: Lsn, target: string): Promise<Record<string, string>> {
  copyLog(home, end, `${target}.log`);
  await recoverEnvironment(nodeFiles, { environment: discoverEnvironment(nodeFiles, `${target}.log`), target });
  return contentsOf(target);
}
