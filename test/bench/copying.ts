/** A hot backup of large containers, beside copying without a look. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import {
  benchDirectory,
  copyPlainly,
  costOf,
  exponentOf,
  figaro,
  inAlternation,
  run,
  sizeOf,
  type Cost,
} from './measure.ts';
import { type Row, type Settings } from './rows.ts';

const factor = 4;

export function* copying({ scale, pairs }: Settings): Generator<Row> {
  const start = figaro('--version');
  const megabytes = Math.ceil(1024 * scale);
  const smaller = measure(Math.ceil(megabytes / factor), pairs);
  const larger = measure(megabytes, pairs);
  const { size } = larger;
  const exponent = exponentOf(smaller.plain.ours, larger.plain.ours, factor, start);
  yield { work: '`hot`', size, ...larger.plain, peerName: '`cp`, `sync`, `sha256sum`', exponent };
  yield { work: '`hot`, beside the tool', size, ...larger.native, peerName: '`db5.3_hotbackup`' };
}

interface Measured {
  readonly size: string;
  readonly plain: { ours: Cost; peer: Cost };
  readonly native: { ours: Cost; peer: Cost };
}

function measure(megabytes: number, pairs: number): Measured {
  const directory = benchDirectory();
  const at = (name: string): string => path.join(directory, name);
  fs.mkdirSync(at('home'));
  run(nativeProgram('fill'), ['--home', at('home'), '--megabytes', megabytes]);
  const prepare = (): void => {
    for (const name of ['repository', 'copy']) fs.rmSync(at(name), { recursive: true, force: true });
  };
  const ours = (): Cost => figaro('hot', '--quiet', '--home', at('home'), '--repo', at('repository'));
  const native = (): Cost => {
    fs.mkdirSync(at('copy'));
    return costOf('db5.3_hotbackup', ['-h', at('home'), '-b', at('copy')]);
  };
  const measured = {
    size: sizeOf(at('home')),
    plain: inAlternation({ ours, peer: () => copyPlainly(at('home'), at('copy')), prepare }, pairs),
    native: inAlternation({ ours, peer: native, prepare }, pairs),
  };
  fs.rmSync(directory, { recursive: true });
  return measured;
}
