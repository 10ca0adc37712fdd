import { existsSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { allCommands, typed } from '../../../src/output/command-line.ts';
import { describedProgram, layPlace, output, parts, setId, type Place } from '../../support/completion.ts';
import { describeWith } from '../../support/tools.ts';

describeWith('fish', 'fish', 'in fish, completion', () => {
  let place: Place;
  beforeEach(async () => {
    place = await layPlace('fish');
  });

  /** What is offered behind these lines, each a name and what is said of it. */
  function described(...lines: readonly string[]): string[][] {
    const code =
      'source $argv[1]; for line in $argv[2..-1]; complete --do-complete "figaro-backup $line"; echo \\f; end';
    return parts(output(place, 'fish', '--no-config', '-c', code, place.script, ...lines));
  }

  function offered(line: string): string[] {
    return described(line)[0]!
      .map((text) => text.split('\t')[0]!)
      .sort();
  }

  test('offers every command and every option, and says what they are', async () => {
    // All of them in the long run: the shell takes its time for each.
    const commands = allCommands(await describedProgram());
    const lines = commands.flatMap((command) => [`${typed(command)} `.trimStart(), `${typed(command)} -`.trimStart()]);
    const answers = described(...lines);
    commands.forEach((command, i) => {
      const children = command.commands.map(({ words, summary }) => `${words.at(-1)!}\t${summary}`);
      if (children.length > 0) expect(answers[2 * i]!.sort()).toEqual(children.sort());
      const options = command.options.flatMap(({ names, description }) =>
        names.map((name) => `${name}\t${description}`),
      );
      if (options.length > 0) expect(answers[2 * i + 1]!.sort()).toEqual(options.sort());
    });
  });

  test('goes on from what was typed', () => {
    expect(offered('lo')).toEqual(['logs']);
    expect(offered('logs p')).toEqual(['print', 'prune']);
    expect(offered('hot --home /srv/env --re')).toEqual(['--repo']);
    expect(offered('logs list logs --fr')).toEqual(['--from']);
    expect(offered('help recov')).toEqual(['recover']);
  });

  test('offers directories for directories and files for files', () => {
    expect(offered('hot --home ')).toEqual(['docs/', 'my env/']);
    expect(offered('hot --home=m')).toEqual(['--home=my env/']);
    expect(offered('dump do')).toEqual(['docs.dbxml', 'docs/']);
    expect(offered('recover --engine ')).toEqual(['embedded', 'native']);
    expect(offered('recover --to-time ')).toEqual([]);
  });

  test('offers the environments of the configuration file, and runs nothing that they say', () => {
    expect(offered('hot o')).toEqual(['orders']);
    expect(offered('hot --quiet ')).toEqual(['$(touch evil)', 'orders', 'two words']);
    expect(existsSync(path.join(place.directory, 'work/evil'))).toBe(false);
    expect(offered('hot --config /nowhere o')).toEqual([]);
    expect(offered('hot orders o')).toEqual([]);
  });

  test('offers the sets of the repository', () => {
    const repository = path.join(place.directory, 'repo');
    expect(offered(`pin --repo ${repository} `)).toEqual([setId]);
    expect(offered('recover --repo=~/repo --to-set ')).toEqual([setId]);
    expect(offered('recover orders --chain 2026')).toEqual([setId]);
    expect(offered('verify --set ')).toEqual([]);
  });
});
