/** The process: arguments, streams, signals, exit status. */

import { run } from './cli.ts';

const stop = new AbortController();

// The first signal stops the work where that leaves nothing half done. The second one has its usual effect: at once, even
// when the work does not come to look at signals.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM');
    stop.abort(signal);
  });
}

// A failed write is dealt with where the writing is done; without a listener it would end the process before that.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  signal: stop.signal,
});
