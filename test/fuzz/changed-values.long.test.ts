/** What JSON files say may be anybody's: whatever is changed in one, and sealed again, ends in a named error or in nothing at all. */

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { demoApplication } from '../support/demo-environment.ts';
import { effort } from '../support/effort.ts';
import { faultOf } from '../support/faults-of-commands.ts';
import { figaro } from '../support/run-cli.ts';
import { fingerprint, namesIn } from '../support/trees.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every value in a document: what holds it, and where. */
function placesIn(
  value: Json,
  found: [holder: Json[] | Record<string, Json>, key: string | number][] = [],
): typeof found {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    found.push([value as Json[], key]);
    placesIn((value as Record<string, Json>)[key]!, found);
  }
  return found;
}

const values: readonly (Json | undefined)[] = [
  undefined,
  null,
  true,
  -1,
  1.5,
  7,
  1e300,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  '',
  'x',
  '\n\u001b[2J\u202e',
  'a\0b',
  'x'.repeat(100_000),
  '../../../outside/planted',
  '/outside',
  '[4294967295][4294967295]',
  '9999-12-31T23:59:59.999Z',
  [],
  {},
  [null],
  ['..'],
  JSON.parse('{"__proto__": {"file": 1}, "constructor": 1}') as Json,
  JSON.parse(`${'['.repeat(1000)}${']'.repeat(1000)}`) as Json,
];

