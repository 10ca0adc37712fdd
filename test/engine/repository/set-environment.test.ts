/** What a chain is made of is said by manifests: no byte of a set is read to know it. */

import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { discoverLayers } from '../../../src/engine/environment/layers.ts';
import { type Environment } from '../../../src/engine/environment/environment.ts';
import { filesWith } from '../../../src/engine/files/files-with.ts';
import { type Files } from '../../../src/engine/files/files.ts';
import { nodeFiles } from '../../../src/engine/files/node-files.ts';
import { chainEnvironment, chainsOf, filesTaken } from '../../../src/engine/repository/chain.ts';
import { findChain } from '../../../src/engine/repository/find-chain.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/engine/repository/manifest.ts';
import { environmentOf, openRepository, readSets } from '../../../src/engine/repository/repository.ts';
import { corpusCase, removeUnpacked } from '../../support/corpus.ts';
import { demoApplication, temporaryDirectory } from '../../support/demo-environment.ts';
import { figaro, type CliResult } from '../../support/run-cli.ts';
import { namesIn } from '../../support/trees.ts';
import { prepared } from '../../support/prepared.ts';

afterAll(removeUnpacked);

let directory: string;
let home: string;
let repo: string;

/** Files that note what is opened in the sets. */
function noting(): { readonly files: Files; readonly opened: string[] } {
  const opened: string[] = [];
  const note = (file: string): void => {
    if (file.includes(`${path.sep}environment${path.sep}`) && file.startsWith(repo)) opened.push(path.basename(file));
  };
  const files = filesWith(nodeFiles, {
    openIfThere: (file) => (note(file), nodeFiles.openIfThere(file)),
    openOwnIfThere: (file) => (note(file), nodeFiles.openOwnIfThere(file)),
  });
  return { files, opened };
}

const take = async (kind: string, ...more: string[]): Promise<CliResult> =>
  await figaro([kind, '--home', home, '--repo', repo, ...more], { directory });

function setsOf(): ReturnType<typeof readSets>['sets'] {
  return readSets(nodeFiles, openRepository(nodeFiles, repo)).sets;
}

/** Manifests as an earlier version wrote them. */
function forget(what: (manifest: Manifest) => Manifest): void {
  for (const { directory: set } of setsOf()) {
    const file = path.join(set, 'manifest.json');
    fs.writeFileSync(file, encodeManifest(what(decodeManifest(fs.readFileSync(file, 'utf8'), file))));
  }
}

const withoutDetails = ({ settings: _settings, files, ...manifest }: Manifest): Manifest => ({
  ...manifest,
  format: 1,
  files: files.map(({ format: _format, databaseId: _id, copyOf: _copy, standsFor: _for, ...file }) => file),
});

/** What is to be the same, however it is known. */
const essence = ({ files, config, directories, damaged, owners }: Environment): object => ({
  files: files.map(({ stat: _stat, ...file }) => file),
  config,
  directories,
  damaged,
  owners: [...owners].sort(([a], [b]) => (a < b ? -1 : 1)),
});

beforeEach(() => {
  directory = temporaryDirectory();
  home = path.join(directory, 'env');
  repo = path.join(directory, 'repo');
});

