import { expect, test } from 'vitest';
import { compareLsn, formatLsn, parseLsn } from '../../src/format/lsn.ts';

test('an LSN is read in the forms people write it', () => {
  for (const text of ['[12][4096]', '12/4096', '12 4096', ' [12] [4096] ']) {
    expect(parseLsn(text)).toEqual({ file: 12, offset: 4096 });
  }
  for (const text of ['', '12', '[12]', '12/', '-1/5', '4294967296/1', '1/2/3']) {
    expect(parseLsn(text)).toBeUndefined();
  }
  expect(formatLsn({ file: 12, offset: 4096 })).toBe('[12][4096]');
});

test('LSNs are ordered by file, then by offset', () => {
  expect(compareLsn({ file: 1, offset: 900 }, { file: 2, offset: 28 })).toBeLessThan(0);
  expect(compareLsn({ file: 2, offset: 29 }, { file: 2, offset: 28 })).toBeGreaterThan(0);
  expect(compareLsn({ file: 2, offset: 28 }, { file: 2, offset: 28 })).toBe(0);
});
