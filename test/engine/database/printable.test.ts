import { expect, test } from 'vitest';
import { printable } from '../../../src/engine/database/dump.ts';

test('bytes are printed as db_dump -p prints them, each on its own and all in one piece', () => {
  const hex = Array.from({ length: 256 }, (_, code) => code.toString(16).padStart(2, '0'));
  const expected = hex.map((digits, code) => {
    if (code === 0x5c) return '\\\\';
    return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : `\\${digits}`;
  });
  for (const [code, digits] of hex.entries()) expect(printable(digits)).toBe(expected[code]);
  expect(printable(` ${hex.join('')}\n ${hex.toReversed().join('')}\n \n`)).toBe(
    ` ${expected.join('')}\n ${expected.toReversed().join('')}\n \n`,
  );
});
