/** What the operating system says of itself in files. */

import fs from 'fs-extra';

/** A file of the operating system, such as those in /proc; empty where there is none. */
export function readSystemFile(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Where a link of the operating system leads; empty where there is none. */
export function readSystemLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return '';
  }
}