/** A file with its document, and how a changed one is written. */
interface Kind {
  readonly name: string;
  /** Fields that it can have, too. */
  readonly more?: Json;
  readonly parse: (text: string) => Json;
  readonly print: (value: Json) => string;
  readonly commands: readonly (readonly string[])[];
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const looks = [
  ['list'],
  ['list', '--json'],
  ['show'],
  ['show', '--json'],
  ['check'],
  ['verify', '--quick'],
  ['expire', '--keep-full', '1', '--keep-weekly', '2', '--dry-run'],
];
/** As the end of a manifest seals it. */
const sealed = (value: Json): string => {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.slice(0, -2)},\n  "sha256": "${sha256(text)}"\n}\n`;
};
const line = (value: Json): string => `${JSON.stringify(value)}\n`;
const parse = (text: string): Json => JSON.parse(text) as Json;

const kinds: readonly Kind[] = [
  {
    name: 'repo/<full>/manifest.json',
    more: {
      unsound: [{ path: 'd.dbxml', pgno: 1, code: 'page-type', message: 'page 1 is damaged' }],
      gone: [{ path: 'e.dbxml', databaseId: 'a'.repeat(40), chain: '20261126T000000Z-hot-000000' }],
      created: [{ path: 'f.dbxml', databaseId: 'b'.repeat(40) }],
      after: '20261126T000000Z-hot-000000',
      unread: true,
    },
    parse,
    print: sealed,
    commands: [
      ...looks,
      ['verify', '--rehearse'],
      ['recover', '--to', '<dir>/out', '-v'],
      ['incremental', '--home', '<dir>/env'],
      ['logs', 'timeline'],
      ['logs', 'prune', '--home', '<dir>/env'],
      ['inspect', 'environment'],
      ['failover', 'follow', '--once', '--standby', '<dir>/new-standby'],
    ],
  },
  {
    name: 'repo/<incremental>/manifest.json',
    parse,
    print: sealed,
    commands: [...looks, ['recover', '--to', '<dir>/out'], ['incremental', '--home', '<dir>/env']],
  },
  { name: 'repo/<full>/pin.json', parse, print: line, commands: [...looks, ['pin', '<full>'], ['unpin', '<full>']] },
  {
    name: 'repo/<full>/checks.jsonl',
    parse,
    print: line,
    commands: [...looks, ['logs', 'prune', '--home', '<dir>/env']],
  },
  { name: 'repo/repository.json', parse, print: line, commands: [...looks, ['incremental', '--home', '<dir>/env']] },
  {
    name: 'repo/lock',
    parse,
    print: line,
    commands: [
      ['incremental', '--home', '<dir>/env'],
      ['expire', '--keep-full', '1'],
    ],
  },
  {
    name: 'standby/standby.json',
    parse: (text) => parse(text.slice(text.indexOf('\n') + 1)),
    print: (value) => {
      const text = JSON.stringify(value, undefined, 2);
      return `${JSON.stringify({ sha256: sha256(text) })}\n${text}\n`;
    },
    commands: [
      ['failover', 'status', '--standby', '<dir>/standby'],
      ['failover', 'follow', '--once', '--standby', '<dir>/standby', '--home', '<dir>/env'],
      ['failover', 'promote', '--standby', '<dir>/standby', '--surviving-logs', '<dir>/env'],
    ],
  },
  {
    name: 'standby/trouble.json',
    parse,
    print: line,
    commands: [['failover', 'status', '--standby', '<dir>/standby']],
  },
];

/** A repository with every small file that there can be, a standby, and what is outside of both. */
async function layRepository(directory: string): Promise<{ readonly full: string; readonly incremental: string }> {
  const at = (name: string): string => path.join(directory, name);
  const application = demoApplication(at('env'));
  application.commitUpTo([4, 72_115]);
  const runs = [
    ['hot', '--home', at('env'), '--repo', at('repo')],
    ['failover', 'follow', '--once', '--home', at('env'), '--standby', at('standby')],
  ];
  for (const run of runs) expect(await figaro(run)).toMatchObject({ exitCode: 0 });
  for (const end of [
    [4, 110_000],
    [5, 110_402],
  ] as const) {
    application.commitUpTo(end);
    expect(await figaro(['incremental', '--home', at('env'), '--repo', at('repo')])).toMatchObject({ exitCode: 0 });
  }
  expect(await figaro(['verify', '--repo', at('repo')])).toMatchObject({ exitCode: 0 });
  const full = namesIn(at('repo')).find((name) => name.includes('-hot-'))!;
  const incremental = namesIn(at('repo')).find((name) => name.includes('-incremental-'))!;
  expect(await figaro(['pin', full, '--repo', at('repo'), '--note', 'kept'])).toMatchObject({ exitCode: 0 });
  application.commitUpTo([6, 5737]);
  const trouble = { time: new Date().toISOString(), code: 'io', message: 'nothing' };
  fs.writeFileSync(at('standby/trouble.json'), line(trouble));
  const owner = { host: 'h', boot: 'b', namespace: 'n', pid: 1, processStart: '1', since: '2026-11-27T00:00:00.000Z' };
  fs.writeFileSync(at('repo/lock'), line(owner));
  fs.mkdirSync(at('outside'));
  fs.writeFileSync(at('outside/victim.db'), 'mine');
  return { full, incremental };
}

const share = effort('CHANGED_VALUES', 30);

/** Manifests name their source: everything is always tried in the same place. */
let [top, directory, pristine] = ['', '', ''];
let names: Awaited<ReturnType<typeof layRepository>>;

beforeAll(async () => {
  top = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-test-'));
  directory = path.join(top, 'work');
  pristine = path.join(top, 'pristine');
  names = await layRepository(directory);
  fs.renameSync(directory, pristine);
});
afterAll(() => fs.rmSync(top, { recursive: true }));
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

test.each(kinds)(
  'any value changed in $name is a named error, or none',
  async ({ name, more, parse: read, print, commands }) => {
    const { full, incremental } = names;
    const inPlace = (word: string): string =>
      word.replace('<dir>', directory).replace('<full>', full).replace('<incremental>', incremental);
    const file = inPlace(name);
    const text = fs.readFileSync(path.join(pristine, file), 'utf8');
    const document = (): Json => {
      const value = read(text);
      if (name.endsWith('manifest.json')) delete (value as Record<string, Json>)['sha256'];
      return value;
    };
    const withMore = (): Json => ({ ...(document() as object), ...(structuredClone(more) as object) });
    const cases = [document, ...(more === undefined ? [] : [withMore])].flatMap((make) =>
      placesIn(make()).flatMap((_place, place) => values.map((value) => ({ make, place, value }))),
    );
    const step = Math.max(1, cases.length / share);
    const faults: string[] = [];
    for (let at = 0; at < cases.length; at += step) {
      const { make, place, value } = cases[Math.floor(at)]!;
      const changed = make();
      const [holder, key] = placesIn(changed)[place]!;
      if (value === undefined) delete (holder as Record<string, Json>)[key];
      else (holder as Record<string, Json>)[key] = structuredClone(value);
      fs.cpSync(pristine, directory, { recursive: true });
      // All runs but those about it want to have no lock.
      if (name !== 'repo/lock') fs.rmSync(path.join(directory, 'repo/lock'));
      fs.writeFileSync(path.join(directory, file), print(changed));
      const untouched = (): readonly string[] =>
        ['env', 'outside'].flatMap((part) => fingerprint(path.join(directory, part)));
      const before = untouched();
      for (const command of commands) {
        const args = command.map(inPlace);
        if (!args.includes('--standby') || args.includes(`${directory}/new-standby`))
          args.push('--repo', path.join(directory, 'repo'));
        const fault = faultOf(await figaro(args));
        const said = JSON.stringify(value)?.slice(0, 100);
        if (fault !== undefined) faults.push(`${JSON.stringify(key)} = ${said}: ${command.join(' ')}: ${fault}`);
      }
      expect(untouched()).toEqual(before);
      expect(namesIn(top)).toEqual(['pristine', 'work']);
      fs.rmSync(directory, { recursive: true });
    }
    expect(faults).toEqual([]);
  },
);
