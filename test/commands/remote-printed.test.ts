/** Nobody is told of the mirror that stands for a store. */

import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { newPlace, type Place } from '../support/place.ts';
import { figaro } from '../support/run-cli.ts';
import { isWindows, lacks } from '../support/windows.ts';

/** With what JSON escapes, and what means something in a replacement. */
const url = 's3://memory/$&"env';
let place: Place;
let store: MemoryStore;
let config: string;

beforeEach(async () => {
  place = newPlace();
  store = new MemoryStore({}, url);
  demoApplication(place.home).commitUpTo([4, 72_115]);
  config = path.join(place.directory, 'config.toml');
  fs.writeFileSync(config, `[environments.a]\nhome = '${place.home}'\nrepo = '${url}'\n`);
  expect((await run('hot')).exitCode).toBe(0);
  const manifest = [...store.objects.keys()].find((name) => name.endsWith('/manifest.json'))!;
  store.objects.set(manifest, { bytes: Buffer.from('{}'), changedMs: Date.now() });
});

async function run(line: string): ReturnType<typeof figaro> {
  const spool = path.join(place.directory, lacks.anyName ? "sp'ool" : 'sp"ool\\');
  fs.mkdirSync(spool, { recursive: true });
  const words = [...line.split(' '), ...(line.includes('--all') ? [] : ['a']), '--config', config];
  const result = await figaro(words, { store, env: { FIGARO_BACKUP_SPOOL: spool } });
  expect(result.stdout + result.stderr).not.toContain('spooling');
  return result;
}

test.each(['check', 'verify', 'list', 'check --all', 'verify --all', 'check --all --nagios'])(
  '%s says which object is damaged, and names no file of the spool',
  async (command) => {
    expect((await run(command)).stdout).toContain(`${url}/20`);
    if (command.includes('--nagios')) return;
    expect(JSON.stringify(JSON.parse((await run(`${command} --json`)).stdout))).toContain(
      `${JSON.stringify(`${url}/20`).slice(1, -1)}`,
    );
  },
);

test('hooks are told which object is damaged, and of no file of the spool', async () => {
  const told = path.join(place.directory, 'told');
  fs.appendFileSync(config, `run-failed = '${isWindows ? 'set' : 'env'} > "${told}"'\n`);
  expect((await run('verify')).exitCode).toBe(4);
  const error = fs
    .readFileSync(told, 'utf8')
    .split(/\r?\n/)
    .find((line) => line.startsWith('FIGARO_BACKUP_ERROR='));
  expect(error).toContain(`${url}/20`);
  expect(error).not.toContain('spooling');
});

test('an object that cannot be what the store says is named as what it is', async () => {
  const list = store.list.bind(store);
  store.list = async (prefix) =>
    (await list(prefix)).map((object) => (object.name.endsWith('d.dbxml') ? { ...object, size: 1e15 } : object));
  store.objects.clear();
  expect((await run('hot')).exitCode).toBe(0);
  const spool = { FIGARO_BACKUP_SPOOL: place.directory };
  const read = await figaro(['dump', 'd.dbxml', '--repo', url], { store, env: spool });
  expect([read.exitCode, read.stderr]).toEqual([6, expect.stringContaining(`${url}/20`)]);
  // It is seen to be another one than that of the manifest before it is read.
  const { exitCode, stderr } = await run(`recover --to ${path.join(place.directory, 'recovered')}`);
  expect([exitCode, stderr]).toEqual([4, expect.stringContaining(`${url}/20`)]);
  expect(stderr).toContain('it has 909.5 TiB, not');
});
