/** Looks into moments of a chain, beside recovering the container to them. */

import fs from 'node:fs';
import path from 'node:path';
import { nativeProgram } from '../support/native.ts';
import {
  benchDirectory,
  exponentOf,
  figaro,
  inAlternation,
  program,
  run,
  sumOf,
  type Cost,
  type Pair,
} from './measure.ts';
import { type Row, type Settings } from './rows.ts';

/** How much smaller the environment is that growth is told by. */
const factor = 4;

/** At scale 1, in MB. */
const sizes = { container: 2048, log: 200 };

/** The document that was changed last; documents.c says how they are called. */
const document = 'document-0000000002';
const container = 'docs.dbxml';

/** Times of commits are in seconds. */
const untilAnotherSecondMs = 1100;

function awaitAnotherSecond(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, untilAnotherSecondMs);
}

export function* moments({ scale, pairs }: Settings): Generator<Row> {
  const start = figaro('--version');
  const small = new LongChain(scale / factor);
  const smaller = small.looks().map(({ ours, peer }) => inAlternation({ ours, peer }, 1).ours);
  small.remove();
  const chain = new LongChain(scale);
  for (const [i, { work, ours, peer, peerName }] of chain.looks().entries()) {
    const measured = inAlternation({ ours, peer }, pairs);
    const exponent = exponentOf(smaller[i]!, measured.ours, factor, start);
    yield { work, size: chain.size, ...measured, peerName, exponent };
  }
  chain.remove();
}

/** What is looked into, beside what one has to do without. */
interface Look extends Pair {
  readonly work: string;
  readonly peerName: string;
}

/** A chain of a large container with much log, of which three quarters were written up to a moment. */
class LongChain {
  readonly #directory = benchDirectory();
  readonly #repo = ['--repo', path.join(this.#directory, 'repository')];
  readonly #moment: string;
  readonly size: string;

  constructor(scale: number) {
    const home = path.join(this.#directory, 'home');
    fs.mkdirSync(home);
    const megabytes = Math.ceil(sizes.container * scale);
    const log = Math.ceil(sizes.log * scale);
    const work = (...options: readonly (string | number)[]): void =>
      run(nativeProgram('documents'), ['--home', home, '--megabytes', ...options]);
    const take = (command: string): void =>
      run(process.execPath, [program, command, '--quiet', '--home', home, ...this.#repo]);
    work(megabytes);
    take('hot');
    work(Math.ceil(log * 0.75), '--change');
    awaitAnotherSecond();
    this.#moment = new Date().toISOString();
    awaitAnotherSecond();
    work(Math.ceil(log * 0.25), '--change');
    take('incremental');
    fs.rmSync(home, { recursive: true });
    this.size = `${megabytes} MB, ${log} MB of log`;
  }

  looks(): readonly Look[] {
    const atMoment = ['--to-time', this.#moment];
    const peerName = '`recover --only`';
    return [
      {
        work: '`documents get` of one, as of a moment',
        ours: () => figaro('documents', 'get', container, document, ...this.#repo, ...atMoment),
        peer: () => this.#recover(...atMoment),
        peerName,
      },
      {
        work: '`documents history` of one',
        ours: () => figaro('documents', 'history', container, document, ...this.#repo),
        peer: () => this.#recover(),
        peerName,
      },
      {
        work: '`diff` of two moments',
        ours: () => figaro('diff', container, ...this.#repo, '--from-time', this.#moment),
        peer: () => sumOf(this.#recover(...atMoment), this.#recover()),
        peerName: `${peerName}, twice`,
      },
    ];
  }

  #recover(...point: readonly string[]): Cost {
    const target = path.join(this.#directory, 'target');
    fs.rmSync(target, { recursive: true, force: true });
    return figaro('recover', '--quiet', '--only', container, ...this.#repo, '--to', target, ...point);
  }

  remove(): void {
    fs.rmSync(this.#directory, { recursive: true });
  }
}
