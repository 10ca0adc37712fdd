/** Sets as earlier versions of this program made them. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type BackupSet } from '../../src/engine/repository/backup-set.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../src/engine/repository/manifest.ts';
import { checksumLines, stampOf } from '../../src/engine/repository/repository.ts';
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

/** Gives a full set that nothing continues a time an hour earlier, in its name, too: names tell seconds only. Returns its new name. */
export function madeEarlier(repository: string, id: string): string {
  const directory = path.join(repository, id);
  const file = path.join(directory, 'manifest.json');
  const manifest = decodeManifest(fs.readFileSync(file, 'utf8'), file);
  const earlier = (time: string): Date => new Date(Date.parse(time) - 3_600_000);
  const name = id.replace(/^[^-]*/, stampOf(earlier(manifest.started)));
  const [started, finished] = [manifest.started, manifest.finished].map((time) => earlier(time).toISOString());
  fs.writeFileSync(
    file,
    encodeManifest({ ...manifest, id: name, chain: name, started: started!, finished: finished! }),
  );
  fs.renameSync(directory, path.join(repository, name));
  return name;
}