describe('of a chain of an environment in directories, with copies of a database and files of the application', () => {
  const laid = prepared(async (place) => {
    ({ home, repository: repo } = place);
    const application = demoApplication(home);
    application.commitUpTo([4, 72_115]);
    fs.mkdirSync(path.join(home, 'data'));
    fs.renameSync(path.join(home, 'd.dbxml'), path.join(home, 'data/d.dbxml'));
    fs.appendFileSync(path.join(home, 'DB_CONFIG'), '\nadd_data_dir data\n');
    fs.copyFileSync(path.join(home, 'e.dbxml'), path.join(home, 'e.backup'));
    fs.writeFileSync(path.join(home, 'letter.xml'), '<a/>');
    expect(await take('hot', '--include', '*.xml')).toMatchObject({ exitCode: 0 });
    application.commitUpTo([6, 5737]);
    expect(await take('incremental')).toMatchObject({ exitCode: 0 });
  });
  beforeEach(() => {
    ({ directory, home, repository: repo } = laid());
  });

  test('nothing is opened to know the environment, and it is what a look into the sets tells', () => {
    const { files, opened } = noting();
    const { sets } = readSets(files, openRepository(files, repo));
    const chain = findChain(sets);
    const told = chainEnvironment(files, chain);
    expect(opened).toEqual([]);
    const choice = filesTaken(chain.sets.flatMap(({ manifest }) => manifest.files));
    const homes = chain.sets.map((set) => environmentOf(set.directory));
    const found = discoverLayers(nodeFiles, homes, { choice });
    expect({ ...essence(told), owners: [] }).toEqual({ ...essence(found), owners: [] });
    expect(told.files.map(({ kind }) => kind)).toContain('plain');
    expect(told.files.find(({ name }) => name === 'data/d.dbxml')).toMatchObject({
      logName: 'd.dbxml',
      dataDirectory: 'data',
    });
  });

  test('list, show and check need no byte of a set', async () => {
    for (const command of [
      ['list'],
      ['show', '--no-inventory'],
      ['check'],
      ['expire', '--keep-full', '1', '--dry-run'],
    ]) {
      const { files, opened } = noting();
      expect(await figaro([...command, '--repo', repo], { files }), command[0]).toMatchObject({ exitCode: 0 });
      expect({ command, opened }).toEqual({ command, opened: [] });
    }
  });

  test('logs of a chain open its log alone', async () => {
    const { files, opened } = noting();
    expect(await figaro(['logs', 'list', '--repo', repo], { files })).toMatchObject({ exitCode: 0 });
    expect(opened.filter((name) => !name.startsWith('log.'))).toEqual([]);
  });

  test('an incremental that cannot continue it is refused without a look into it', async () => {
    fs.rmSync(path.join(home, 'log.0000000006'));
    for (const name of namesIn(home).filter((file) => file.startsWith('log.'))) fs.rmSync(path.join(home, name));
    fs.copyFileSync(path.join(setsOf()[1]!.directory, 'environment/log.0000000006'), path.join(home, 'log.0000000009'));
    const { files, opened } = noting();
    const result = await figaro(['incremental', '--home', home, '--repo', repo], { files });
    expect(result).toMatchObject({ exitCode: 5, stderr: expect.stringContaining('chain-gap') as string });
    expect(opened).toEqual([]);
  });

  test('a chain of earlier manifests is looked into, and gives the same', () => {
    const before = essence(chainEnvironment(nodeFiles, findChain(setsOf())));
    forget(withoutDetails);
    expect(essence(chainEnvironment(nodeFiles, findChain(setsOf())))).toEqual(before);
  });

  test('a chain whose full set alone is of an earlier version gives the same, too', () => {
    const before = essence(chainEnvironment(nodeFiles, findChain(setsOf())));
    forget((manifest) => (manifest.kind === 'hot' ? withoutDetails(manifest) : manifest));
    expect(essence(chainEnvironment(nodeFiles, findChain(setsOf())))).toEqual(before);
  });

  test('a recovery opens each container of a set once, to copy it', async () => {
    const { files, opened } = noting();
    const out = path.join(directory, 'out');
    expect(await figaro(['recover', '--repo', repo, '--to', out], { files })).toMatchObject({ exitCode: 0 });
    expect(opened.filter((name) => name.endsWith('.dbxml')).sort()).toEqual(['d.dbxml', 'e.dbxml']);
  });

  test('a container beside those that the manifest names does not lead to a recovery, and a file that is none does', async () => {
    const [full] = setsOf();
    const inSet = (name: string): string => path.join(environmentOf(full!.directory), name);
    const recoverTo = async (name: string): Promise<CliResult> =>
      await figaro(['recover', '--repo', repo, '--to', path.join(directory, name)]);
    fs.writeFileSync(inSet('data/letter.txt'), 'a letter');
    expect(await recoverTo('with-letter')).toMatchObject({ exitCode: 0 });
    expect(namesIn(path.join(directory, 'with-letter/data'))).not.toContain('letter.txt');
    fs.copyFileSync(inSet('e.dbxml'), inSet('data/more.dbxml'));
    expect(await recoverTo('with-more')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('more.dbxml is damaged: it is not in the manifest of its set') as string,
    });
  });

  test('a manifest that tells another database than there is does not lead to a recovery', async () => {
    forget((manifest) => ({
      ...manifest,
      files: manifest.files.map((file) =>
        file.format ? { ...file, format: { ...file.format, littleEndian: false } } : file,
      ),
    }));
    const { exitCode, stderr } = await figaro(['recover', '--repo', repo, '--to', path.join(directory, 'out')]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('is not the database that the manifest of its set tells') as string,
    });
    expect(fs.existsSync(path.join(directory, 'out'))).toBe(false);
  });
});

test('of an encrypted environment, with the password and without, in sets made with it and without', async () => {
  const { backup } = corpusCase('crypt-53-hot');
  const password = path.join(directory, 'password');
  fs.writeFileSync(password, 'figaro-test\n', { mode: 0o600 });
  fs.cpSync(backup, home, { recursive: true });
  for (const made of [[], ['--password-file', password]]) {
    expect(await take('hot', '--quiet', ...made)).toMatchObject({ exitCode: 0 });
    const { files, opened } = noting();
    const { sets } = readSets(files, openRepository(files, repo));
    const { files: told } = chainEnvironment(files, chainsOf(sets).chains.at(-1)!);
    expect(opened).toEqual([]);
    expect(told.filter(({ kind }) => kind === 'database').every(({ format }) => format?.encrypted)).toBe(true);
    const out = path.join(directory, `out${made.length}`);
    const result = await figaro(['recover', '--quiet', '--repo', repo, '--to', out, '--password-file', password]);
    expect(result).toMatchObject({ exitCode: 0 });
  }
});
