/** What other programs import, as they get it: from the packed package, with its types. */

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareDatabases, corpusCase, removeUnpacked } from './support/corpus.ts';
import { demoApplication, temporaryDirectory } from './support/demo-environment.ts';
import { unlocked } from './support/unlocked.ts';

const root = path.join(import.meta.dirname, '..');
const recorded = corpusCase('crypt-53-hot');
let directory: string;
let archive: string;

/** The programs in the documents, with their directories below the test's. */
const blocks = [...readFileSync(path.join(root, 'docs/api.md'), 'utf8').matchAll(/^```ts\n([^]*?)^```/gm)].map(
  ([, code]) => code!,
);
const inHere = (code: string): string => code.replaceAll(/(?<=')\/(srv|backup|tmp)\b/g, `${directory}/$1`);

/** The package as it would be installed. It has all it needs. */
beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'figaro-test-'));
  const modules = path.join(directory, 'node_modules');
  mkdirSync(path.join(modules, '@types'), { recursive: true });
  // The types are made by the build. All else is new, or the same for every test.
  if (!areTypesNew()) execFileSync(tool('tsc'), ['-p', root]);
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  archive = path.join(directory, execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim());
  execFileSync('tar', ['xzf', archive, '-C', modules]);
  renameSync(path.join(modules, 'package'), path.join(modules, 'figaro-backup'));
  symlinkSync(path.join(root, 'node_modules/@types/node'), path.join(modules, '@types/node'));
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }\n');
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023'],
    types: ['node'],
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    // The types of the package are looked at, too.
    skipLibCheck: false,
  };
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const program = readFileSync(path.join(import.meta.dirname, 'fixtures/program/program.ts'), 'utf8');
  const programs = [['program', program], ...blocks.map((code, i) => [`example-${i}`, inHere(code)])] as const;
  for (const [name, code] of programs) {
    writeFileSync(path.join(directory, `${name}.ts`), code!);
    writeFileSync(path.join(directory, `${name}.js`), transformSync(code!, { loader: 'ts' }).code);
  }
}, 120_000);

/** The last build came after every change of the sources, and of the directories that they are in. */
function areTypesNew(): boolean {
  const made = statSync(path.join(root, 'dist/index.d.ts'), { throwIfNoEntry: false });
  const sources = [
    'tsconfig.json',
    'src',
    ...readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).map((name) => path.join('src', name)),
  ];
  return made !== undefined && sources.every((name) => statSync(path.join(root, name)).mtimeMs < made.mtimeMs);
}

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
  removeUnpacked();
});

