import { type Disk, type Files } from '../engine/files/files.ts';
import { withCipher } from '../engine/files/files-with.ts';
import { nodeFiles } from '../engine/files/node-files.ts';
import { type Cipher } from '../format/crypto.ts';

/** How an environment, a repository or a standby is reached. */
export interface OpenOptions {
  /** The key to an encrypted environment: `new Cipher(Buffer.from(password))`. Where nothing is encrypted, it does no harm. */
  readonly cipher?: Cipher;
  /** The disk: that of this machine by default. */
  readonly disk?: Disk;
}

/** The files that all work is done through. */
export function openFiles({ disk = nodeFiles, cipher }: OpenOptions): Files {
  return cipher ? withCipher(disk, cipher) : disk;
}
