import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from '../build/bundle.ts';
import { buildProgram } from '../src/cli.ts';
import { CommandContext } from '../src/commands/context.ts';
import { describeCommand } from '../src/commands/describe.ts';
import { nodeFiles } from '../src/engine/files/node-files.ts';
import { temporaryDirectory } from './support/demo-environment.ts';
import { program } from './support/program.ts';
import { slashed } from './support/windows.ts';

const root = path.join(import.meta.dirname, '..');

describe('starting the program', () => {
  /** The sources in each file of dist/. */
  const sourcesOf = new Map<string, readonly string[]>();

  beforeAll(async () => {
    const { metafile } = await bundle();
    for (const [file, { inputs }] of Object.entries(metafile.outputs)) sourcesOf.set(file, Object.keys(inputs));
  });

  /** The sources and packages that Node.js loads for a command line. */
  function loadedBy(...args: readonly string[]): readonly string[] {
    const directory = temporaryDirectory();
    spawnSync(process.execPath, [program, ...args], { env: { ...process.env, NODE_V8_COVERAGE: directory } });
    const urls = fs.readdirSync(directory).flatMap((name) => {
      const { result } = JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8')) as {
        readonly result: readonly { readonly url: string }[];
      };
      return result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    });
    return urls.flatMap((url) => sourcesOf.get(slashed(path.relative(root, fileURLToPath(url)))) ?? []);
  }

  test('loads no command and nothing that they work with to print the version', () => {
    const loaded = loadedBy('--version');
    expect(loaded).toContain('src/cli.ts');
    const engine = loaded.filter(
      (source) => source.startsWith('src/engine/') && !source.startsWith('src/engine/files/'),
    );
    expect(engine).toEqual(['src/engine/version.ts']);
    expect(loaded.filter((source) => /node_modules\/(ora|picomatch)\//.test(source))).toEqual([]);
    expect(loaded).not.toContain('src/commands/list.ts');
  });

  test('loads for a list what reads manifests, and neither other commands nor what copies and recovers', () => {
    const loaded = loadedBy('list', '--repo', temporaryDirectory());
    expect(loaded).toContain('src/engine/repository/manifest.ts');
    const others =
      /^src\/(engine\/(backup|failover|verify|database|inspect)\/|format\/log\/records\/|commands\/(backup|show|recover)\.ts)/;
    expect(loaded.filter((source) => others.test(source))).toEqual([]);
    expect(loaded.filter((source) => source.includes('node_modules/ora/'))).toEqual([]);
  });

  test('loads for a report what reads manifests, and the page for nothing else', () => {
    const repo = temporaryDirectory();
    const loaded = loadedBy('report', '--repo', repo);
    expect(loaded).toContain('src/output/report-page/page.ts');
    expect(loaded.filter((source) => /^src\/engine\/(backup|failover|verify|database|inspect)\//.test(source))).toEqual(
      [],
    );
    const ofCheck = loadedBy('check', '--repo', repo);
    expect(ofCheck).toContain('src/engine/repository/health.ts');
    expect(ofCheck.filter((source) => source.startsWith('src/output/report-page/'))).toEqual([]);
  });

  test('loads for names that a shell offers no parser of command lines', () => {
    const loaded = loadedBy('candidates', 'set');
    expect(loaded).toContain('src/commands/candidates.ts');
    expect(loaded).not.toContain('src/cli.ts');
  });
});

test('a command that is loaded alone is the one of the whole program', async () => {
  const io = { stdout: process.stdout, stderr: process.stderr, env: {} };
  const whole = await buildProgram(new CommandContext(io, nodeFiles));
  expect(whole.commands.length).toBeGreaterThan(15);
  for (const command of whole.commands) {
    const alone = await buildProgram(new CommandContext(io, nodeFiles), (name) => name === command.name());
    expect(alone.commands.map((child) => describeCommand(child))).toEqual([describeCommand(command)]);
  }
});

test('the package has the license of everything that is bundled in it', async () => {
  const { metafile } = await bundle();
  const packages = Object.keys(metafile.inputs).map((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  const licenses = fs.readFileSync(path.join(root, 'dist/third-party-licenses.txt'), 'utf8');
  expect(packages).toContain('commander');
  for (const name of packages.filter((each) => each !== undefined)) {
    expect(licenses).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n\\n\\S`, 'm'));
  }
});
