import { type Page } from '../../format/page/page.ts';
import { FigaroError } from '../../errors.ts';
import { type DatabaseFile } from './database-file.ts';

/** The contents of an external file that an item refers to. Not written yet: throws `format-unsupported`. */
export function readExternalItem(file: DatabaseFile, page: Page, _offset: number): Uint8Array {
  throw new FigaroError(
    'format-unsupported',
    `${file.path}: page ${page.pgno} refers to an external file, which can not be read yet`,
    {
      path: file.path,
      pgno: page.pgno,
    },
  );
}
