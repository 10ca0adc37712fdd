import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { settingNames } from '../../src/commands/setting-names.ts';
import { variablesOf } from '../../src/commands/settings.ts';
import { exitCodes } from '../../src/errors.ts';
import { referenceOf, typed } from '../../src/output/command-line.ts';
import { manualPage } from '../../src/output/man.ts';
import { describedProgram } from '../support/completion.ts';
import { figaro } from '../support/run-cli.ts';
import { describeWith } from '../support/tools.ts';

const { stdout: page } = await figaro(['man']);

/** The page as people read it, without bold letters. Throws when groff has anything to say about it. */
function set(source: string, width = 600): string {
  const args = ['-man', '-ww', '-Tutf8', '-P-c', '-P-b', '-P-u', `-rLL=${width}n`];
  const { stdout, stderr } = spawnSync('groff', args, { input: source, encoding: 'utf8' });
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}

/** The text below a heading. */
function section(text: string, heading: string): string {
  const found = new RegExp(`^${heading}\\n((?: .*\\n|\\n)*)`, 'm').exec(text);
  if (!found) throw new Error(`there is no ${heading}`);
  return found[1]!;
}

test('npm installs the page', () => {
  const { man, files, scripts } = JSON.parse(
    readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8'),
  ) as { man: string[]; files: string[]; scripts: Record<string, string> };
  // Of a single name npm takes no notice.
  expect(man).toEqual(['./dist/figaro-backup.1']);
  expect(files).toContain('dist');
  expect(scripts['build']).toContain('man > dist/figaro-backup.1');
});

describeWith('groff', 'groff-base', 'the manual page', () => {
  test('has its sections in the usual order, and nothing groff warns of', () => {
    const headings = set(page).match(/^[A-Z][A-Z ]+$/gm);
    expect(headings).toEqual([
      'NAME',
      'SYNOPSIS',
      'DESCRIPTION',
      'COMMANDS',
      'SHARED OPTIONS',
      'COMMON OPTIONS',
      'ENVIRONMENT',
      'FILES',
      'EXIT STATUS',
      'EXAMPLES',
      'SEE ALSO',
    ]);
    expect(set(page, 80)).not.toBe('');
  });

  test('has every command with its options, arguments and examples', async () => {
    const text = set(page);
    const commands = section(text, 'COMMANDS').split(/^ {3}(?=\S)/m);
    const common = section(text, 'COMMON OPTIONS');
    for (const command of referenceOf(await describedProgram()).commands) {
      const own = commands.find((part) => part.startsWith(`${typed(command)}\n`));
      expect(own, typed(command)).toBeDefined();
      for (const { names } of command.options) {
        for (const name of names) expect(own! + common).toMatch(new RegExp(`^ +.*${name}\\b`, 'm'));
      }
      for (const { name } of command.arguments) expect(own).toMatch(new RegExp(`^ +.*[<[]${name}[>\\]]`, 'm'));
      for (const example of command.examples) expect(own).toContain(`\n           ${example}\n`);
    }
    for (const name of ['--version', '--help', '--json', '--config file']) expect(common).toContain(name);
  });

  test('explains what several commands take once, and says which ones', async () => {
    const shared = section(set(page), 'SHARED OPTIONS');
    const { sharedOptions, sharedArguments } = referenceOf(await describedProgram());
    expect(sharedOptions.length).toBeGreaterThan(20);
    for (const { thing, commands } of [...sharedOptions, ...sharedArguments]) {
      const explanation = `${thing.description[0]!.toUpperCase()}${thing.description.slice(1)}`;
      const told = shared.split('\n').filter((line) => line.endsWith(` Of ${commands.join(', ')}.`));
      expect(told.join('\n')).toContain(explanation);
    }
    const items = page.match(/^\.TP\n.*\n.*$/gm)!;
    expect(items.filter((item, i) => items.indexOf(item) !== i)).toEqual([]);
  });

  test('is short enough to be read', () => {
    const commands = page.match(/^\.SS /gm)!.length;
    expect(set(page, 80).split('\n').length).toBeLessThan(40 * commands);
  });

  test('has every exit status with its codes', () => {
    const text = section(set(page), 'EXIT STATUS');
    for (const [code, status] of Object.entries(exitCodes)) {
      expect(text).toMatch(new RegExp(`^ +${status} +.*In messages:.*\\b${code}\\b`, 'm'));
    }
    expect(text).toContain('143');
  });

  test('has every variable and the places of the configuration file', () => {
    const text = set(page);
    const variables = settingNames.flatMap((name) => variablesOf(name));
    for (const name of [...variables, 'FIGARO_BACKUP_CONFIG', 'FIGARO_BACKUP_STANDBY', 'NO_COLOR', 'FORCE_COLOR']) {
      expect(section(text, 'ENVIRONMENT')).toMatch(new RegExp(`\\b${name}\\b`));
    }
    const files = section(text, 'FILES');
    expect(files).toContain('$XDG_CONFIG_HOME/figaro-backup.toml');
    expect(files).toContain('/etc/figaro-backup.toml');
  });

  test('shows text as it is, whatever roff would make of it', async () => {
    const odd = [`.so /etc/passwd`, `'tis "quoted" \\n[x] ~/x ^ -- \`tick\` one’s`];
    const program = { ...(await describedProgram()), examples: odd };
    const source = manualPage(program, { version: '1', settings: [], places: [] });
    const examples = section(set(source), 'EXAMPLES');
    for (const line of odd) expect(examples).toContain(`           ${line}\n`);
  });
});
