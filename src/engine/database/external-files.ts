/** Items whose contents are in files of their own (format document, 1.6). */

import path from 'node:path';
import { FigaroError } from '../../errors.ts';
import { formatBytes, formatSizes } from '../../measures.ts';
import { externalFilePath, externalItem, externalItemSize } from '../../format/page/external.ts';
import { type Page } from '../../format/page/page.ts';
import { parseDbConfig } from '../environment/db-config.ts';
import { openToRead, readIfThere } from '../files/read.ts';
import { type Files } from '../files/files.ts';
import { type DatabaseFile } from './database-file.ts';

/** Directories above a database in which its environment is looked for. */
const maxLevels = 16;
const maxConfigSize = 1 << 20;
/** Contents are read whole. */
const maxSize = 0x7fff_ffff;

/** Versions from which on items are laid out as they are read here; before, 6.0.19 and 6.0.20 did it in another way. */
const firstVersion = { btree: 10, hash: 10, heap: 2, queue: Infinity } as const;

/** The contents of the external file that the item at an offset refers to. Throws `page-type` when they are not there. */
export function readExternalItem(
  file: Pick<DatabaseFile, 'path' | 'files' | 'format' | 'broken'>,
  page: Page,
  offset: number,
  kind: 'tree' | 'heap',
): Uint8Array {
  const { method, version } = file.format;
  if (version < firstVersion[method]) {
    throw new FigaroError(
      'format-unsupported',
      `${file.path}: page ${page.pgno} refers to an external file as releases 6.0.19 and 6.0.20 do, which cannot be read`,
      { path: file.path, pgno: page.pgno },
    );
  }
  if (offset + externalItemSize > page.size) throw file.broken(page.pgno, 'an item ends past the end of the page');
  const item = externalItem(page, offset, kind);
  const name = externalFilePath(item);
  const directory = externalDirectory(file.files, file.path, name);
  if (directory === undefined) throw file.broken(page.pgno, `it refers to the external file ${name}, which is missing`);
  const external = path.join(directory, name);
  const opened = openToRead(file.files, external);
  try {
    const { size } = opened.stat();
    if (BigInt(size) !== item.size) {
      const [has, told] = formatSizes(size, Number(item.size));
      throw file.broken(page.pgno, `its external file ${external} has ${has}, not ${told}`);
    }
    if (size > maxSize) {
      throw new FigaroError(
        'format-unsupported',
        `${external} has ${formatBytes(size)}, more than the ${formatBytes(maxSize)} that can be read at once`,
        {
          path: external,
        },
      );
    }
    const bytes = new Uint8Array(size);
    return bytes.subarray(0, opened.readAt(bytes, 0));
  } finally {
    opened.close();
  }
}

/**
 * The directory of external files that holds `name`: below the directory of the database or one above it, where the
 * `DB_CONFIG` there says.
 */
function externalDirectory(files: Files, database: string, name: string): string | undefined {
  let home = path.dirname(path.resolve(database));
  for (let level = 0; level < maxLevels; level++) {
    const directory = path.resolve(home, configuredDirectory(files, home));
    if (files.statIfThere(path.join(directory, name))?.kind === 'file') return directory;
    const parent = path.dirname(home);
    if (parent === home) break;
    home = parent;
  }
  return undefined;
}

function configuredDirectory(files: Files, home: string): string {
  const config = path.join(home, 'DB_CONFIG');
  const stat = files.statIfThere(config);
  const isReadable = stat?.kind === 'file' && stat.size <= maxConfigSize;
  const text = isReadable ? Buffer.from(readIfThere(files, config) ?? []).toString('utf8') : '';
  return parseDbConfig(text).externalFileDirectory;
}
