/** How long the program takes to start, beside Node.js that does nothing. */

import path from 'node:path';
import { RecordedApplication } from '../../demo/application.ts';
import { benchDirectory, costOf, figaro, inAlternation, program, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

export function* startup({ pairs }: Settings): Generator<Row> {
  const directory = benchDirectory();
  const home = path.join(directory, 'environment');
  const repo = path.join(directory, 'repository');
  new RecordedApplication(path.join(import.meta.dirname, '../../demo/environment'), home).commitUpTo([4, 72_115]);
  figaro('hot', '--quiet', '--home', home, '--repo', repo);
  const peer = (): Cost => tenTimes('-e', '0');
  for (const [work, options] of [
    ['`--version`', ['--version']],
    ['`list` of a small repository', ['list', '--repo', repo]],
  ] as const) {
    const ours = (): Cost => tenTimes(program, ...options);
    yield { work, size: 'ten times', ...inAlternation({ ours, peer }, pairs), peerName: '`node -e 0`' };
  }
}

/** The clock of processes has hundredths of a second. */
function tenTimes(...options: readonly string[]): Cost {
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do "$@" || exit 1; done';
  return costOf('bash', ['-c', script, 'bash', process.execPath, ...options]);
}
