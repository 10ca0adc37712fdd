import { copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { allCommands, typed } from '../../../src/output/command-line.ts';
import { describedProgram, layPlace, output, parts, setId, type Place } from '../../support/completion.ts';
import { describeWith } from '../../support/tools.ts';

const driver = path.join(import.meta.dirname, '../../support/complete.zsh');

describeWith('zsh', 'zsh', 'in zsh, completion', () => {
  let place: Place;
  beforeEach(async () => {
    place = await layPlace('zsh');
  });

  /** What is offered behind these lines, each a name and what is said of it. */
  function described(...lines: readonly string[]): string[][] {
    return parts(output(place, 'zsh', '-f', driver, place.script, ...lines));
  }

  function offered(...lines: readonly string[]): string[][] {
    return described(...lines).map((answers) => answers.map((answer) => answer.split('\t')[0]!).sort());
  }

  test('offers every command and every option, and says what they are', async () => {
    // All of them in the long run: the shell takes its time for each.
    const commands = allCommands(await describedProgram());
    const groups = commands.filter(({ commands: children }) => children.length > 0);
    const withOptions = commands.filter(({ options }) => options.length > 0);
    const lines = [...groups, ...withOptions].map((command, i) =>
      `${typed(command)} ${i < groups.length ? '' : '-'}`.trimStart(),
    );
    const expected = [
      ...groups.map((group) =>
        group.commands.flatMap(({ words, summary }) => ({ name: words.at(-1)!, text: summary })),
      ),
      ...withOptions.map((command) =>
        command.options.flatMap(({ names, description: text }) => names.map((name) => ({ name, text }))),
      ),
    ];
    described(...lines).forEach((answers, i) => {
      const found = answers.map((answer) => {
        const [name, shown] = answer.split('\t') as [string, string];
        return { name, text: shown.replace(/^.*? +-- /, '') };
      });
      const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
      expect({ line: lines[i], found: found.sort(byName) }).toEqual({
        line: lines[i],
        found: expected[i]!.sort(byName),
      });
    });
  });

  test('goes on from what was typed', () => {
    const lines = ['lo', 'logs p', 'hot --home /srv/env --re', 'logs list logs --fr', 'help recov'];
    expect(offered(...lines)).toEqual([['logs'], ['print', 'prune'], ['--repo'], ['--from'], ['recover']]);
  });

  test('works from a file that is sourced, too', () => {
    const sourced = path.join(place.directory, 'completion.zsh');
    copyFileSync(place.script, sourced);
    expect(output(place, 'zsh', '-f', driver, sourced, 'logs t')).toMatch(/^timeline\t/);
  });

  test('does not offer again what can only be given once', () => {
    expect(offered('recover --to x --to', 'recover --from x --from', 'list -q -')[0]).not.toContain('--to');
    expect(offered('recover --from x --fro')).toEqual([['--from', '--from-stdin']]);
    expect(offered('list -q --q')).toEqual([[]]);
  });

  test('offers directories for directories, files for files, and the choices there are', () => {
    const lines = ['hot --home ', 'hot --home=m', 'dump do', 'recover --engine ', 'recover --to-time '];
    const docs = ['docs', 'docs.dbxml'];
    expect(offered(...lines)).toEqual([['docs', 'my\\ env'], ['my\\ env'], docs, ['embedded', 'native'], []]);
  });

  test('offers the environments of the configuration file, and runs nothing that they say', () => {
    const lines = ['hot o', 'hot --quiet ', 'hot --config /nowhere o', 'hot orders o'];
    expect(offered(...lines)).toEqual([['orders'], ['\\$\\(touch\\ evil\\)', 'orders', 'two\\ words'], [], []]);
    expect(existsSync(path.join(place.directory, 'work/evil'))).toBe(false);
  });

  test('offers the sets of the repository', () => {
    const lines = [
      `pin --repo ${place.directory}/repo `,
      'recover --repo=~/repo --to-set ',
      'recover orders --chain 2026',
      'verify --set ',
    ];
    expect(offered(...lines)).toEqual([[setId], [setId], [setId], []]);
  });
});
