import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { candidates } from '../../src/commands/candidates.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { type Files } from '../../src/engine/files/files.ts';
import { figaro } from '../support/run-cli.ts';
import { layPlace, setId, type Place } from '../support/completion.ts';

let place: Place;
beforeEach(async () => {
  place = await layPlace('bash');
});

const ask = (...words: readonly string[]): readonly string[] => candidates(words, place.env, nodeFiles);

test('environments are those of the configuration file that is given, or found', () => {
  expect(ask('environment', 'hot')).toEqual(['orders', 'two words', '$(touch evil)']);
  const other = path.join(place.directory, 'other.toml');
  writeFileSync(other, '[environments.bills]\n[environments."with\\na break"]\n');
  expect(ask('environment', 'hot', '--config', other)).toEqual(['bills']);
  expect(ask('environment', 'hot', `--config=${other}`)).toEqual(['bills']);
});

test('sets are those of the repository given, of the environment named, or of the variable', () => {
  const repository = path.join(place.directory, 'repo');
  expect(ask('set', 'pin', '--repo', repository)).toEqual([setId]);
  expect(ask('set', 'pin', '--repo', '~/repo')).toEqual([setId]);
  expect(ask('set', 'verify', 'orders')).toEqual([setId]);
  expect(ask('set', 'verify')).toEqual([]);
  const env = { ...place.env, FIGARO_BACKUP_REPO: repository };
  expect(candidates(['set', 'verify'], env, nodeFiles)).toEqual([setId]);
});

describe('nothing is said', () => {
  test.each([
    [],
    ['set'],
    ['set', '--repo'],
    ['set', '--repo', '/no/repository'],
    ['strange'],
    ['environment', '--config'],
  ])('when %j %j %j is asked for', (...words) => {
    expect(candidates(words, {}, nodeFiles)).toEqual([]);
  });

  test('of a configuration file that cannot be read', () => {
    writeFileSync(path.join(place.directory, 'figaro-backup.toml'), '[environments');
    expect(ask('environment')).toEqual([]);
  });

  test('of a mistake of the programmer', () => {
    const files: Files = {
      ...nodeFiles,
      listIfThere: () => {
        throw new TypeError('a mistake');
      },
    };
    expect(candidates(['set', '--repo', '/x'], {}, files)).toEqual([]);
  });
});

test('the program answers quietly, and does not speak of it', async () => {
  const program = path.join(import.meta.dirname, '../../bin/figaro-backup.js');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, 'candidates', 'set', 'x', '--repo', '~/repo'],
    {
      env: place.env,
      encoding: 'utf8',
    },
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${setId}\n`, stderr: '' });
  expect((await figaro(['--help'])).stdout).not.toContain('candidates');
});
