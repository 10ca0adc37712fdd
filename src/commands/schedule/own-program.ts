import { createRequire } from 'node:module';
import path from 'node:path';

/** The words that start this program, whatever is in PATH: Node.js as it is now, and the script of the package. */
export function ownProgram(): readonly string[] {
  const manifest = createRequire(import.meta.url).resolve('figaro-backup/package.json');
  return [process.execPath, path.join(path.dirname(manifest), 'bin', 'figaro-backup.js')];
}
