/** Late incrementals of a chain beside its first ones, and small ones of a large log file: what is old must cost nothing. */

import fs from 'node:fs';
import path from 'node:path';
import { work } from './application.ts';
import { benchDirectory, costOf, figaro, least, type Cost } from './measure.ts';
import { type Row, type Settings } from './rows.ts';

/** So many of each end of a chain are measured. */
const some = 3;

export function* incrementals({ scale }: Settings): Generator<Row> {
  for (const [megabytes, sets, leastSets] of [
    [1, 200, 20],
    [20, 30, 9],
  ] as const) {
    const count = Math.max(leastSets, Math.round(sets * scale));
    const chain = new GrowingChain(50);
    const costs = Array.from({ length: count }, () => chain.grow(megabytes));
    yield {
      work: `late \`incremental\` of ${megabytes} MB`,
      size: `the last of ${count}`,
      ours: least(costs.slice(-some)),
      peer: least(costs.slice(0, some)),
      peerName: 'the first',
    };
    chain.remove();
  }
  const megabytes = Math.ceil(1024 * scale);
  const chain = new GrowingChain(2 * megabytes);
  chain.grow(megabytes);
  yield {
    work: '`incremental` of 1 MB, large log file',
    size: `${megabytes} MB of log`,
    ours: least(Array.from({ length: some }, () => chain.grow(1))),
    peer: chain.copyLog(),
    peerName: '`cp` of the log file',
  };
  chain.remove();
}

const recordBytes = 1000;

/** An application that writes, and the chain of it. */
class GrowingChain {
  readonly #directory = benchDirectory();
  readonly #home = path.join(this.#directory, 'home');
  readonly #options: readonly string[];
  #records = 0;

  constructor(logMegabytes: number) {
    fs.mkdirSync(this.#home);
    this.#options = ['--log-max', `${logMegabytes * 2 ** 20}`];
    this.#write(1);
    this.#take('hot');
  }

  #write(megabytes: number): void {
    const count = Math.ceil((megabytes * 1e6) / (1.1 * recordBytes));
    const put = `put a t ${this.#records} ${count} ${recordBytes} text`;
    work(this.#home, ['open a auto a.db - btree 4096', 'begin t', put, 'commit t', 'checkpoint'], this.#options);
    this.#records += count;
  }

  #take(command: string): Cost {
    const repo = path.join(this.#directory, 'repository');
    return figaro(command, '--quiet', '--home', this.#home, '--repo', repo);
  }

  /** What the incremental costs that has so much of new log. */
  grow(megabytes: number): Cost {
    this.#write(megabytes);
    return this.#take('incremental');
  }

  copyLog(): Cost {
    return costOf('cp', [path.join(this.#home, 'log.0000000001'), path.join(this.#directory, 'copy')]);
  }

  remove(): void {
    fs.rmSync(this.#directory, { recursive: true });
  }
}
