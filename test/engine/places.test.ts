import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { statOf } from '../../src/engine/files/stat.ts';
import { isAtOrBelow, requireLocal } from '../../src/engine/places.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { newPlace } from '../support/place.ts';
import { expectFailure } from '../support/trees.ts';

describe('on Windows', () => {
  test.each([
    [String.raw`C:\Backup\orders`, String.raw`C:\Backup`],
    [String.raw`c:\backup\ORDERS`, String.raw`C:\Backup`],
    [String.raw`C:\BACKUP`, String.raw`c:\backup`],
    [String.raw`C:\x`, 'C:\\'],
    [String.raw`\\SERVER\Share\orders`, String.raw`\\server\share`],
    [String.raw`C:\Rücklage\ä`, String.raw`C:\RÜCKLAGE`],
  ])('%s lies in %s', (inner, outer) => {
    expect(isAtOrBelow(inner, outer, 'win32')).toBe(true);
  });

  test.each([
    [String.raw`C:\Backup2`, String.raw`C:\Backup`],
    [String.raw`D:\Backup\orders`, String.raw`C:\Backup`],
    [String.raw`\\server\share2`, String.raw`\\server\share`],
    [String.raw`C:\Backup`, String.raw`C:\Backup\orders`],
  ])('%s does not lie in %s', (inner, outer) => {
    expect(isAtOrBelow(inner, outer, 'win32')).toBe(false);
  });

  test.each([
    String.raw`D:\Backup`,
    'D:/Backup',
    String.raw`\\server\share\orders`,
    String.raw`\\?\D:\Backup`,
    'backup',
  ])('%s is a place', (place) => {
    expect(() => requireLocal(nodeFiles, { what: 'the repository', path: place }, 'win32')).not.toThrow();
  });

  test.each(['D:backup', String.raw`%BACKUP%\orders`, 'sftp:x'])('%s is none', async (place) => {
    await expectFailure('usage', () => requireLocal(nodeFiles, { what: 'the repository', path: place }, 'win32'));
  });
});

test('elsewhere, small letters and capitals are two names', () => {
  expect(isAtOrBelow('/backup/orders', '/backup', 'linux')).toBe(true);
  expect(isAtOrBelow('/Backup/orders', '/backup', 'linux')).toBe(false);
  expect(isAtOrBelow('/backup2', '/backup', 'linux')).toBe(false);
});

test('files whose numbers have more than 53 bits are told apart, and look the same otherwise', () => {
  const file = path.join(newPlace().directory, 'a.db');
  fs.writeFileSync(file, 'a');
  const plain = statOf(fs.statSync(file));
  const exact = fs.statSync(file, { bigint: true });
  const { mtimeMs, changedMs, ...others } = statOf(exact);
  expect(others).toEqual({ ...plain, mtimeMs: undefined, changedMs: undefined });
  expect(mtimeMs).toBeCloseTo(plain.mtimeMs, 2);
  expect(changedMs).toBeCloseTo(plain.changedMs, 2);
  const numbered = (ino: bigint): number =>
    statOf(Object.assign(Object.create(Object.getPrototypeOf(exact) as object), exact, { ino }) as fs.BigIntStats)
      .inode;
  expect(numbered(0x0041_0000_0000_1001n)).not.toBe(numbered(0x0041_0000_0000_1000n));
});
