/** What is known of file systems by the number that `statfs` has. */

import fs from 'fs-extra';

/** ext2 to ext4, XFS, Btrfs. */
const localOfLinux: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

/** True for a file or directory on a disk of this machine, in a file system of Linux that is known well. */
export function isLocal(file: string): boolean {
  return process.platform === 'linux' && localOfLinux.has(fs.statfsSync(file).type);
}
