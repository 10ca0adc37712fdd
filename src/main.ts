/** The process: arguments, streams, signals, exit status. */

import { candidates, candidatesWord } from './commands/candidates.ts';
import { nodeFiles } from './engine/files/node-files.ts';
import { stopAtSignals } from './signals.ts';

const argv = process.argv.slice(2);

// A failed write is dealt with where the writing is done; without a listener it would end the process before that.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

if (argv[0] === candidatesWord) {
  // A shell waits for them between two keys: the program itself takes longer to load.
  process.stdout.write(
    candidates(argv.slice(1), process.env, nodeFiles)
      .map((name) => `${name}\n`)
      .join(''),
  );
} else {
  await runProgram();
}

async function runProgram(): Promise<void> {
  const stop = new AbortController();
  stopAtSignals(stop);
  const { run } = await import('./cli.ts');
  process.exitCode = await run(argv, {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: stop.signal,
  });
}
