/**
 * `npm run fuzz -- [--seed N] [--runs M] [--case ID]`: damages environments of the corpus and tries to recover, dump and
 * back them up. Nothing may crash, hang or exhaust the memory. A seed is tried again with `--seed N --runs 1`.
 */

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    case: { type: 'string' },
    memory: { type: 'string', default: '400' },
  },
});

/** After so long without a line, an attempt hangs. */
const limitMs = 30_000;

const results = new Map<string, number>();
const failures: string[] = [];
const first = Number(values.seed);
const end = first + Number(values.runs);
for (let seed = first; seed < end;) seed = await runChild(seed, end - seed);
console.log(
  [...results]
    .sort(([, a], [, b]) => b - a)
    .map(([result, n]) => `${result}: ${n}`)
    .join('\n'),
);
console.log(`${end - first} runs from seed ${first}, ${failures.length} failures`);
for (const failure of failures) console.log(`\n${failure}`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Runs attempts until one of them fails badly; returns the seed to go on with. */
async function runChild(seed: number, count: number): Promise<number> {
  const base = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  const directory = fs.mkdtempSync(path.join(base, 'figaro-fuzz-'));
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${values.memory}`,
      '--import',
      'tsx',
      path.join(import.meta.dirname, 'child.ts'),
      path.join(directory, 'run'),
      String(seed),
      String(count),
      ...(values.case === undefined ? [] : [values.case]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let messages = '';
  child.stderr.on('data', (chunk: Buffer) => (messages = `${messages}${chunk.toString()}`.slice(-4000)));
  let current: { seed: number; id: string } | undefined;
  let hung = false;
  const stop = (): void => {
    hung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(stop, 2 * limitMs);
  for await (const line of readline.createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = setTimeout(stop, limitMs);
    const message = JSON.parse(line) as {
      begin?: number;
      end?: number;
      case: string;
      damage: string[];
      results: Record<string, string>;
      bugs: string[];
    };
    if (message.begin !== undefined) {
      current = { seed: message.begin, id: message.case };
      continue;
    }
    current = undefined;
    for (const [name, result] of Object.entries(message.results)) {
      const key = `${name}: ${result}`;
      results.set(key, (results.get(key) ?? 0) + 1);
    }
    for (const bug of message.bugs) {
      failures.push(`seed ${message.end} (${message.case}; ${message.damage.join('; ')})\n${bug}`);
    }
    seed = message.end! + 1;
  }
  clearTimeout(timer);
  fs.rmSync(directory, { recursive: true, force: true });
  if (!current) return seed;
  failures.push(`seed ${current.seed} (${current.id}): ${hung ? 'it hangs' : `the process died\n${messages}`}`);
  return current.seed + 1;
}
