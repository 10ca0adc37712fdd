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

/** What each command takes for an environment of so many files, and what copying takes. */
function measure(containers: number, logs: number, pairs: number): Map<string, { ours: Cost; peer: Cost }> {
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  fs.mkdirSync(at('home'));
  run(nativeProgram('many'), ['--home', at('home'), '--containers', containers, '--logs', logs]);
  const taken = ['--quiet', '--home', at('home'), '--repo', at('repository')];
  const forget = (): void => {
    for (const name of ['repository', 'copy']) fs.rmSync(at(name), { recursive: true, force: true });
  };
  const peer = (): Cost => copyPlainly(at('home'), at('copy'));
  const found = new Map<string, { ours: Cost; peer: Cost }>();
  for (const command of ['offline', 'hot']) {
    found.set(command, inAlternation({ ours: () => figaro(command, ...taken), peer, prepare: forget }, pairs));
  }
  forget();
  figaro('hot', ...taken);
  const copied = found.get('hot')!.peer;
  const repository = ['--repo', at('repository')];
  for (const [command, options] of [
    ['verify', repository],
    ['incremental', taken],
    ['list', repository],
    ['show', repository],
    ['logs list', ['--home', at('home')]],
    ['recover', [...repository, '--to', at('recovered')]],
  ] as const) {
    found.set(command, { ours: figaro(...command.split(' '), ...options), peer: copied });
  }
  fs.rmSync(directory, { recursive: true });
  return found;
}
