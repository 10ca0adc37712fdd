import { type Progress } from '../engine/pause.ts';
import { formatBytes, formatDuration, inOneLine } from './text.ts';

/** Shows what a long run is doing. */
interface ProgressView {
  update(progress: Progress): void;
  /** A line that stays. */
  note(text: string): void;
  stop(): void;
}

interface ProgressOptions {
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly color: boolean;
}

const silent: ProgressView = { update: () => {}, note: () => {}, stop: () => {} };

/** A stream that may be a terminal. */
interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  /** 0 where the size is not known, as in some containers: ora never returns from drawing on such a terminal. */
  readonly columns?: number;
}

/**
 * A line that moves on a terminal; elsewhere a line for each new phase with `--verbose`, otherwise nothing: cron hears
 * from us only when something is wrong.
 */
export async function showProgress(
  stream: ProgressStream,
  { quiet, verbose, color }: ProgressOptions,
): Promise<ProgressView> {
  if (quiet) return silent;
  if (!stream.isTTY || !stream.columns) return verbose ? phases(stream) : silent;
  const { default: ora } = await import('ora');
  // The cursor stays visible: to bring it back, ora would need signal handlers beside ours.
  const spinner = ora({ stream, discardStdin: false, hideCursor: false, color: color ? 'cyan' : false });
  const meter = new Meter();
  return {
    update(progress) {
      spinner.text = meter.describe(progress);
      if (!spinner.isSpinning) spinner.start();
    },
    note(text) {
      spinner.stop();
      stream.write(`${inOneLine(text)}\n`);
    },
    stop() {
      spinner.stop();
    },
  };
}

function phases(stream: NodeJS.WritableStream): ProgressView {
  let last = '';
  return {
    update({ phase }) {
      if (phase !== last) stream.write(`${inOneLine(phase)}\n`);
      last = phase;
    },
    note(text) {
      stream.write(`${inOneLine(text)}\n`);
    },
    stop() {},
  };
}

/** Before this, neither a rate nor what is left can be told from chance. In ms. */
const measureForMs = 1000;

/** Tells how far a run is, how fast, and how long it will still take. */
export class Meter {
  readonly #now: () => number;
  #phase = '';
  #phaseBegan = 0;
  #phaseStart = 0;
  #planBegan: number | undefined;

  /** @param now in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** One line about the phase, with how far all of the work is; where that is not known beforehand, how far the phase is. */
  describe({ phase, done = 0, total, plan }: Progress): string {
    const now = this.#now();
    if (phase !== this.#phase) {
      this.#phase = phase;
      this.#phaseBegan = now;
      this.#phaseStart = done;
    }
    this.#planBegan ??= plan && now;
    const parts = plan
      ? amounts(Math.min(plan.done, plan.total), plan.total, ratePerMs(plan.done, now - this.#planBegan!))
      : amounts(done, total, ratePerMs(done - this.#phaseStart, now - this.#phaseBegan));
    const name = inOneLine(phase);
    return parts.length === 0 ? name : `${name}: ${parts.join(', ')}`;
  }
}

/** How much of what there is to do is done, how fast, and how long the rest will take. */
function amounts(done: number, total: number | undefined, rate: number): string[] {
  if (!total) return [];
  const parts = [`${Math.floor((100 * done) / total)}% of ${formatBytes(total)}`];
  if (rate > 0) parts.push(`${formatBytes(Math.round(rate * 1000))}/s`);
  if (rate > 0 && done < total) parts.push(`about ${formatDuration((total - done) / rate + 999)} left`);
  return parts;
}

function ratePerMs(done: number, ms: number): number {
  return ms < measureForMs ? 0 : done / ms;
}
