/** Recovery of logs of many shapes, beside native recovery: with its default cache, and with the memory that ours has. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import { benchDirectory, costOf, exponentOf, figaro, inAlternation, run, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

interface Shape {
  readonly work: string;
  /** How many transactions or puts at scale 1, and how they are called. */
  readonly amount: number;
  readonly of: 'transactions' | 'puts';
  /** Options of `puts.c`, for so many of them. */
  readonly puts: (amount: number) => readonly (string | number)[];
  /** The container is there, as the application left it; else there is only the log. */
  readonly withContainer?: boolean;
  /** Memory for pages, in MiB at scale 1, of both; the default of ours where it is not said. */
  readonly cache?: number;
}

const inTens = (amount: number): readonly (string | number)[] => [
  '--transactions',
  Math.ceil(amount / 10),
  '--puts',
  10,
];

const shapes: readonly Shape[] = [
  { work: 'transactions of one put', amount: 1e7, of: 'transactions', puts: (n) => ['--transactions', n] },
  {
    work: 'transactions of one put, one in ten taken back',
    amount: 1e7,
    of: 'transactions',
    puts: (n) => ['--transactions', n, '--unfinished', 10],
  },
  {
    work: 'one open transaction',
    amount: 1e6,
    of: 'puts',
    puts: (n) => ['--transactions', 1, '--puts', n, '--open', '--bytes', 100, '--keys', 1e8],
    withContainer: true,
  },
  { work: 'random keys', amount: 1e6, of: 'puts', puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 1e8] },
  { work: 'keys in order', amount: 1e6, of: 'puts', puts: (n) => [...inTens(n), '--bytes', 250, '--sequential'] },
  { work: 'updates', amount: 2e6, of: 'puts', puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 20_000] },
  {
    work: 'a hash database',
    amount: 1e6,
    of: 'puts',
    puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 1e8, '--method', 'hash'],
  },
  { work: 'a queue', amount: 2e6, of: 'puts', puts: (n) => [...inTens(n), '--bytes', 250, '--method', 'queue'] },
  {
    work: 'random keys, container larger than the cache',
    amount: 1e6,
    of: 'puts',
    puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 1e8],
    cache: 64,
  },
  {
    work: 'a hash database larger than the cache',
    amount: 1e6,
    of: 'puts',
    puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 1e8, '--method', 'hash'],
    cache: 64,
  },
  {
    work: 'random keys, with a container that has most of them',
    amount: 1e6,
    of: 'puts',
    puts: (n) => [...inTens(n), '--bytes', 250, '--keys', 1e8, '--checkpoint-every', Math.ceil(n / 40)],
    withContainer: true,
  },
];

/** How much smaller the log is that growth is told by. */
const factor = 4;

/** The default of ours, in MiB. */
const defaultCache = 256;

export function* recovery({ scale, pairs }: Settings): Generator<Row> {
  const start = figaro('--version');
  for (const shape of shapes) {
    const amount = Math.ceil(shape.amount * scale);
    const cache = shape.cache === undefined ? undefined : Math.max(1, Math.ceil(shape.cache * scale));
    const source = new Source(shape, amount);
    const size = `${amount} ${shape.of}`;
    const same = source.measure(cache, cache ?? defaultCache, pairs);
    const ofDefault = cache === undefined ? source.measure(undefined, undefined, pairs) : undefined;
    source.remove();
    const small = new Source(shape, Math.ceil(amount / factor));
    const smaller = small.measure(cache === undefined ? undefined : Math.ceil(cache / factor), defaultCache, 1).ours;
    small.remove();
    const exponent = exponentOf(smaller, same.ours, factor, start);
    const memory = cache === undefined ? `${defaultCache} MB` : 'the same cache';
    yield { work: `\`recover\`: ${shape.work}`, size, ...same, peerName: `\`db5.3_recover -c\`, ${memory}`, exponent };
    if (ofDefault) {
      const peerName = '`db5.3_recover -c`, default cache';
      yield { work: `\`recover\`: ${shape.work}, default cache`, size, ...ofDefault, peerName };
    }
  }
}

/** What is recovered. */
class Source {
  readonly #directory = benchDirectory();
  readonly #source = path.join(this.#directory, 'source');
  readonly #target = path.join(this.#directory, 'target');

  constructor({ puts, withContainer = false }: Shape, amount: number) {
    const home = path.join(this.#directory, 'home');
    fs.mkdirSync(home);
    fs.mkdirSync(this.#source);
    run(nativeProgram('puts'), ['--home', home, ...puts(amount)]);
    for (const name of fs.readdirSync(home)) {
      if (!name.startsWith('log.') && !(withContainer && name === 'puts.db')) continue;
      fs.renameSync(path.join(home, name), path.join(this.#source, name));
    }
    fs.rmSync(home, { recursive: true });
  }

  /** @param cache of ours, and of the peer, in MiB */
  measure(cache: number | undefined, cacheOfPeer: number | undefined, pairs: number): { ours: Cost; peer: Cost } {
    const ours = (): Cost =>
      figaro(
        'recover',
        ...['--from', this.#source, '--to', this.#target, '--no-check', '--quiet'],
        ...(cache === undefined ? [] : ['--cache-size', `${cache}M`]),
      );
    // It works in place.
    const peer = (): Cost => {
      run('cp', ['-r', this.#source, this.#target]);
      const config = `set_cachesize 0 ${(cacheOfPeer ?? 0) * 2 ** 20} 1\n`;
      if (cacheOfPeer !== undefined) fs.writeFileSync(path.join(this.#target, 'DB_CONFIG'), config);
      return costOf('db5.3_recover', ['-c', '-h', this.#target]);
    };
    const prepare = (): void => fs.rmSync(this.#target, { recursive: true, force: true });
    return inAlternation({ ours, peer, prepare }, pairs);
  }

  remove(): void {
    fs.rmSync(this.#directory, { recursive: true });
  }
}
