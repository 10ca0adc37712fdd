import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { withCipher } from '../../src/engine/files/files-with.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { Cipher } from '../../src/format/crypto.ts';

/** The real files, with a password. */
export function unlocked(password: string): Files {
  return withCipher(nodeFiles, new Cipher(Buffer.from(password)));
}
