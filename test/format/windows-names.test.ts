import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isInside } from '../../src/engine/fields.ts';
import { isOutside } from '../../src/format/names.ts';
import { whyNotOnWindows } from '../../src/format/windows-names.ts';
import { onPlatform } from '../support/platform.ts';

const backslash = '\\';

describe('on Windows a name', () => {
  test.each([
    ['C:/Windows/system.ini', 'has ":" in it'],
    ['C:system.ini', 'has ":" in it'],
    ['a.db:hidden', 'has ":" in it'],
    ['a.db::$DATA', 'has ":" in it'],
    [String.raw`..\..\a.db`, String.raw`has "\\" in it`],
    [String.raw`data\a.db`, String.raw`has "\\" in it`],
    [String.raw`\\server\share\a.db`, String.raw`has "\\" in it`],
    [String.raw`\\?\C:\a.db`, String.raw`has "\\" in it`],
    [String.raw`\\.\PhysicalDrive0`, String.raw`has "\\" in it`],
    ['what?.db', 'has "?" in it'],
    ['*.db', 'has "*" in it'],
    ['a|b', 'has "|" in it'],
    ['<a>', 'has "<" in it'],
    ['"a"', String.raw`has "\"" in it`],
    ['a\tb', String.raw`has "\t" in it`],
    ['a.db.', 'ends with a dot or a space'],
    ['a.db ', 'ends with a dot or a space'],
    ['.. /a.db', 'ends with a dot or a space'],
    ['.../a.db', 'ends with a dot or a space'],
    ['con', 'is that of a device, CON'],
    ['data/NUL.db', 'is that of a device, NUL'],
    ['aux.db.old', 'is that of a device, AUX'],
    ['prn .txt', 'is that of a device, PRN'],
    ['com1', 'is that of a device, COM1'],
    ['Lpt9.dbxml', 'is that of a device, LPT9'],
    ['com¹', 'is that of a device, COM¹'],
    ['CONIN$', 'is that of a device, CONIN$'],
    ['a'.repeat(256), 'is longer than 255 characters'],
  ])('%j is refused: it %s', (name, why) => {
    expect(whyNotOnWindows(name)).toBe(why);
    expect(isInside(name, 'win32')).toBe(false);
  });

  test.each([
    'docs.dbxml',
    'log.0000000012',
    '__db.001',
    '__dbq.queue.db.0',
    'log.0000000012.from-0000004096',
    'data/orders 2026.dbxml',
    'Bücher.dbxml',
    '.hidden',
    'console.db',
    'com10',
    'com',
    'null.db',
    'a..b',
    'a'.repeat(255),
  ])('%j is taken', (name) => {
    expect(whyNotOnWindows(name)).toBeUndefined();
    expect(isInside(name, 'win32')).toBe(true);
  });

  test('that is taken leads to the one file of that name in the directory it is relative to', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '/',
      backslash,
      ':',
      'C:',
      'a',
      'b.db',
      ' ',
      '?',
      '\0',
      'con',
      'nul.',
      '$DATA',
      'server',
    );
    const nameOf = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(
        nameOf,
        fc.constantFrom(String.raw`C:\base`, String.raw`\\server\share\base`, String.raw`\\?\C:\base`),
        (name, base) => {
          if (!isInside(name, 'win32')) return;
          const there = path.win32.resolve(path.win32.join(base, name));
          expect(there).toBe(`${base}${backslash}${name.replaceAll('/', backslash)}`);
          expect(path.win32.relative(base, there).split(backslash)).toEqual(name.split('/'));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

test('elsewhere these are names like others', () => {
  for (const name of ['a:b', String.raw`a\b`, 'con', 'a.', 'what?']) expect(isInside(name, 'linux')).toBe(true);
});

describe('a directory of DB_CONFIG', () => {
  test('that is on a drive, in full, is outside, on whatever system', () => {
    for (const platform of ['linux', 'win32'] as const) {
      for (const directory of [String.raw`C:\data`, 'C:/data', String.raw`\data`, String.raw`\\server\share`]) {
        expect({ directory, is: onPlatform(platform, () => isOutside(directory)) }).toEqual({ directory, is: true });
      }
    }
  });

  test('that Windows takes for another one is outside there', () => {
    for (const directory of ['C:data', 'c:', 'data:x', 'data ', 'x. /y', 'nul', 'a/con.x/b', 'data.']) {
      expect({ directory, is: onPlatform('win32', () => isOutside(directory)) }).toEqual({ directory, is: true });
      expect({ directory, is: onPlatform('linux', () => isOutside(directory)) }).toEqual({ directory, is: false });
    }
    for (const directory of ['.', './data', String.raw`data\more`, 'data/']) {
      expect({ directory, is: onPlatform('win32', () => isOutside(directory)) }).toEqual({ directory, is: false });
    }
  });
});
