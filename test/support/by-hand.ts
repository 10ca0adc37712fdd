/** A chain restored as people do it, without this program: by the lines of docs/backups.md. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const page = fs.readFileSync(path.join(import.meta.dirname, '../../docs/backups.md'), 'utf8');

/** The one line of the page that appends tails to their log files. */
const line = /^for tail in .*$/m.exec(page)![0];

/** Copies the sets of a chain over each other, in order. */
export function copyOver(sets: readonly { readonly directory: string }[], to: string): void {
  for (const { directory } of sets) fs.cpSync(path.join(directory, 'environment'), to, { recursive: true });
}

/** Appends tails as the page says, by a plain shell. */
export function appendTails(directory: string): void {
  const { status, stderr } = spawnSync('dash', ['-c', line], { cwd: directory, encoding: 'utf8' });
  if (status !== 0 || stderr !== '') throw new Error(`${line}: ${status} ${stderr}`);
}
