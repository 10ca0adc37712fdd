import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { expectedOf, StandIn } from '../../../src/engine/remote/stand-in.ts';
import { type ManifestFile } from '../../../src/engine/repository/manifest.ts';
import { FigaroError } from '../../../src/errors.ts';
import { temporaryDirectory } from '../../support/demo-environment.ts';
import { noise } from '../../support/packed-files.ts';

const log = noise(1, 3_000_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function fileOf(
  name: string,
  bytes: Uint8Array,
  tailOf?: { readonly path: string; readonly from: number },
): ManifestFile {
  return { path: name, size: bytes.length, sha256: sha256(bytes), ...(tailOf ? { tailOf } : {}) } as ManifestFile;
}

/** What the log of the source gives in place of a file, and whether it does. */
function filled(directory: string, file: ManifestFile): Uint8Array | false {
  const target = path.join(temporaryDirectory(), 'target');
  fs.writeFileSync(target, Buffer.alloc(file.size));
  const opened = nodeFiles.openToWrite(target);
  try {
    return new StandIn(nodeFiles, () => directory).fill(opened, expectedOf(file)!) && fs.readFileSync(target);
  } finally {
    opened.close();
  }
}

describe('the log of the source in place of a set that cannot be read', () => {
  const source = (bytes: Uint8Array = log): string => {
    const directory = temporaryDirectory();
    fs.writeFileSync(path.join(directory, 'log.0000000007'), bytes);
    return directory;
  };

  test('gives a whole log file, the beginning of one that has grown since, and a tail', () => {
    const directory = source();
    expect(filled(directory, fileOf('logs/log.0000000007', log))).toEqual(log);
    expect(filled(directory, fileOf('log.0000000007', log.subarray(0, 1_500_000)))).toEqual(log.subarray(0, 1_500_000));
    const tail = fileOf('log.0000000007.from-0000012345', log.subarray(12_345, 200_000), {
      path: 'log.0000000007',
      from: 12_345,
    });
    expect(filled(directory, tail)).toEqual(log.subarray(12_345, 200_000));
    expect(filled(directory, fileOf('log.0000000007', Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });

  test('gives nothing of another history, of a log file that is shorter or gone, or where there is no log', () => {
    const other = Buffer.from(log);
    other[2_000_000]! ^= 1;
    expect(filled(source(other), fileOf('log.0000000007', log))).toBe(false);
    expect(filled(source(other), fileOf('log.0000000007', log.subarray(0, 1_000_000)))).toEqual(
      log.subarray(0, 1_000_000),
    );
    expect(filled(source(log.subarray(1)), fileOf('log.0000000007', log))).toBe(false);
    expect(filled(source(), fileOf('log.0000000008', log))).toBe(false);
    expect(filled('/nowhere', fileOf('log.0000000007', log))).toBe(false);
    const target = nodeFiles.create(path.join(temporaryDirectory(), 'target'));
    const none = new StandIn(nodeFiles, () => {
      throw new FigaroError('environment-missing', 'no such directory');
    });
    expect(none.fill(target, expectedOf(fileOf('log.0000000007', log))!)).toBe(false);
    target.close();
  });

  test('stands in for files of the log only', () => {
    expect(expectedOf(fileOf('docs.dbxml', log))).toBeUndefined();
    expect(expectedOf(fileOf('log.0000000007', log))).toMatchObject({ number: 7, from: 0 });
  });
});
