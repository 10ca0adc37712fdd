/** Sets as earlier versions of this program made them. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type BackupSet } from '../../src/engine/repository/backup-set.ts';
import { encodeManifest, type Manifest } from '../../src/engine/repository/manifest.ts';
import { checksumLines } from '../../src/engine/repository/repository.ts';
import { appendTails, copyOver } from './by-hand.ts';
import { temporaryDirectory } from './demo-environment.ts';

/** Makes the last of the sets of a chain so far what it was in format 2: log files that grew are in it whole. */
export function asOfFormat2(sets: readonly BackupSet[]): void {
  const { directory, manifest } = sets.at(-1)!;
  const environment = path.join(directory, 'environment');
  const whole = temporaryDirectory();
  copyOver(sets, whole);
  if (fs.readdirSync(whole).some((name) => name.includes('.from-'))) appendTails(whole);
  const files = manifest.files.map(({ tailOf, ...entry }) => {
    if (!tailOf) return entry;
    fs.rmSync(path.join(environment, entry.path));
    const bytes = fs.readFileSync(path.join(whole, tailOf.path));
    fs.writeFileSync(path.join(environment, tailOf.path), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { ...entry, path: tailOf.path, size: bytes.length, sha256 };
  });
  const earlier: Manifest = { ...manifest, format: 2, files };
  fs.writeFileSync(path.join(directory, 'manifest.json'), encodeManifest(earlier));
  fs.writeFileSync(path.join(directory, 'SHA256SUMS'), checksumLines(earlier));
}
