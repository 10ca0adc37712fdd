/** Containers whose pages are recovered one by one, beside those of a recovery of everything. */

import path from 'node:path';
import { commit } from '../../src/format/log/records/txn.ts';
import { fromStored } from '../../src/format/page/checksum.ts';
import { type DatabaseFormat } from '../../src/format/page/meta.ts';
import { type Lsn } from '../../src/format/lsn.ts';
import { filesOfKind, logPaths, type Environment } from '../../src/engine/environment/environment.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { openLog } from '../../src/engine/log/log-files.ts';
import { scanLog } from '../../src/engine/log/scan.ts';
import { recoveredFiles } from '../../src/engine/recovery/recovered-files.ts';
import { prepareRecovery, rehearse } from '../../src/engine/recovery/rehearse.ts';
import { nameInside } from '../../src/engine/recovery/select-containers.ts';
import { type RestorePoint } from '../../src/engine/recovery/restore-point.ts';
import { withContainerOnDemand } from '../../src/engine/recovery/on-demand/container-on-demand.ts';
import { NotOnDemand } from '../../src/engine/recovery/on-demand/not-on-demand.ts';
import { FigaroError } from '../../src/errors.ts';

const cacheBytes = 64 << 20;

/** What became of the containers of one environment, at one moment. */
export interface Compared {
  /** Pages that are the same both ways. */
  same: number;
  /** Pages of containers that were read, and changed by the log. */
  changed: number;
  /** Why containers could not be had on demand, and how often. */
  readonly refused: Map<string, number>;
  readonly differences: string[];
  /** Moments to which the environment cannot be recovered as a whole. */
  unrecoverable: number;
}

export function nothingCompared(): Compared {
  return { same: 0, changed: 0, refused: new Map(), differences: [], unrecoverable: 0 };
}

/** LSNs of the commits of a log, in order; not those that recovery cannot be brought to. */
export function commitsOf(files: Files, environment: Environment): Lsn[] {
  const found: Lsn[] = [];
  for (const { code, lsn } of scanLog(files, openLog(files, logPaths(environment)), {})) {
    if (code === commit.code) found.push(lsn);
  }
  return found;
}

/** Compares every page of every btree file both ways. What cannot be recovered at all is left out. */
export async function compareOnDemand(
  files: Files,
  environment: Environment,
  restorePoint: RestorePoint,
  to: Compared,
): Promise<void> {
  const whole = new Map<string, { readonly format: DatabaseFormat; readonly bytes: Uint8Array }>();
  try {
    await rehearse(files, environment, {
      restorePoint,
      inspect: (state) => {
        const view = recoveredFiles(files, state);
        for (const file of state.recovered) {
          if (!file.isDatabase) continue;
          const name = nameInside(file)!;
          whole.set(name, { format: file.format, bytes: bytesOf(view, path.resolve(name), file.format.pageSize) });
        }
        return Promise.resolve();
      },
    });
  } catch (error) {
    if (!(error instanceof FigaroError)) throw error;
    to.unrecoverable += 1;
    return;
  }
  const prepared = await prepareRecovery(files, environment, { restorePoint, isPart: true });
  for (const [name, { format, bytes }] of whole) {
    const { pageSize } = format;
    // What is encrypted is so anew each time.
    const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
      Buffer.compare(fromStored(one, format), fromStored(other, format)) === 0;
    try {
      await withContainerOnDemand(files, environment, prepared, name, { cacheBytes, watch: {} }, (view) => {
        const found = bytesOf(view, path.resolve(name), pageSize);
        const copied = copyOf(files, environment, name, pageSize);
        if (found.length !== bytes.length) {
          to.differences.push(`${name}: ${found.length} bytes on demand, ${bytes.length} otherwise`);
        }
        for (let at = 0; at < Math.min(found.length, bytes.length); at += pageSize) {
          const page = bytes.subarray(at, at + pageSize);
          if (isSame(found.subarray(at, at + pageSize), page)) to.same += 1;
          else to.differences.push(`${name}: page ${at / pageSize} is another one`);
          if (!copied || copied.length < at + pageSize || !isSame(copied.subarray(at, at + pageSize), page))
            to.changed += 1;
        }
        return Promise.resolve();
      });
    } catch (error) {
      if (!(error instanceof NotOnDemand)) {
        to.differences.push(`${name}: ${(error as Error).message}`);
        continue;
      }
      to.refused.set(error.message, (to.refused.get(error.message) ?? 0) + 1);
    }
  }
}

/** Page by page, as such files are read. */
function bytesOf(files: Files, file: string, pageSize: number): Uint8Array {
  const opened = files.openIfThere(file)!;
  try {
    const bytes = new Uint8Array(opened.stat().size);
    for (let at = 0; at < bytes.length; at += pageSize) opened.readAt(bytes.subarray(at, at + pageSize), at);
    return bytes;
  } finally {
    opened.close();
  }
}

function copyOf(files: Files, environment: Environment, name: string, pageSize: number): Uint8Array | undefined {
  const copied = filesOfKind(environment, 'database').find((file) => file.name === name);
  return copied && bytesOf(files, copied.path, pageSize);
}