const tool = (name: string): string => path.join(root, 'node_modules/.bin', name);

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, ...args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the package is installed without anything else, and runs for a user who has nothing', () => {
  const place = temporaryDirectory();
  const options = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', place];
  execFileSync('npm', ['install', ...options, archive]);
  expect(readdirSync(path.join(place, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
    'figaro-backup',
  ]);
  demoApplication(path.join(place, 'env')).commitUpTo([4, 72_115]);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const name of ['', 'env']) chownSync(path.join(place, name), 65_534, 65_534);
  const figaro = (...args: readonly string[]): Outcome => {
    const program = path.join(place, 'node_modules/.bin/figaro-backup');
    const env = { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin` };
    const user = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: '/', env, ...user, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { readonly version: string };
  expect(figaro('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  const repo = ['--repo', path.join(place, 'repo')];
  expect(figaro('hot', '--home', path.join(place, 'env'), ...repo, '--quiet')).toMatchObject({ status: 0 });
  expect(figaro('recover', ...repo, '--to', path.join(place, 'recovered'))).toMatchObject({ status: 0 });
  expect(readdirSync(path.join(place, 'recovered'))).toContain('d.dbxml');
});

test('programs type-check against the types of the package', () => {
  expect(run(tool('tsc'), '-p', directory)).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('a program backs up, checks, expires, recovers and promotes, and is refused what commands refuse', () => {
  cpSync(recorded.backup, path.join(directory, 'secret'), { recursive: true });
  demoApplication(path.join(directory, 'primary')).commitUpTo([4, 72_115]);
  const { status, stdout, stderr } = run(process.execPath, 'program.js', directory);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchInlineSnapshot(`
    {
      "contents": 5,
      "copied": 2,
      "excluded": [
        [
          "d.dbxml",
        ],
        1,
        [
          "e.dbxml",
          "log.0000000002",
          "log.0000000003",
          "log.0000000004",
        ],
      ],
      "findings": [
        "file-checksum true",
        "page-checksum true",
      ],
      "followed": [
        "following",
        1,
      ],
      "kept": [
        true,
        true,
      ],
      "left": [],
      "listed": [
        [
          "hot",
        ],
        [
          "offline",
        ],
      ],
      "mirrored": [
        1,
        1,
        0,
      ],
      "named": true,
      "nothingNew": [],
      "phases": true,
      "pin": "the first",
      "problems": [],
      "promotion": true,
      "proven": [
        "all",
        "all",
        "all",
      ],
      "recovered": [
        true,
        3,
      ],
      "refusals": {
        "a container of a set that is not intact": "file-checksum",
        "a container that was excluded": "container-missing",
        "a copy inside the repository": "usage",
        "a directory that is not there": "environment-missing",
        "a rate that is none": "usage",
        "a repository inside a standby": "usage",
        "a repository inside the environment": "usage",
        "a repository on a disk that is not mounted": "repository-missing",
        "a repository that is not there": "repository-missing",
        "a rule that is none": "usage",
        "a set that is not intact": "file-checksum",
        "a set that is not there": "set-missing",
        "a standby inside a repository": "usage",
        "a standby of two primaries": "usage",
        "a standby that is not there": "standby-missing",
        "a standby that was promoted": "chain-mismatch",
        "a target inside the copy": "usage",
        "a target inside the environment that sets were made of": "usage",
        "a target inside the repository": "usage",
        "a target that is taken": "target-not-empty",
        "a time that is none": "usage",
        "an empty password": "password",
        "an older chain in place of a newer set that is damaged": "chain-gap",
        "an option of another kind of set": "usage",
        "choices that cannot be used together": "usage",
        "following that is stopped": "interrupted",
        "no container at all": "usage",
        "no password": "password",
        "no rule to expire by": "usage",
        "parts of a chain that cannot be used together": "usage",
      },
      "rehearsed": [
        true,
        {
          "file": 3,
          "offset": 34112,
        },
      ],
      "stale": [
        "no-space",
        "stale",
      ],
      "status": [
        false,
        true,
      ],
      "verified": [
        0,
        2,
      ],
      "wanted": {
        "file": 3,
        "offset": 34112,
      },
      "wasPinned": true,
    }
  `);
  for (const name of ['recovered', 'from-copy', 'named']) {
    expect(compareDatabases(path.join(directory, name), recorded.expected, unlocked('figaro-test'))).toEqual([]);
  }
});

test('the programs in the documents do what they say', () => {
  expect(blocks).toHaveLength(2);
  for (const name of ['backup', 'tmp', 'srv']) mkdirSync(path.join(directory, name));
  cpSync(recorded.backup, path.join(directory, 'srv/secret'), { recursive: true });
  demoApplication(path.join(directory, 'srv/orders')).commitUpTo([5, 110_402]);
  for (const i of blocks.keys()) {
    const { status, stderr } = run(process.execPath, `example-${i}.js`);
    expect({ status, stderr }).toMatchObject({ status: 0 });
  }
  expect(readdirSync(path.join(directory, 'tmp/before'))).toContain('d.dbxml');
});

test('everything that is exported says what it is', () => {
  const index = readFileSync(path.join(root, 'src/index.ts'), 'utf8');
  const exported = [...index.matchAll(/^export \{([^}]*)\} from '([^']+)';$/gm)].flatMap(([, names, file]) =>
    names!.split(',').map((name) => ({ name: name.replace('type', '').trim(), file: file! })),
  );
  expect(exported.length).toBeGreaterThan(40);
  const undocumented = exported.filter(({ name, file }) => {
    if (name === '') return false;
    const source = readFileSync(path.join(root, 'src', file), 'utf8');
    return !new RegExp(`\\*/\nexport (?:type|interface|class|const|function) ${name}\\b`).test(source);
  });
  expect(undocumented).toEqual([]);
});
