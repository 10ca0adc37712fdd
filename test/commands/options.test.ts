import { describe, expect, test } from 'vitest';
import {
  durationArgument,
  durationWithUnit,
  rateArgument,
  sizeArgument,
  timeArgument,
  txnArgument,
} from '../../src/commands/options.ts';

describe('a time', () => {
  test.each([
    ['2026-11-22T08:15:00Z', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22t08:15:00z', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22 08:15:00 Z', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22T08:15:00.750Z', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22T08:15Z', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22T08:15:00+01:00', '2026-11-22T07:15:00.000Z'],
    ['2026-11-22T08:15:00-0330', '2026-11-22T11:45:00.000Z'],
    ['2026-11-22T00:30:00+02', '2026-11-21T22:30:00.000Z'],
  ])('%s with a zone is %s', (text, utc) => {
    const { time, zone } = timeArgument(text);
    expect({ utc: time.toISOString(), zone }).toEqual({ utc, zone: undefined });
  });

  test.each([
    ['2026-11-22T08:15:30', new Date(2026, 10, 22, 8, 15, 30)],
    ['2026-11-22 08:15', new Date(2026, 10, 22, 8, 15)],
    ['2026-11-22', new Date(2026, 10, 22)],
  ])('%s without a zone is local time', (text, local) => {
    expect(timeArgument(text)).toEqual({ time: local, zone: 'local' });
  });

  test.each([
    '',
    'now',
    '2026',
    '2026-11',
    '2026-13-01',
    '2026-02-29',
    '2026-11-22T24:00Z',
    '22.11.2026',
    '1795339399',
  ])('%j is refused', (text) => {
    expect(() => timeArgument(text)).toThrow('Write a time as');
  });
});

describe('a size', () => {
  test.each([
    ['1048576', 1048576],
    ['64K', 65536],
    ['64M', 67108864],
    ['2g', 2147483648],
    ['1MB', 1048576],
  ])('%s is %i bytes', (text, bytes) => {
    expect(sizeArgument(text)).toBe(bytes);
  });

  test.each(['', '0', '-1', '1.5G', '64T', 'M'])('%j is refused', (text) => {
    expect(() => sizeArgument(text)).toThrow('Write a size as');
  });
});

describe('a duration', () => {
  test.each([
    ['30', 30_000],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2H', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %i ms', (text, ms) => {
    expect(durationArgument(text)).toBe(ms);
  });

  test.each(['', 'm', '1.5h', '-1', '1w'])('%j is refused', (text) => {
    expect(() => durationArgument(text)).toThrow('Write a duration as');
  });
});

describe('a transaction id', () => {
  test.each([
    ['80000012', 0x80000012],
    ['0x8000AB12', 0x8000ab12],
  ])('%s is hex', (text, id) => {
    expect(txnArgument(text)).toBe(id);
  });

  test.each(['', '8000001g', '123456789'])('%j is refused', (text) => {
    expect(() => txnArgument(text)).toThrow('Write a transaction id in hex');
  });
});

test('what removes chains takes no duration without its unit, and no rate is without one', () => {
  expect(durationWithUnit('30d')).toBe(30 * 86_400_000);
  expect(() => durationWithUnit('30')).toThrow('Write it with its unit');
  expect(rateArgument('20M')).toBe(20 << 20);
  expect(() => rateArgument('20')).toThrow('Write it with its unit');
});
