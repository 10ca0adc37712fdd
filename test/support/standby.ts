import { createHash } from 'node:crypto';
import path from 'node:path';
import { partsOf, requireStandby } from '../../src/engine/failover/standby.ts';
import { readIfThere } from '../../src/engine/files/read.ts';
import { type Files } from '../../src/engine/files/files.ts';

/** What the databases of a standby hold: SHA-256 by name. */
export function piecesOf(files: Files, directory: string): Record<string, string> {
  const { state } = requireStandby(files, directory);
  const { home, pieces } = partsOf(directory);
  return Object.fromEntries(
    state.files.map(({ name, piece }) => {
      const bytes = readIfThere(files, path.join(pieces, piece)) ?? readIfThere(files, path.join(home, name))!;
      return [name, createHash('sha256').update(bytes).digest('hex')];
    }),
  );
}
