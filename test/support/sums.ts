import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { lacks } from './windows.ts';

/**
 * Files whose SHA-256 is that of `SHA256SUMS`, and those where it is not, as `sha256sum -c` tells them. Where there is no such program, its
 * lines are read here.
 */
export function checkSums(directory: string): { readonly right: readonly string[]; readonly wrong: readonly string[] } {
  const told = lacks.shell ? readSums(directory) : runSums(directory);
  const names = (pattern: RegExp): string[] => told.flatMap((line) => pattern.exec(line)?.[1] ?? []);
  return { right: names(/^(.*): OK$/), wrong: names(/^(.*): FAILED/) };
}

function runSums(directory: string): readonly string[] {
  const args = ['-c', '--strict', 'SHA256SUMS'];
  const { status, stdout, stderr } = spawnSync('sha256sum', args, { cwd: directory, encoding: 'utf8' });
  // That a file is another one is an answer; that the list cannot be read is none.
  if (status !== 0 && !/: FAILED/.test(stdout)) throw new Error(`sha256sum: ${stderr}`);
  return stdout.split('\n');
}

function readSums(directory: string): readonly string[] {
  const lines = fs.readFileSync(path.join(directory, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [, expected, name] = /^([0-9a-f]{64}) [ *](.*)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`SHA256SUMS: ${line}`);
    const found = createHash('sha256')
      .update(fs.readFileSync(path.join(directory, name)))
      .digest('hex');
    return `${name}: ${found === expected ? 'OK' : 'FAILED'}`;
  });
}
