/** The process: arguments, streams, signals, exit status. What it does is loaded when it is known. */

/** The first word of command lines of completion scripts. No command, so that nobody is offered it. */
const candidatesWord = 'candidates';

const argv = process.argv.slice(2);

// A failed write is dealt with where the writing is done; without a listener it would end the process before that.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

// What never comes to its end is no success.
process.exitCode = 1;
void (argv[0] === candidatesWord ? printCandidates() : runProgram());

/** A shell waits for them between two keys: nothing else is loaded. */
async function printCandidates(): Promise<void> {
  const { candidates } = await import('./commands/candidates.ts');
  const { nodeFiles } = await import('./engine/files/node-files.ts');
  const names = candidates(argv.slice(1), process.env, nodeFiles);
  process.stdout.write(names.map((name) => `${name}\n`).join(''));
  process.exitCode = 0;
}

async function runProgram(): Promise<void> {
  const [{ run }, { endBySignal, stopAtSignals }] = await Promise.all([import('./cli.ts'), import('./signals.ts')]);
  const stop = new AbortController();
  let readsStdin = false;
  // From here on, an error that nobody catches is told by the run.
  stopAtSignals(stop);
  process.exitCode = await run(argv, {
    // Opened when it is asked for.
    get stdin() {
      readsStdin = true;
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: stop.signal,
  });
  // A tape that stands still keeps its read, and that even `process.exit`, waiting.
  if (readsStdin && stop.signal.aborted) endBySignal(stop.signal.reason);
  // Bytes that nobody takes must not keep a run that failed from ending.
  if (process.exitCode !== 0 && process.stdout.writableLength > 0) process.exit();
}
