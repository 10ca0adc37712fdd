import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { allCommands } from '../../../src/output/command-line.ts';
import { describedProgram, layPlace, output, setId, type Place } from '../../support/completion.ts';
import { describeWith } from '../../support/tools.ts';

const driver = `
source "$1"; shift
COMP_WORDS=(figaro-backup "$@") COMP_CWORD=$#
__figaro_backup
printf '%s\\n' "\${COMPREPLY[@]}"
`;

describeWith('bash', 'bash', 'in bash, completion', () => {
  let place: Place;
  beforeEach(async () => {
    place = await layPlace('bash');
  });

  /** What is offered for the last of these words, which are as bash splits them. */
  function offered(...words: readonly string[]): string[] {
    const lines = output(place, 'bash', '--norc', '-c', driver, 'bash', place.script, ...words).split('\n');
    return lines.filter((line) => line !== '').sort();
  }

  test('offers every command, and every option of each', async () => {
    for (const command of allCommands(await describedProgram())) {
      const names = command.commands.map(({ words }) => words.at(-1)!);
      if (names.length > 0) expect(offered(...command.words, '')).toEqual(names.sort());
      const options = command.options.flatMap((option) => option.names);
      expect(offered(...command.words, '-')).toEqual(options.sort());
    }
  });

  test('goes on from what was typed', () => {
    expect(offered('lo')).toEqual(['logs']);
    expect(offered('logs', 'p')).toEqual(['print', 'prune']);
    expect(offered('hot', '--home', '/srv/env', '--re')).toEqual(['--repo']);
    expect(offered('hot', '--quiet', '--ho')).toEqual(['--home', '--hook-fails', '--hook-timeout']);
    expect(offered('logs', 'list', 'logs', '--fr')).toEqual(['--from']);
    expect(offered('help', 'recov')).toEqual(['recover']);
  });

  test('offers directories for directories and files for files', () => {
    expect(offered('hot', '--home', '')).toEqual(['docs', 'my env']);
    expect(offered('hot', '--home', '=', 'm')).toEqual(['my env']);
    expect(offered('hot', '--home', '=')).toEqual(['docs', 'my env']);
    expect(offered('hot', '--home', '"my e')).toEqual(['my env']);
    expect(offered('dump', 'do')).toEqual(['docs', 'docs.dbxml']);
    expect(offered('hot', '--', '')).not.toContain('--home');
  });

  test('offers the choices there are, and nothing where nobody can know', () => {
    expect(offered('recover', '--engine', '')).toEqual(['embedded', 'native']);
    expect(offered('completion', '')).toEqual(['bash', 'fish', 'powershell', 'zsh']);
    expect(offered('recover', '--to-time', '')).toEqual([]);
  });

  test('offers the environments of the configuration file, and runs nothing that they say', () => {
    expect(offered('hot', 'o')).toEqual(['orders']);
    expect(offered('hot', '--quiet', '')).toEqual(['\\$\\(touch\\ evil\\)', 'orders', 'two\\ words']);
    expect(existsSync(path.join(place.directory, 'work/evil'))).toBe(false);
    expect(offered('hot', '--config', '/nowhere', 'o')).toEqual([]);
    expect(offered('hot', 'orders', 'o')).toEqual([]);
  });

  test('offers the sets of the repository', () => {
    const repository = path.join(place.directory, 'repo');
    expect(offered('pin', '--repo', repository, '')).toEqual([setId]);
    expect(offered('recover', '--repo', '=', '~/repo', '--to-set', '')).toEqual([setId]);
    expect(offered('recover', 'orders', '--chain', '2026')).toEqual([setId]);
    expect(offered('verify', '--repo', `'${repository}'`, '--set', '')).toEqual([setId]);
    expect(offered('verify', '--set', '')).toEqual([]);
  });
});
