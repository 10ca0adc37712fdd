import { expect, test } from 'vitest';
import { moveInConfig, parseDbConfig } from '../../../src/engine/environment/db-config.ts';
import { normalDirectory } from '../../../src/format/names.ts';

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

test('what DB_CONFIG says many times is told once', () => {
  const { flags, dataDirectories } = parseDbConfig('set_flags db_txn_nosync\nset_data_dir a\n'.repeat(1000));
  expect(flags).toEqual(['db_txn_nosync']);
  expect(dataDirectories).toEqual(['a']);
});

test('directories move within their line, and nothing else of it does', () => {
  const text = '  set_data_dir \t a/b  \r\n# set_data_dir a\nset_lg_dir logs\n';
  expect(moveInConfig(text, new Map([['a', '$&']]))).toBe(
    '  set_data_dir \t $&/b  \r\n# set_data_dir a\nset_lg_dir logs\n',
  );
});

test.each([
  [
    'set_data_dir data\nset_data_dir more\nset_data_dir data',
    { dataDirectories: ['data', 'more'], createDirectory: 'data' },
  ],
  ['add_data_dir data\nset_create_dir new', { dataDirectories: ['data'], createDirectory: 'new' }],
  ['set_create_dir new\nset_data_dir data', { dataDirectories: ['data'], createDirectory: 'new' }],
  ['set_lg_dir logs\nset_lg_dir newer', { logDirectory: 'newer', directories: ['logs', 'newer'] }],
  ['set_ext_file_dir outside', { externalFileDirectory: 'outside' }],
  ['# set_lg_dir logs\n\n   ', { logDirectory: undefined, directories: [] }],
  ['set_flags db_txn_nosync on\nset_flags db_txn_nosync off', { flags: [] }],
  ['log_set_config db_log_in_memory on', { flags: ['db_log_in_memory'] }],
  ['log_set_config db_log_in_memory\nlog_set_config db_log_in_memory off', { flags: [] }],
  ['set_slice_count 4', { sliced: true }],
])('DB_CONFIG %j says where things are, as the library takes it', (text, expected) => {
  expect(parseDbConfig(text)).toMatchObject(expected);
  expect(parseDbConfig(text.replaceAll('\n', '\r\n'))).toMatchObject(expected);
});

test.each([
  ['a/b', 'a/b'],
  ['./a//b/', 'a/b'],
  ['a\\b', 'a/b'],
  ['.', ''],
  ['a/..', ''],
  ['../a', '../a'],
  ['/srv/logs/', '/srv/logs'],
])('the directory %j of DB_CONFIG is %j, seen from the environment', (directory, normal) => {
  expect(normalDirectory(directory)).toBe(normal);
});
