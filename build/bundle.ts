/**
 * Makes what of dist/ runs: the program, and what other programs may import. Files stand for what is needed together, so that a
 * command loads few of them, and nothing that it does not use. The packages that they use are in there, with their licenses.
 */

import fs from 'node:fs';
import path from 'node:path';
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const target = path.join(root, 'dist');
const chunks = path.join(target, 'chunks');

/** The library of Zstandard reads its program from a file beside it: in the bundle it is a part of it. */
const withWasm: Plugin = {
  name: 'wasm',
  setup(bundling) {
    bundling.onLoad({ filter: /zstd-wasm\/dist\/common\/index\.node\.js$/ }, ({ path: file }) => {
      const text = fs.readFileSync(file, 'utf8');
      const whole = text.replace("yield readFile(resolve(__dirname, './zstd.wasm'))", "require('./zstd.wasm')");
      if (whole === text) throw new Error(`${file} does not read zstd.wasm as it did`);
      return { contents: whole, loader: 'js' };
    });
  },
};

/** How sources and packages become what runs, in many files or in one. */
export const howToBundle = {
  absWorkingDir: root,
  bundle: true,
  loader: { '.wasm': 'binary' },
  platform: 'node',
  target: 'node20',
  // What is imported for its types alone is not loaded.
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: false } },
  plugins: [withWasm],
} satisfies BuildOptions;

/** The bundle by the paths of its files; the metafile says which sources are in each. */
export async function bundle(): Promise<{ readonly files: ReadonlyMap<string, string>; readonly metafile: Metafile }> {
  const { outputFiles, metafile } = await build({
    ...howToBundle,
    entryPoints: ['src/main.ts', 'src/index.ts', 'src/store-reader.ts'],
    outdir: target,
    chunkNames: 'chunks/[name]-[hash]',
    write: false,
    metafile: true,
    splitting: true,
    format: 'esm',
    // Some packages are CommonJS, and ask for modules of Node.js by `require`.
    banner: {
      js: "import { createRequire as requireFor } from 'node:module';\nconst require = requireFor(import.meta.url);",
    },
  });
  return { files: new Map(outputFiles.map((file) => [file.path, file.text])), metafile };
}

interface Package {
  readonly name: string;
  readonly version: string;
  /** Of SPDX. */
  readonly license: string;
  /** As the package has it; some only name it. */
  readonly text: string | undefined;
}

/** The licenses of the packages that are in the bundle, as each has them. */
export function notices({ inputs }: Pick<Metafile, 'inputs'>): string {
  const directories = Object.keys(inputs)
    .map((input) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0])
    .filter((directory) => directory !== undefined);
  const packages = [...new Set(directories)].sort().map((directory) => packageIn(path.join(root, directory)));
  return packages.map((one) => noticeOf(one, packages)).join('\n');
}

function packageIn(directory: string): Package {
  const about = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8')) as Omit<Package, 'text'>;
  const file = fs.readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
  return {
    ...about,
    text: file === undefined ? undefined : fs.readFileSync(path.join(directory, file), 'utf8').trim(),
  };
}

/** A license that is only named is that of another package that has its text. */
function noticeOf({ name, version, license, text }: Package, all: readonly Package[]): string {
  const other = all.find((each) => each.license === license && each.text !== undefined);
  if (text === undefined && !other) throw new Error(`${name} has no license file`);
  return `${'-'.repeat(80)}\n${name} ${version}\n\n${text ?? `${license}, as ${other!.name} has it.`}\n`;
}

/** Writes what has changed: a program that runs meanwhile goes on undisturbed. */
function write(file: string, text: string): void {
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new`, text);
  fs.renameSync(`${file}.new`, file);
}

/** Writes the bundle, and removes what is left of another. */
export async function bundleProgram(): Promise<void> {
  const { files, metafile } = await bundle();
  for (const [file, text] of files) write(file, text);
  write(path.join(target, 'third-party-licenses.txt'), notices(metafile));
  for (const name of fs.readdirSync(chunks)) {
    if (!files.has(path.join(chunks, name))) fs.rmSync(path.join(chunks, name));
  }
}

if (process.argv[1] === import.meta.filename) await bundleProgram();
