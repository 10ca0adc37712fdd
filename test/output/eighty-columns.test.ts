/** What a terminal of 80 columns shows: no line that is longer, and no word that is broken. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fit, widthOf } from '../../src/output/fit.ts';
import { layDemoEnvironment } from '../support/demo-environment.ts';
import { figaro, type CliSurroundings } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  const home = path.join(directory, 'env');
  const repo = path.join(directory, 'repository-of-the-orders');
  layDemoEnvironment(home);
  for (const args of [
    ['hot', '--home', home],
    ['incremental', '--home', home],
    ['verify', '--rehearse'],
  ]) {
    expect((await figaro([...args, '--repo', repo])).exitCode).toBe(0);
  }
  mkdirSync(path.join(repo, '20261122T081500Z-incremental-0123ab'));
  const long = '/srv/a-directory-with-a-long-name/orders';
  writeFileSync(
    path.join(directory, 'config.toml'),
    `[environments.orders]\nhome = '${long}'\nrepo = '${repo}'\nexclude = ["attachments", "temporary-files-of-the-application", "*.bak", "*.orig"]\n`,
  );
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

const commands = [
  ['list', '--repo', '@repo'],
  ['config', 'show', 'orders', '--config', '@config'],
  ['inspect', 'environment', '--home', '@home'],
  ['recover', '--repo', '@repo', '--to', '@out', '--dry-run', '--to-time', '2026-11-22 09:23:23'],
  ['show', '--repo', '@repo', '--timeline'],
  ['check', '--repo', '@repo', '--max-age', '0s'],
  ['expire', '--repo', '@repo', '--keep-within', '1d', '--dry-run'],
  ['verify', '--repo', '@repo', '--verbose'],
  ['logs', 'list', '--home', '@home'],
  ['logs', 'timeline', '--home', '@home'],
  ['inspect', 'container', '@home/d.dbxml'],
  ['hot', '--home', '@home', '--repo', '@home/inside'],
  ['list', '--repo', '@home'],
  ['recover', '--help'],
];

function given(args: readonly string[]): string[] {
  const places: readonly [string, string][] = [
    ['@repo', 'repository-of-the-orders'],
    ['@home', 'env'],
    ['@out', 'out'],
    ['@config', 'config.toml'],
  ];
  return args.map((arg) => places.reduce((text, [mark, name]) => text.replace(mark, path.join(directory, name)), arg));
}

/** What changes from one run to the next. */
const steady = (text: string): string => text.replaceAll(/[\d.]+ [GT]iB|\b\d+m?s\b|under 1s|20[-\d]+T[:\d]+Z/g, '<n>');
// oxlint-disable-next-line no-control-regex
const withoutColours = (text: string): string => text.replaceAll(/\u001b\[\d+m/g, '');

describe.each<[string, CliSurroundings]>([
  ['COLUMNS=80', { env: { COLUMNS: '80' } }],
  ['a terminal', { terminal: 'stdout', columns: 80 }],
])('with %s', (_name, surroundings) => {
  test.each(commands.map((args) => [args.slice(0, 2).join(' '), args] as const))('%s fits', async (_command, args) => {
    const narrow = await figaro(given(args), surroundings);
    const text = withoutColours(narrow.stdout + (surroundings.terminal ? '' : narrow.stderr));
    const lines = text.split('\n');
    // What is one word cannot be broken: such a line holds nothing else.
    expect(lines.filter((line) => line.length > 80 && line.trim().includes(' '))).toEqual([]);
    const wide = await figaro(given(args), { env: { COLUMNS: '1000' } });
    const words = (printed: string): string[] => steady(printed).replaceAll(' \\\n', ' ').split(/\s+/);
    if (args.at(-1) === '--help') return;
    expect(words(text)).toEqual(words(wide.stdout + (surroundings.terminal ? '' : wide.stderr)));
  });
});

test('without a terminal and COLUMNS lines are as long as they are', () => {
  expect(widthOf({ isTTY: false, columns: 80 }, {})).toBeUndefined();
  expect(widthOf({ isTTY: true, columns: 0 }, {})).toBeUndefined();
  expect(widthOf({ isTTY: true, columns: 120 }, { COLUMNS: '80' })).toBe(120);
  expect(fit('a '.repeat(100), undefined)).toBe('a '.repeat(100));
});

test('a command that is too long goes on in a way that a shell takes', () => {
  const line =
    "  figaro-backup recover --repo '/backup/of all the orders' --chain 20261127T084622Z-hot-5d8a26 --to DIR";
  expect(fit(line, 60)).toBe(
    "  figaro-backup recover --repo '/backup/of all the orders' \\\n      --chain 20261127T084622Z-hot-5d8a26 --to DIR",
  );
});

test('text goes on below the column that it belongs to', () => {
  expect(fit('  needs  at least 1.3 MiB at /restore, where 75.4 GiB are free, with 1.0 MiB of log', 60)).toBe(
    '  needs  at least 1.3 MiB at /restore, where 75.4 GiB are\n         free, with 1.0 MiB of log',
  );
});

describe('colours', () => {
  test('mark what matters, and nothing depends on them', async () => {
    const plain = async (...args: string[]): Promise<string> => steady((await figaro(given(args))).stdout);
    const coloured = async (...args: string[]): Promise<string> =>
      steady((await figaro(given(args), { env: { FORCE_COLOR: '1' } })).stdout);
    const red = (text: string): string => `\u001b[31m${text}\u001b[39m`;
    const green = (text: string): string => `\u001b[32m${text}\u001b[39m`;
    const list = await coloured('list', '--repo', '@repo');
    expect(list).toContain(green('verified'));
    expect(list).toContain(red('incomplete'));
    expect(await coloured('verify', '--repo', '@repo', '--verbose')).toContain(green('all good'));
    expect(await coloured('check', '--repo', '@repo', '--max-age', '0s')).toContain(red('[stale]'));
    expect(await coloured('inspect', 'environment', '--home', '@home')).toMatch(
      // oxlint-disable-next-line no-control-regex
      /- \u001b\[33mwithout page checksums.*\u001b\[39m\n/,
    );
    for (const args of commands.slice(0, 8)) {
      expect(withoutColours(await coloured(...args))).toBe(await plain(...args));
    }
    expect(namesIn(directory)).not.toContain('out');
  });

  test('of what would go', async () => {
    for (let i = 0; i < 2; i++) await figaro(given(['hot', '--home', '@home', '--repo', '@repo']));
    const { stdout } = await figaro(given(['expire', '--repo', '@repo', '--keep-full', '1', '--dry-run']), {
      env: { FORCE_COLOR: '1' },
    });
    expect(stdout).toContain('\u001b[33mwould go\u001b[39m');
    expect(stdout).toContain('stays');
  });
});
