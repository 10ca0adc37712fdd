import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Unpacks an archive of fixtures (`.tar.xz`), or one directory of it. From `<name>.unpacked` beside it, where somebody unpacked it who can.
 */
export function unpack(archive: string, to: string, inside?: string): void {
  const beside = archive.replace(/\.tar\.xz$/, '.unpacked');
  if (!fs.existsSync(beside)) {
    execFileSync('tar', ['xJf', archive, '-C', to, ...(inside === undefined ? [] : [inside])]);
    return;
  }
  const [from, into] = [beside, to].map((directory) => path.join(directory, inside ?? ''));
  fs.cpSync(from!, into!, { recursive: true, preserveTimestamps: true });
}
