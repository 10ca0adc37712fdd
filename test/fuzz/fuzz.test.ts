import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { effort } from '../support/effort.ts';

const runs = effort('RUNS', 40, 150);

test('damaged environments end in a result or in an error by name, and never hang', async () => {
  const script = path.join(import.meta.dirname, 'fuzz.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, '--runs', `${runs}`], {
    maxBuffer: 1 << 24,
  });
  console.log(stdout);
  expect(stdout).toContain(`${runs} runs from seed 1, 0 failures`);
}, 200_000);
