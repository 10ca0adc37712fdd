/** `npm run wasm`: compiles src/format/log/frames.wat. */

import fs from 'node:fs';
import path from 'node:path';
import wabt from 'wabt';

const directory = path.join(import.meta.dirname, '../../src/format/log');

/** The source of the module as TypeScript, from its text. */
export async function compileFrames(): Promise<string> {
  const text = fs.readFileSync(path.join(directory, 'frames.wat'), 'utf8');
  const toolkit = await wabt();
  const { buffer } = toolkit.parseWat('frames.wat', text, { simd: true }).toBinary({});
  const lines = Buffer.from(buffer)
    .toString('base64')
    .match(/.{1,100}/g)!
    .map((line) => `  '${line}',`);
  return `/** Made from frames.wat by \`npm run wasm\`. */\nexport const framesWasm = [\n${lines.join('\n')}\n].join('');\n`;
}

export const compiledFrames = path.join(directory, 'frames-wasm.ts');

if (process.argv[1] === import.meta.filename) fs.writeFileSync(compiledFrames, await compileFrames());
