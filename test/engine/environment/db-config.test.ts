import { expect, test } from 'vitest';
import { moveInConfig, parseDbConfig } from '../../../src/engine/environment/db-config.ts';

/** Far more than it takes, and far less than what grows with the square takes. */
function expectQuick(work: () => void): void {
  const began = performance.now();
  work();
  expect(performance.now() - began).toBeLessThan(10_000);
}

test.each([
  ['data directories', (i: number) => `set_data_dir d${i}`],
  ['other directories', (i: number) => `set_lg_dir d${i}`],
  ['flags', (i: number) => `set_flags f${i}`],
])('DB_CONFIG with many %s takes no minutes', (_what, line) => {
  const text = Array.from({ length: 300_000 }, (_, i) => line(i)).join('\n');
  expectQuick(() => parseDbConfig(text));
});

test('a line of DB_CONFIG with many spaces is moved in no time', () => {
  const text = `set_data_dir a${' '.repeat(3_000_000)}b`;
  expectQuick(() => moveInConfig(text, new Map([['x', 'y']])));
});

test('a risk that DB_CONFIG names many times is told once', () => {
  const { risks, dataDirectories } = parseDbConfig('set_flags db_txn_nosync\nset_data_dir a\n'.repeat(1000));
  expect(risks).toHaveLength(1);
  expect(dataDirectories).toEqual(['a']);
});

test('directories move within their line, and nothing else of it does', () => {
  const text = '  set_data_dir \t a/b  \r\n# set_data_dir a\nset_lg_dir logs\n';
  expect(moveInConfig(text, new Map([['a', '$&']]))).toBe(
    '  set_data_dir \t $&/b  \r\n# set_data_dir a\nset_lg_dir logs\n',
  );
});
