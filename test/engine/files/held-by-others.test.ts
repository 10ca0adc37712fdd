import type fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { failure } from '../../../src/engine/files/failures.ts';
import { isOpen, withPatience } from '../../../src/engine/files/held-by-others.ts';
import { type FigaroError } from '../../../src/errors.ts';
import { onPlatform } from '../../support/platform.ts';

function refusal(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), { code });
}

/** Refuses so often, then lets it happen. */
function refusing(code: string, times: number): { readonly run: () => string; readonly calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    run: () => {
      calls += 1;
      if (calls <= times) throw refusal(code);
      return 'done';
    },
  };
}

function windows(): { readonly waited: number[]; readonly platform: 'win32'; readonly wait: (ms: number) => void } {
  const waited: number[] = [];
  return { waited, platform: 'win32', wait: (ms) => void waited.push(ms) };
}

describe('what somebody has open on Windows', () => {
  test.each([
    ['change', 'EBUSY'],
    ['change', 'EPERM'],
    ['change', 'EACCES'],
    ['change', 'ENOTEMPTY'],
    ['open', 'EBUSY'],
  ] as const)('is tried to %s again after %s', (what, code) => {
    const { run, calls } = refusing(code, 3);
    const there = windows();
    expect(withPatience(what, run, there)).toBe('done');
    expect(calls()).toBe(4);
    expect(there.waited).toHaveLength(3);
  });

  test('is given up after three seconds, with what was refused last', () => {
    const there = windows();
    expect(() => withPatience('change', refusing('EBUSY', Infinity).run, there)).toThrow('EBUSY: refused');
    expect(there.waited.reduce((sum, ms) => sum + ms, 0)).toBe(3000);
  });

  test.each([
    ['open', 'EPERM'],
    ['open', 'EACCES'],
    ['change', 'ENOENT'],
    ['change', 'ENOSPC'],
    ['change', 'EEXIST'],
  ] as const)('is no reason to wait where to %s it ends with %s', (what, code) => {
    const { run, calls } = refusing(code, 1);
    expect(() => withPatience(what, run, windows())).toThrow(code);
    expect(calls()).toBe(1);
  });
});

test('what stays open in another program is an error that says so, on Windows', () => {
  const told = (): unknown => (failure('open', 'a.db', refusal('EBUSY')) as FigaroError).details.hint;
  expect(onPlatform('win32', told)).toMatch(/^another program has it open/);
  expect(onPlatform('linux', told)).toBeUndefined();
});

test('elsewhere nothing is tried again', () => {
  const { run, calls } = refusing('EPERM', 1);
  expect(() => withPatience('change', run, { ...windows(), platform: 'linux' })).toThrow('EPERM');
  expect(calls()).toBe(1);
});

describe('whether a file is open', () => {
  const file = 'a.db';
  const close = (): void => {};

  test('is asked on Windows by sharing it with nobody, for reading', () => {
    const flags: unknown[] = [];
    const open = ((_file: string, flag: number) => flags.push(flag)) as unknown as typeof fs.openSync;
    expect(isOpen(file, windows(), open, close)).toBe(false);
    expect(flags).toEqual([0x10000000]);
  });

  test('is waited for a while, as a scanner has it', () => {
    const scanned = refusing('EBUSY', 2).run as unknown as typeof fs.openSync;
    expect(isOpen(file, windows(), scanned, close)).toBe(false);
    expect(isOpen(file, windows(), refusing('EBUSY', Infinity).run as unknown as typeof fs.openSync, close)).toBe(true);
  });

  test.each(['ENOENT', 'EPERM', 'EACCES'])('is not known after %s', (code) => {
    expect(isOpen(file, windows(), refusing(code, Infinity).run as unknown as typeof fs.openSync, close)).toBe(false);
  });

  test('is not asked elsewhere', () => {
    const open = (() => expect.unreachable()) as unknown as typeof fs.openSync;
    expect(isOpen(file, { platform: 'linux' }, open, close)).toBe(false);
  });
});
