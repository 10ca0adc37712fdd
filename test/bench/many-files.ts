/** What thousands of small containers and log files cost each command, beside copying, syncing and hashing them. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, copyPlainly, exponentOf, figaro, inAlternation, run, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

/** How much smaller the environment is that growth is told by. */
const factor = 4;

export function* manyFiles({ scale, pairs }: Settings): Generator<Row> {
  const start = figaro('--version');
  for (const [what, containers, logs] of [
    ['containers', 10_000, 1],
    ['log files', 10, 6000],
  ] as const) {
    const smaller = measure(Math.ceil((containers * scale) / factor), Math.ceil((logs * scale) / factor), pairs);
    const larger = measure(Math.ceil(containers * scale), Math.ceil(logs * scale), pairs);
    const size = `${Math.ceil(Math.max(containers, logs) * scale)}`;
    for (const [command, { ours, peer }] of larger) {
      const exponent = exponentOf(smaller.get(command)!.ours, ours, factor, start);
      yield {
        work: `\`${command}\` of many ${what}`,
        size,
        ours,
        peer,
        peerName: '`cp`, `sync`, `sha256sum`',
        exponent,
      };
    }
  }
}

/**
 * What each command takes for an environment of so many files, and what copying takes. Nothing is removed before the benchmark ends:
 * ext4 passes by the inodes of files that were removed in the last minutes, one by one for each file that is made.
 */
function measure(containers: number, logs: number, pairs: number): Map<string, { ours: Cost; peer: Cost }> {
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  fs.mkdirSync(at('home'));
  run(nativeProgram('many'), ['--home', at('home'), '--containers', containers, '--logs', logs]);
  let runs = 0;
  const repositoryOptions = (): string[] => ['--repo', at(`repository-${runs}`)];
  const taken = (): string[] => ['--quiet', '--home', at('home'), ...repositoryOptions()];
  const prepare = (): void => void (runs += 1);
  const peer = (): Cost => copyPlainly(at('home'), at(`copy-${runs}`));
  const found = new Map<string, { ours: Cost; peer: Cost }>();
  for (const command of ['offline', 'hot']) {
    found.set(command, inAlternation({ ours: () => figaro(command, ...taken()), peer, prepare }, pairs));
  }
  prepare();
  figaro('hot', ...taken());
  const copied = found.get('hot')!.peer;
  for (const [command, options] of [
    ['verify', repositoryOptions()],
    ['incremental', taken()],
    ['list', repositoryOptions()],
    ['show', repositoryOptions()],
    ['logs list', ['--home', at('home')]],
    ['recover', [...repositoryOptions(), '--to', at('recovered')]],
  ] as const) {
    found.set(command, { ours: figaro(...command.split(' '), ...options), peer: copied });
  }
  return found;
}
