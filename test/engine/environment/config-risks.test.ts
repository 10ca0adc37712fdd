import fs from 'node:fs';
import { expect, test } from 'vitest';
import { takeBackup } from '../../../src/engine/backup/backup.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { discoverEnvironment } from '../../../src/engine/environment/discover.ts';
import { flagRisks, isLogInMemory, placeRisks } from '../../../src/engine/environment/config-risks.ts';
import { parseDbConfig } from '../../../src/engine/environment/db-config.ts';
import { layDemoEnvironment } from '../../support/demo-environment.ts';
import { newPlace } from '../../support/place.ts';
import { failureOf } from '../../support/trees.ts';

const codesOf = (text: string): string[] => {
  const config = parseDbConfig(text);
  return [...flagRisks(config), ...placeRisks(config)].map(({ code }) => code);
};

test('a risk that DB_CONFIG turns off again is none, under every name of it the last word counts', () => {
  expect(codesOf('set_flags DB_TXN_NOSYNC\nset_flags DB_TXN_NOSYNC off')).toEqual([]);
  expect(codesOf('set_flags DB_TXN_NOSYNC off\nset_flags DB_TXN_NOSYNC on')).toEqual(['commits-not-synced']);
  expect(codesOf('log_set_config DB_LOG_NOSYNC on')).toEqual(['commits-not-synced']);
  expect(isLogInMemory(parseDbConfig('set_flags db_log_inmemory'))).toBe(true);
  expect(isLogInMemory(parseDbConfig('set_flags db_log_inmemory\nset_flags db_log_inmemory off'))).toBe(false);
});

test('a risk is told once, whichever of its flags are on', () => {
  expect(
    codesOf('set_flags db_txn_nosync\nset_flags db_txn_write_nosync\nset_lg_dir /logs\nset_slice_count 4'),
  ).toEqual(['commits-not-synced', 'outside', 'sliced']);
});

test.each(['hot', 'offline'] as const)(
  'a backup by %s warns in the words of inspect, and only of what is on',
  async (kind) => {
    const { home, repository } = newPlace();
    layDemoEnvironment(home);
    fs.writeFileSync(
      `${home}/DB_CONFIG`,
      'set_flags DB_TXN_NOSYNC\nset_flags DB_TXN_NOSYNC off\nset_flags db_log_autoremove\n',
    );
    const { manifest } = await takeBackup(nodeFiles, kind, { home, repository });
    const [risk] = flagRisks(discoverEnvironment(nodeFiles, home).config);
    expect(risk).toMatchObject({ code: 'log-auto-remove' });
    expect(manifest.warnings.filter((warning) => /DB_CONFIG/.test(warning))).toEqual([risk!.message]);
  },
);

test('what is refused is refused in the words of inspect, too', async () => {
  const { home } = newPlace();
  layDemoEnvironment(home);
  fs.writeFileSync(`${home}/DB_CONFIG`, 'set_slice_count 4\n');
  const error = await failureOf(() => discoverEnvironment(nodeFiles, home));
  const [risk] = placeRisks(parseDbConfig('set_slice_count 4'));
  expect(error).toMatchObject({
    code: 'format-unsupported',
    message: `${home}: ${risk!.message}`,
    details: { hint: risk!.advice },
  });
});
