import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { effort } from '../support/effort.ts';
import { isWine } from '../support/windows.ts';

/** In Wine one takes more than a second. */
const runs = effort('RUNS', isWine ? 25 : 150);

test('damaged environments end in a result or in an error by name, and never hang', async () => {
  const script = path.join(import.meta.dirname, 'fuzz.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, '--runs', `${runs}`], {
    maxBuffer: 1 << 24,
  });
  console.log(stdout);
  expect(stdout).toContain(`${runs} runs from seed 1, 0 failures`);
  // Damage that everything notices, or nothing, would try little.
  for (const attempt of ['rehearse', 'recover', 'dump']) {
    const results = [...stdout.matchAll(new RegExp(`^${attempt}: ([a-z-]+): (\\d+)$`, 'gm'))];
    const good = results.filter(([, result]) => result === 'good').map(([, , n]) => Number(n));
    expect(results.reduce((sum, [, , n]) => sum + Number(n), 0)).toBe(runs);
    expect(good).toEqual([expect.toSatisfy((n: number) => n > 0 && n < runs)]);
  }
  expect(stdout).toContain(`inspect: good: `);
}, 200_000);
