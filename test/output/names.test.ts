/** Names of files can hold anything: none begins a line of its own, or does something to a terminal, whatever is printed. */

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { figaro } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { isWindows } from '../support/windows.ts';

/** Windows has no names with the characters below the space; terminals know others for both. */
const hostile = isWindows ? 'x\u0085FAKE LINE \u009B2J\u202E\u2028' : 'x\nFAKE LINE \u001B[2J\u009B2J\u202E\u2028';

let directory: string;
const at = (name: string): string => path.join(directory, name);

beforeAll(async () => {
  directory = path.join(fs.mkdtempSync(path.join(tmpdir(), 'figaro-test-')), hostile);
  fs.mkdirSync(directory);
  demoApplication(at('env')).commitUpTo([4, 72_115]);
  fs.renameSync(at('env/d.dbxml'), at(`env/${hostile}.dbxml`));
  fs.writeFileSync(at(`env/${hostile}.txt`), 'mine');
  expect(await figaro(['hot', '--home', at('env'), '--repo', at('repo')])).toMatchObject({ exitCode: 0 });
  const set = namesIn(at('repo')).find((name) => name.includes('-hot-'))!;
  await figaro(['pin', set, '--repo', at('repo'), '--note', hostile]);
  await figaro(['failover', 'follow', '--once', '--home', at('env'), '--standby', at('standby')]);
  // `cpSync` of Node.js 22 ends the process on Windows over such names.
  await fs.promises.cp(at('repo'), at('damaged'), { recursive: true });
  fs.truncateSync(at(`damaged/${set}/environment/${hostile}.dbxml`), 5000);
});

afterAll(() => fs.rmSync(path.dirname(directory), { recursive: true, force: true }));

const commands = [
  'hot --home env --repo repo -v',
  'hot --home env --repo env/repo',
  'hot --home nothing --repo repo',
  'incremental --home env --repo repo -v',
  'incremental --home env --repo nothing',
  'offline --home env --repo repo2 -v',
  'init --repo repo3 -v',
  'list --repo repo',
  'list --repo damaged',
  'show --repo repo',
  'show --repo repo --timeline',
  'verify --repo repo -v',
  'verify --repo damaged',
  'check --repo repo',
  'check --repo damaged',
  'check --repo repo --nagios',
  'expire --repo repo --keep-full 1 -v',
  'logs list --home env',
  'logs print --home env',
  'logs timeline --home env',
  'logs prune --home env --repo repo',
  'recover --repo repo --to out --dry-run',
  'recover --repo repo --to out -v',
  'recover --repo damaged --to out2',
  'recover --repo repo --to repo/x',
  'recover --from env --to out3 -v',
  'recover --from env --to out4 --only nothing',
  'inspect environment --home env',
  'inspect environment --repo repo',
  'inspect container env/HOSTILE.dbxml',
  'inspect page env/HOSTILE.dbxml 0',
  'inspect page env/HOSTILE.dbxml 99999',
  'dump env/HOSTILE.dbxml --list',
  'dump env/HOSTILE.dbxml --database HOSTILE',
  'dump env/HOSTILE.txt',
  'failover status --standby standby',
  'failover follow --once --home env --standby standby -v',
  'failover follow --once --home env --standby env/standby',
  'failover promote --standby standby -v',
  'list --repo repo --config HOSTILE.toml',
  'list --HOSTILE',
  'HOSTILE',
];

test.each(commands)('%s', async (line) => {
  const places = /^(env|repo\d?|damaged|standby|out\d?|nothing)(\/|$)|^HOSTILE.toml$/;
  const words = line.split(' ');
  const args = words.map((word, i) => {
    const name = word.replace('HOSTILE', hostile);
    return i > 0 && places.test(word) && words[i - 1] !== '--only' ? at(name) : name;
  });
  const { exitCode, stdout, stderr } = await figaro(args, { terminal: 'stdout', env: { NO_COLOR: '1' } });
  expect(exitCode).not.toBe(1);
  const printed = `${stdout}\n${stderr}`;
  expect(printed).not.toMatch(/^\W*FAKE/m);
  for (const character of ['\u001B', '\u0085', '\u009B', '\u202E', '\u2028']) expect(printed).not.toContain(character);
});
