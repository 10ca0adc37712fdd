/** Holds `schema/`: what each command prints with `--json`, when all is well, when there is nothing, and when it fails. */

import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command } from 'commander';
import { beforeEach, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli.ts';
import { CommandContext } from '../../src/commands/context.ts';
import { commandName } from '../../src/commands/settings.ts';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { exitCodes } from '../../src/errors.ts';
import { schemaVersion } from '../../src/output/json.ts';
import { demoApplication } from '../support/demo-environment.ts';
import { problemOf, schema } from '../support/json-schema.ts';
import { figaro } from '../support/run-cli.ts';
import { namesIn } from '../support/trees.ts';
import { newPlace, type Place } from '../support/place.ts';
import { prepared } from '../support/prepared.ts';

let directory: string;
let home: string;
let repo: string;

beforeEach(() => {
  ({ directory, home, repository: repo } = newPlace());
});

/** The document of a command, compared with the schema. `home`, `repo` and the like stand for directories of the test. */
async function documentOf(line: string): Promise<Record<string, unknown>> {
  const args = line.split(' ').map((word) => word.replace(/^@/, `${directory}/`));
  const { stdout } = await figaro([...args, '--json']);
  const document = JSON.parse(stdout) as Record<string, unknown>;
  expect(problemOf(document)).toBeUndefined();
  return document;
}

const isResult = (line: string): object => ({
  schema: 1,
  command: line.split(/ (?=[@-]|orders|latest|\d|[de]\.dbxml)/)[0],
});

/** A full set, and an incremental after it; the last log is in neither. */
async function takeSets({ home: source, repository }: Place): Promise<void> {
  const application = demoApplication(source);
  application.commitUpTo([4, 72_115]);
  await figaro(['hot', '--home', source, '--repo', repository]);
  application.commitUpTo([5, 110_402]);
  await figaro(['incremental', '--home', source, '--repo', repository]);
  application.commitUpTo([6, 5737]);
}

/** Commands that do something. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

const program = await buildProgram(
  new CommandContext({ stdout: process.stdout, stderr: process.stderr, env: {} }, nodeFiles),
);

describe('the schema', () => {
  const withJson = leaves(program).filter(({ options }) => options.some(({ long }) => long === '--json'));
  const names = withJson.map((command) => commandName(command).replaceAll(' ', '-'));

  test('describes the documents of every command, and no others', () => {
    const documents = schema.anyOf.map(({ $ref }) => $ref.replace('#/$defs/', ''));
    expect(documents.toSorted()).toEqual([...names, 'all', 'error', 'warnings-of-lines'].toSorted());
    for (const name of names.filter((one) => one !== 'logs-print')) {
      expect(schema.$defs[name]!.properties!['command']!.const).toBe(
        name.replace(/^(logs|config|documents|failover|inspect|schedule)-/, '$1 '),
      );
    }
  });

  test('has the version and the error codes of the program', () => {
    expect(schema.$defs['schemaVersion']).toMatchObject({ const: schemaVersion });
    expect(schema.$defs['errorCode']!.enum).toEqual(Object.keys(exitCodes));
  });

  test('is part of the package', () => {
    const { files, exports } = JSON.parse(
      readFileSync(path.join(import.meta.dirname, '../../package.json'), 'utf8'),
    ) as { files: string[]; exports: Record<string, unknown> };
    expect(files).toContain('schema');
    expect(exports['./schema/v1.json']).toBe('./schema/v1.json');
  });

  test('does not let a field pass that it does not describe', () => {
    const document = { schema: 1, command: 'unpin', chain: '20261122T081500Z-hot-7f3a9c' };
    expect(problemOf(document)).toBeUndefined();
    expect(problemOf({ ...document, more: 1 })).toContain('must NOT have additional properties');
    expect(problemOf({ ...document, command: 'unheard' })).toBe('unheard has no schema');
    expect(problemOf({ schema: 1, command: 'unpin' })).toContain("must have required property 'chain'");
  });
});

describe('of an environment and its sets', () => {
  const laid = prepared(takeSets);
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each([
    'init --repo @new',
    'init --repo @repo',
    'offline --home @env --repo @other',
    'hot --home @env --repo @repo',
    'incremental --home @env --repo @repo',
    'consolidate --repo @repo',
    'consolidate --repo @repo --dry-run',
    'recover --repo @repo --to @target',
    'recover --repo @repo --to @target --dry-run --to-time 2026-11-22T09:23:20Z',
    'recover --repo @repo --to @target --dry-run --to-lsn 5/110402',
    'recover --from @env --to @target --only d.dbxml',
    'verify --repo @repo --rehearse',
    'verify --repo @repo --quick',
    'list --repo @repo',
    'show --repo @repo',
    'show --repo @repo --timeline',
    'check --repo @repo',
    'check --repo @repo --max-age 0s --min-free 900000G',
    'report --repo @repo --output @report.html',
    'report --repo @repo --output @report.html --max-age 0s --keep-full 1',
    'copy --repo @repo --to @copy',
    'copy --repo @repo --to @copy --all --dry-run',
    'unpack latest @set --repo @repo',
    'expire --repo @repo --keep-full 1',
    'expire --repo @repo --keep-daily 1 --dry-run',
    'logs list --home @env',
    'logs timeline --repo @repo',
    'logs prune --home @env --repo @repo',
    'logs prune --home @env --repo @repo --confirm',
    'failover follow --home @env --standby @standby --once',
    'documents get e.dbxml --repo @repo --output @documents',
    'documents history d.dbxml doc00007 --home @env',
    'diff --repo @repo --from-lsn 4/72115 --content',
    'diff --home @env --from-lsn 4/72115 --to-lsn 5/110402',
    'diff --repo @repo --home @env --keys',
    'dump @env/e.dbxml',
    'dump @env/e.dbxml --list',
    'dump --salvage @env/e.dbxml',
    'dump --salvage --list @env/e.dbxml',
  ])('%s', async (line) => {
    expect(await documentOf(line)).toMatchObject(isResult(line));
  });

  test('consolidate, and what lists and shows the set then', async () => {
    const [full, incremental] = namesIn(repo) as [string, string];
    const { set } = (await documentOf('consolidate --repo @repo')) as { set: { id: string } };
    const consolidated = { chain: full, set: incremental };
    expect(set).toMatchObject({ kind: 'consolidated', consolidated });
    expect(await documentOf('list --repo @repo')).toMatchObject({ chains: [{}, { sets: [{ consolidated }] }] });
    expect(await documentOf('show --repo @repo')).toMatchObject({ id: set.id, sets: [{ consolidated }] });
    const again = await documentOf('consolidate --repo @repo');
    expect(again).toMatchObject({ nothingToConsolidate: { chain: set.id, set: set.id }, warnings: [] });
  });

  test('recover to just after a transaction', async () => {
    const { largest } = (await documentOf('logs timeline --repo @repo')) as { largest: { id: string }[] };
    const { id } = largest[0]!;
    expect(await documentOf(`recover --repo @repo --to @target --to-txn ${id} --dry-run`)).toMatchObject({
      restorePoint: { kind: 'transaction', id },
    });
  });

  test('logs print, a document a line', async () => {
    const { stdout } = await figaro(['logs', 'print', '--home', home, '--json', '--from-lsn', '6/28']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) expect(problemOf(JSON.parse(line))).toBeUndefined();
    truncateSync(path.join(home, 'log.0000000005'), 5000);
    const damaged = await figaro(['logs', 'print', '--home', home, '--json']);
    const last = damaged.stdout.trimEnd().split('\n').at(-1)!;
    expect(JSON.parse(last)).toMatchObject({ command: 'logs print', error: { exitCode: damaged.exitCode } });
  });

  test('documents list, a document a line', async () => {
    const { stdout } = await figaro(['documents', 'list', 'e.dbxml', '--repo', repo, '--json']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      const document = JSON.parse(line) as object;
      expect(problemOf(document)).toBeUndefined();
      expect(document).toMatchObject({ command: 'documents list', container: 'e.dbxml' });
    }
  });

  test('pin, unpin, and what shows a pin', async () => {
    const [id] = namesIn(repo);
    expect(await documentOf(`pin ${id} --repo @repo --note move`)).toMatchObject({ command: 'pin', chain: id });
    expect(await documentOf('list --repo @repo')).toMatchObject({ chains: [{ pin: { note: 'move' } }] });
    expect(await documentOf('show --repo @repo')).toMatchObject({ pin: { note: 'move' } });
    expect(await documentOf(`unpin ${id} --repo @repo`)).toEqual({ ...isResult('unpin'), chain: id });
  });

  test('verify and list, of sets that are damaged, without their chain, or unfinished', async () => {
    const [full, incremental] = namesIn(repo) as [string, string];
    await figaro(['verify', '--repo', repo]);
    truncateSync(path.join(repo, full, 'environment/e.dbxml'), 4096);
    expect(await documentOf('verify --repo @repo')).toMatchObject({ findings: [{ set: full }] });
    expect(await documentOf('list --repo @repo')).toMatchObject({ chains: [{ sets: [{ lastCheck: {} }, {}] }] });
    writeFileSync(path.join(repo, full, 'manifest.json'), '{}');
    mkdirSync(path.join(repo, '20261122T081500Z-hot-abcdef'));
    expect(await documentOf('list --repo @repo')).toMatchObject({
      orphans: [{ id: incremental }],
      broken: expect.arrayContaining([expect.objectContaining({ id: full, state: 'damaged' })]) as object,
    });
    expect(await documentOf('check --repo @repo')).toMatchObject({ problems: [{}, {}, {}] });
    expect(await documentOf('verify --repo @repo')).toHaveProperty('findings');
    expect(await documentOf('recover --repo @repo --to @target')).toHaveProperty('error');
  });

  test('failover, from its beginning to its end', async () => {
    await documentOf('failover follow --home @env --standby @standby --once');
    expect(await documentOf('failover status --standby @standby')).toMatchObject({ lag: { bytes: 0 } });
    expect(await documentOf('failover promote --standby @standby')).toMatchObject({ state: { phase: 'promoted' } });
    expect(await documentOf('failover status --standby @standby')).toMatchObject({ lagUnknown: {} as string });
    expect(await documentOf('failover promote --standby @standby')).toHaveProperty('error');
  });
});

describe('of a repository without sets', () => {
  const laid = prepared(async (place) => {
    await takeSets(place);
    for (const id of namesIn(place.repository).filter((name) => name !== 'repository.json')) {
      rmSync(path.join(place.repository, id), { recursive: true });
    }
  });
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test.each([
    'list --repo @repo',
    'verify --repo @repo',
    'check --repo @repo',
    'report --repo @repo --output @report.html',
    'expire --repo @repo --keep-full 1',
  ])('%s', async (line) => {
    expect(await documentOf(line)).toMatchObject(isResult(line));
  });
});

describe('of what is not there', () => {
  const failing: Readonly<Record<string, string>> = {
    init: 'init --repo @none/repo',
    recover: 'recover --repo @repo --to @target',
    pin: 'pin 20261122T081500Z-hot-abcdef --repo @repo',
    unpin: 'unpin 20261122T081500Z-hot-abcdef --repo @repo',
    unpack: 'unpack latest @set --repo @repo',
    recipients: 'recipients --repo @repo',
    expire: 'expire --repo @repo --keep-full 1',
    dump: 'dump @none.dbxml',
    'documents history': 'documents history d.dbxml doc00007 --repo @repo',
    diff: 'diff --repo @repo --from-lsn 4/72115',
    'documents list': 'documents list @none.dbxml',
    'documents get': 'documents get @none.dbxml --output @documents',
    'inspect environment': 'inspect environment --home @none',
    'inspect container': 'inspect container @none.dbxml',
    'inspect page': 'inspect page @none.dbxml 1',
    'logs list': 'logs list --from @env',
    'logs print': 'logs print --from @env',
    'logs timeline': 'logs timeline --from @env',
    'failover follow': 'failover follow --home @env --standby @standby --once',
    'failover promote': 'failover promote --standby @standby',
    'failover status': 'failover status --standby @standby',
    report: 'report --repo @repo --output @report.html',
    'config show': 'config show orders',
    'schedule install': 'schedule install orders',
    'schedule show': 'schedule show orders',
    'schedule remove': 'schedule remove orders',
  };
  const names = leaves(program)
    .filter(({ options }) => options.some(({ long }) => long === '--json'))
    .map(commandName);

  test.each(names)('%s prints an error', async (name) => {
    const needs = ['offline', 'hot', 'incremental', 'logs prune'].includes(name) ? '--home @env --repo @repo' : '';
    const line = failing[name] ?? `${name} ${needs === '' ? '--repo @repo' : needs}`;
    expect(await documentOf(line)).toMatchObject({ schema: 1, command: name, error: {} });
    expect(await documentOf(`${name} --bogus`)).toMatchObject({ schema: 1, error: { code: 'usage' } });
  });
});

test('config show, with and without settings', async () => {
  const file = path.join(directory, 'figaro-backup.toml');
  writeFileSync(file, '[environments.orders]\nhome = "/srv/orders"\n[environments.orders.hot]\nmax-rate = "5M"\n');
  expect(await documentOf('config show --config @figaro-backup.toml')).toMatchObject({ settings: [] });
  expect(await documentOf('config show orders --config @figaro-backup.toml')).toMatchObject({
    environment: 'orders',
    settings: [{ name: 'home' }, { command: 'hot', name: 'max-rate' }],
  });
});
