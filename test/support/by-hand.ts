/** A chain restored as people do it, without this program: by the lines of docs/backups.md. */

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { lacks } from './windows.ts';

const page = fs.readFileSync(path.join(import.meta.dirname, '../../docs/backups.md'), 'utf8');

/** The one line of the page that appends tails to their log files. */
const line = /^for tail in .*$/m.exec(page)![0];

/** Copies the sets of a chain over each other, in order. */
export function copyOver(sets: readonly { readonly directory: string }[], to: string): void {
  for (const { directory } of sets) fs.cpSync(path.join(directory, 'environment'), to, { recursive: true });
}

/** Appends tails as the page says, by a plain shell. Where there is none, what that line does is done here. */
export function appendTails(directory: string): void {
  if (lacks.shell) return appendEach(directory);
  const { status, stderr } = spawnSync('dash', ['-c', line], { cwd: directory, encoding: 'utf8' });
  if (status !== 0 || stderr !== '') throw new Error(`${line}: ${status} ${stderr}`);
}

function appendEach(directory: string): void {
  const tails = fs.readdirSync(directory).filter((name) => /^log\..*\.from-/.test(name));
  for (const tail of tails.sort().map((name) => path.join(directory, name))) {
    fs.appendFileSync(tail.replace(/\.from-.*$/, ''), fs.readFileSync(tail));
    fs.rmSync(tail);
  }
}
