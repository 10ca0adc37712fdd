import fs from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Storms, sweeps, and what needs servers, shells or a browser. */
const longOnly = 'test/**/*.long.test.ts';

/** Whoever names one wants it run. */
const namesLongOnly = process.argv.some((word) => word.includes('.long.test'));

export default defineConfig(({ mode }) => {
  const isLong = mode === 'long';
  // Far more than any test takes by itself: machines are busy.
  const timeout = isLong ? 120_000 : 60_000;
  return {
    test: {
      include: isLong ? [...testsWithEffort(), longOnly] : ['test/**/*.test.ts'],
      exclude: isLong || namesLongOnly ? [] : [longOnly],
      globalSetup: 'test/support/global-setup.ts',
      setupFiles: 'test/support/each-file.ts',
      // A third of the time of a test goes into waiting, for disks, processes and clocks: five keep two processors busy, also beside other work.
      maxWorkers: 5,
      isolate: false,
      testTimeout: timeout,
      hookTimeout: timeout,
    },
  };
});

/** The tests that do more in the long run: those that `test/support/effort.ts` tells how much. */
function testsWithEffort(): string[] {
  const files = fs
    .readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => path.join('test', name));
  const imports = files.map((file) => [file, importsOf(file)] as const);
  const told = new Set(['test/support/effort.ts']);
  // What imports one of them is told, too.
  for (const name of told) {
    for (const [file, imported] of imports) if (imported.has(name)) told.add(file);
  }
  return [...told].filter((name) => name.endsWith('.test.ts'));
}

function importsOf(file: string): ReadonlySet<string> {
  const imports = fs.readFileSync(file, 'utf8').matchAll(/^(?:import|\}).*'(\.[^']+)';$/gm);
  return new Set([...imports].map(([, name]) => path.join(path.dirname(file), name!)));
}
